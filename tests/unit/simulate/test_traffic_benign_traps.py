"""Each benign scenario has what makes it a trap, reacts as clients do, and says nothing of what it is."""

from __future__ import annotations

import heapq
import ipaddress
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Actor, Reply, Sent
from proxy.simulate.traffic.benign.agents import PopularAgent
from proxy.simulate.traffic.benign.automation import CiRunners, Timers
from proxy.simulate.traffic.benign.crowds import Hackathon, SchoolClass, ViralPrompt
from proxy.simulate.traffic.benign.evaluation import NightlyEvaluation, ReleaseDay
from proxy.simulate.traffic.benign.explaining import Tutoring
from proxy.simulate.traffic.benign.failover import FailingOver
from proxy.simulate.traffic.benign.gateway import Gateway
from proxy.simulate.traffic.benign.jobs import BatchJob, Job
from proxy.simulate.traffic.benign.plain import Population, SharedAddress, Travellers
from proxy.simulate.traffic.benign.rhythm import DAY_US, HOUR_US, DayShape
from proxy.simulate.traffic.benign.table import BENIGN, everything
from proxy.simulate.traffic.benign.tenants import BringYourOwnKey, Load
from proxy.simulate.traffic.texts.texts import Texts

START_US = 1_776_859_200 * US_PER_SECOND
"""A Wednesday, 12:00 UTC."""
TEXTS = Texts.open()

Judge = Callable[["Moment"], Reply]


@dataclass(frozen=True)
class Moment:
    """One request and when it was sent."""

    at_us: int
    sent: Sent

    def template(self) -> str:
        """System prompt and opening of the first turn, or what stands for it."""
        body = self.sent.body
        first = body["messages"][0]
        return str(body.get("system", first["content"] if first["role"] == "system" else ""))

    def text(self) -> str:
        """The first user's turn."""
        return next(str(message["content"]) for message in self.sent.body["messages"] if message["role"] == "user")

    def answers(self) -> int:
        """How many the conversation has had."""
        return sum(message["role"] == "assistant" for message in self.sent.body["messages"])


class Play:
    """A scene that keeps what is sent."""

    def __init__(self, seed: int, hours: float, judge: Judge) -> None:
        self.now_us = START_US
        self.rng = Random(seed)
        self.moments: list[Moment] = []
        self._end_us = START_US + int(hours * HOUR_US)
        self._judge = judge
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, moment_us: int, act: Callable[[], None]) -> None:
        if moment_us < self._end_us:
            self._count += 1
            heapq.heappush(self._due, (max(moment_us, self.now_us), self._count, act))

    def send(self, sent: Sent) -> Reply:
        moment = Moment(self.now_us, sent)
        self.moments.append(moment)
        return self._judge(moment)

    def run(self, actor: Actor) -> list[Moment]:
        actor.begin(self)
        while self._due:
            self.now_us, _, act = heapq.heappop(self._due)
            act()
        return self.moments


def admitted(moment: Moment) -> Reply:
    response = moment.sent.response
    return Reply(200 if response is None else response["status"])


def played(actor: Actor, hours: float = 4.0, seed: int = 11, judge: Judge = admitted) -> list[Moment]:
    return Play(seed, hours, judge).run(actor)


def accounts(moments: list[Moment]) -> Counter[str]:
    return Counter(moment.sent.account for moment in moments)


def addresses(moments: list[Moment]) -> set[str]:
    return {moment.sent.address for moment in moments}


def shared(moments: list[Moment]) -> int:
    """The most accounts that have four words in a row in common."""
    having: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for moment in moments:
        words = f"{moment.template()} {moment.text()}".split()
        for at in range(len(words) - 3):
            having[tuple(words[at : at + 4])].add(moment.sent.account)
    return max(len(found) for found in having.values())


@pytest.mark.parametrize("name", BENIGN)
def test_a_scenario_sends_valid_requests_and_labels_them_as_benign(name: str) -> None:
    moments = played(BENIGN[name](TEXTS, 0.0), 3.0)
    assert moments
    for moment in moments:
        sent = moment.sent
        assert sent.truth.scenario == name
        assert sent.truth.campaign is None
        assert sent.path in {"/v1/messages", "/v1/chat/completions"}
        assert ipaddress.ip_address(sent.address).is_global
        assert sent.body["model"]
        assert sent.body["messages"][-1]["role"] != "assistant"
        assert sent.response is not None


@pytest.mark.parametrize("name", BENIGN)
def test_nothing_visible_tells_the_scenario(name: str) -> None:
    for moment in played(BENIGN[name](TEXTS, 0.0), 1.0, seed=5)[:200]:
        sent = moment.sent
        beside = msgspec.json.encode([sent.headers, list(sent.attributes.values()), sent.account, sent.api_key])
        assert b"scenario" not in beside
        assert b"benign" not in beside
        assert name.encode() not in beside
        assert not {"truth", "scenario", "campaign"} & set(sent.body)


@given(st.integers(0, 2**32), st.sampled_from(sorted(BENIGN)))
@settings(max_examples=15)
def test_the_same_seed_gives_the_same_requests(seed: int, name: str) -> None:
    def once() -> list[tuple[int, bytes]]:
        moments = played(BENIGN[name](Texts.open(), 0.0), 0.5, seed)
        return [(moment.at_us, msgspec.json.encode(moment.sent)) for moment in moments]

    assert once() == once()


def test_two_seeds_differ_in_what_is_sent() -> None:
    worlds = [{moment.text() for moment in played(Population(TEXTS, 60), seed=seed)} for seed in (1, 2)]
    assert not worlds[0] & worlds[1]


def test_everything_is_every_scenario_once() -> None:
    assert len(everything(TEXTS, 0.01)) == len(BENIGN)


def test_a_population_has_few_who_ask_for_most_and_many_who_hardly_ask() -> None:
    counts = sorted(accounts(played(Population(TEXTS, 400), 12.0)).values(), reverse=True)
    assert sum(counts[: len(counts) // 10]) > sum(counts) / 2
    assert counts[len(counts) // 2] < 20


def test_a_popular_agent_has_one_prompt_and_its_tools_over_all_accounts() -> None:
    moments = played(PopularAgent(TEXTS, 150), 12.0)
    people = len(accounts(moments))
    assert people > 60
    assert shared(moments) == people
    assert len({moment.sent.address for moment in moments}) > people / 2


def test_a_lazy_agents_users_send_single_turns_of_one_corpus_and_hardly_differ() -> None:
    moments = played(PopularAgent(TEXTS, 80, lazy=True), 36.0)
    assert not any(moment.answers() for moment in moments)
    counts = sorted(accounts(moments).values())
    assert shared(moments) == len(counts)
    assert counts[-len(counts) // 10] < 4 * counts[len(counts) // 2]


def test_tenants_share_backend_and_template_but_not_content() -> None:
    moments = played(BringYourOwnKey(TEXTS, 120), 8.0)
    people = len(accounts(moments))
    assert people > 50
    assert shared(moments) == people
    assert len({address.rpartition(".")[0] for address in addresses(moments)}) == 1
    assert len({moment.sent.headers for moment in moments}) <= 3
    openings = [moment.text() for moment in moments if not moment.answers()]
    assert len(set(openings)) > 0.9 * len(openings)
    assert len({moment.sent.attributes.get("x-account-payment") for moment in moments}) > people / 4


def test_the_nightly_job_asks_once_for_each_tenant() -> None:
    counts = accounts(played(BringYourOwnKey(TEXTS, 100, Load.NIGHTLY), 3.0))
    assert len(counts) == 100
    assert sum(count == 1 for count in counts.values()) > 60


def test_a_gateway_is_one_account_with_the_content_of_many() -> None:
    moments = played(Gateway(TEXTS, 2000), 6.0)
    assert len(accounts(moments)) == 1
    assert len({moment.template() for moment in moments}) > 10


def test_hundreds_of_accounts_share_an_address_but_nothing_else() -> None:
    moments = played(SharedAddress(TEXTS, 200), 8.0)
    by_address: dict[str, set[str]] = defaultdict(set)
    for moment in moments:
        by_address[moment.sent.address].add(moment.sent.account)
    assert max(len(found) for found in by_address.values()) > 50
    assert len({moment.template() for moment in moments}) > 30


@pytest.mark.parametrize("at_home", [False, True])
def test_a_class_is_one_template_over_new_accounts_within_the_hour(at_home: bool) -> None:
    moments = played(SchoolClass(TEXTS, 40, at_home=at_home), 6.0)
    counts = accounts(moments)
    assert len(counts) == 40
    assert shared(moments) == 40
    firsts = {moment.sent.account: moment.at_us for moment in reversed(moments)}
    assert max(firsts.values()) - min(firsts.values()) < HOUR_US
    assert max(counts.values()) < 5 * min(counts.values())
    assert len(addresses(moments)) >= 40 if at_home else len(addresses(moments)) <= 2


def test_a_hackathon_starts_new_accounts_at_their_full_rate() -> None:
    moments = played(Hackathon(TEXTS, 30), 5.0)
    assert len(accounts(moments)) >= 25
    assert len(addresses(moments)) <= 4
    assert shared(moments) >= 25


def test_a_viral_prompt_spreads_over_unrelated_networks() -> None:
    moments = played(ViralPrompt(TEXTS, 150), 6.0)
    assert shared(moments) > 0.8 * len(accounts(moments))
    assert len(addresses(moments)) > 100


@pytest.mark.parametrize("job", Job)
def test_a_batch_job_deals_each_input_once_to_the_keys_of_one_payer(job: Job) -> None:
    moments = played(BatchJob(TEXTS, job, 600, keys=6), 2.0)
    texts = {moment.sent.account: set[str]() for moment in moments}
    for moment in moments:
        texts[moment.sent.account].add(moment.text())
    assert len(texts) == 6
    assert sum(map(len, texts.values())) == len(set().union(*texts.values()))
    assert len({moment.sent.attributes["x-account-payment"] for moment in moments}) == 1
    counts = accounts(moments).values()
    assert max(counts) < 1.6 * min(counts)


def test_evaluations_send_the_same_items_from_unrelated_accounts() -> None:
    moments = played(NightlyEvaluation(TEXTS, 20, 40), 5.0)
    having: dict[str, set[str]] = defaultdict(set)
    for moment in moments:
        having[moment.text()].add(moment.sent.account)
    assert max(len(found) for found in having.values()) >= 4
    assert {moment.sent.body["temperature"] for moment in moments} == {0}


def test_on_release_day_all_turn_to_one_model() -> None:
    moments = played(ReleaseDay(TEXTS, 30, 40), 8.0)
    assert len({moment.sent.body["model"] for moment in moments}) == 1
    assert len(accounts(moments)) > 15


def test_ci_runners_come_from_a_new_address_each_run() -> None:
    moments = played(CiRunners(TEXTS, 30), 8.0)
    assert len(addresses(moments)) > 3 * len(accounts(moments))


def test_timers_go_off_at_the_full_hour_for_unrelated_accounts() -> None:
    moments = played(Timers(TEXTS, 60), 6.0)
    early = [moment for moment in moments if moment.at_us % HOUR_US < HOUR_US // 20]
    assert len(early) > 0.6 * len(moments)
    assert len({moment.template() for moment in moments}) > 15


def echoes(moments: list[Moment], refused: set[int]) -> list[tuple[Sent, Sent]]:
    """Refused requests whose body came again within ten seconds, with what it came again as."""
    found = []
    for at, moment in enumerate(moments):
        if at in refused:
            later = (other for other in moments[at + 1 :] if other.at_us - moment.at_us < 10 * US_PER_SECOND)
            found += [(moment.sent, other.sent) for other in later if other.sent.body == moment.sent.body]
    return found


def refusing(share: float, refused: set[int], reply: Reply) -> Judge:
    rng, count = Random(3), iter(range(10**9))

    def judge(moment: Moment) -> Reply:
        at = next(count)
        if rng.random() >= share:
            return Reply(200)
        refused.add(at)
        return reply

    return judge


def test_a_router_moves_a_refused_request_to_another_key_of_the_same_payer() -> None:
    refused: set[int] = set()
    moments = played(FailingOver(TEXTS, 3, 800), 6.0, judge=refusing(0.1, refused, Reply(429, 30.0)))
    moved = [(first, second) for first, second in echoes(moments, refused) if first.account != second.account]
    assert moved
    assert all(
        first.attributes["x-account-payment"] == second.attributes["x-account-payment"] for first, second in moved
    )


@pytest.mark.parametrize("name", ["population", "popular-agent", "tutoring", "shared-address", "hackathon", "travel"])
def test_nobody_else_takes_a_refused_conversation_to_another_account(name: str) -> None:
    refused: set[int] = set()
    moments = played(BENIGN[name](TEXTS, 0.0), 6.0, judge=refusing(0.3, refused, Reply(429, 2.0)))[:3000]
    again = [(first, second) for first, second in echoes(moments, refused) if len(first.body["messages"]) > 2]
    assert again
    assert all(first.account == second.account for first, second in again)


def test_a_client_waits_as_long_as_it_is_told_before_it_tries_again() -> None:
    refused: set[int] = set()
    moments = played(Population(TEXTS, 60), 6.0, judge=refusing(1.0, refused, Reply(429, 7.0)))
    again = 0
    for account in accounts(moments):
        own = [moment for moment in moments if moment.sent.account == account]
        for first, second in pairwise(own):
            if first.sent.body is second.sent.body:
                again += 1
                assert second.at_us - first.at_us >= 7 * US_PER_SECOND
    assert again > 10


def test_a_customer_who_is_turned_away_goes_after_a_few_tries() -> None:
    moments = played(Population(TEXTS, 50), 48.0, judge=lambda _: Reply(403))
    assert max(accounts(moments).values()) <= 3


def test_a_traveller_keeps_the_account_while_the_network_changes() -> None:
    moments = played(Travellers(TEXTS, 60), 12.0)
    by_account: dict[str, set[str]] = defaultdict(set)
    for moment in moments:
        by_account[moment.sent.account].add(moment.sent.address)
    assert max(len(found) for found in by_account.values()) > 4


def test_tutoring_asks_for_written_out_reasoning_from_many_accounts() -> None:
    moments = played(Tutoring(TEXTS, 80), 12.0)
    assert shared(moments) == len(accounts(moments))
    words: Any = ("reasoning", "think", "thought")
    told = f"{moments[0].template()} {moments[0].text()}".lower()
    assert any(word in told for word in words)


@given(st.integers(0, 2**32), st.floats(50, 500), st.sampled_from(["office", "evening", "mixed", "night", "flat"]))
@settings(max_examples=40)
def test_a_week_brings_as_many_arrivals_as_it_should(seed: int, per_day: float, kind: str) -> None:
    rng = Random(seed)
    shape = DayShape(rng, kind)
    moment_us, count, expected = START_US, 0, 7 * per_day
    while (moment_us := shape.next_us(rng, moment_us, per_day)) < START_US + 7 * DAY_US:
        count += 1
    assert abs(count - expected) < 6 * expected**0.5

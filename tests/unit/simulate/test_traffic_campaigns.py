"""Campaigns: what their knobs do, seen from the traffic that comes out of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clock import US_PER_SECOND
from proxy.simulate.lines import Recorded
from proxy.simulate.traffic.actor import Sent
from proxy.simulate.traffic.campaigns.grammar import compose
from proxy.simulate.traffic.campaigns.knobs import (
    Disguise,
    Exits,
    Orgs,
    Pacing,
    Per,
    Place,
    Plan,
    Reaction,
    Source,
    Tasks,
    Timing,
    Wrapping,
)
from proxy.simulate.traffic.campaigns.operator import Campaign
from proxy.simulate.traffic.campaigns.paraphrase import reordered, reworded
from proxy.simulate.traffic.campaigns.presets import PRESETS
from proxy.simulate.traffic.campaigns.wrapper_texts import WRITTEN, Aim
from proxy.simulate.traffic.engine import ALLOWED, Judged, Passed, Stage
from proxy.simulate.traffic.responses import MODELS
from proxy.simulate.traffic.texts.texts import Texts

T0 = 1_776_816_000 * US_PER_SECOND
TEXTS = Texts.open()
PLAIN = Plan(
    name="plain",
    about="",
    accounts=40,
    exchanges=40 * 240,
    days=1,
    tasks=Tasks(families=("word-problems",)),
    pacing=Pacing(lead_minutes=(0.0, 0.0)),
)

Seen = tuple[Recorded, Sent, Judged]
Verdict = Callable[[Sent], Judged]


class Court:
    """Judges by a function of what was sent."""

    def __init__(self, verdict: Callable[[Recorded], Judged]) -> None:
        self.judge = verdict


def allowed(recorded: Recorded) -> Judged:
    return ALLOWED


def run(
    plan: Plan, verdict: Callable[[Recorded], Judged] = allowed, hours: float = 1.0, seed: int = 5
) -> tuple[Campaign, list[Seen]]:
    seen: list[Seen] = []
    campaign = Campaign(plan, TEXTS)
    span_us = (T0, T0 + round(hours * 3600 * US_PER_SECOND))
    Stage(Court(verdict), Passed.FULL, span_us, (lambda *told: seen.append(told),)).run([campaign], seed)
    return campaign, seen


def useful(seen: list[Seen]) -> list[Sent]:
    return [sent for _, sent, _ in seen if sent.truth.campaign is not None]


def first_text(body: dict[str, Any]) -> str:
    content = next(turn["content"] for turn in body["messages"] if turn["role"] == "user")
    return content if isinstance(content, str) else str(content[0].get("text"))


def account_of(recorded: Recorded) -> str:
    return dict(recorded.headers)["x-account-id"]


@pytest.mark.parametrize("plan", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_keeps_the_rate_per_account_at_any_scale(plan: Plan) -> None:
    small = plan.scaled(0.05)
    assert small.accounts < plan.accounts
    assert small.daily == pytest.approx(plan.daily, rel=0.02)


@pytest.mark.parametrize("plan", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_makes_about_as_many_exchanges_as_its_scale_asks_for(plan: Plan) -> None:
    pacing = replace(plan.pacing, lead_minutes=(0.0, 0.0), ramp_hours=0.0)
    small = replace(plan.scaled(60 / plan.accounts), pacing=pacing)
    hours = max(1.0, 400 / (small.accounts * small.daily / 24))
    _, seen = run(small, hours=hours)
    due = small.accounts * small.daily / 24 * hours
    # Conversations that are under way at the end make it less; people have nights.
    assert 0.4 * due <= len(useful(seen)) <= 1.5 * due


@pytest.mark.parametrize("plan", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_asks_for_models_that_are_for_sale_and_only_of_its_dialect(plan: Plan) -> None:
    dialects = {model.name: model.dialect for model in MODELS}
    pivot = (plan.tasks.pivot[1],) if plan.tasks.pivot is not None else ()
    assert {dialects[name] for name in (*plan.tasks.models, *pivot)} == {plan.tasks.dialect}


def test_the_same_seed_gives_the_same_campaign_and_another_seed_another() -> None:
    plan = PRESETS["evasive-all"].scaled(0.02)
    bodies = [[recorded.body for recorded, _, _ in run(plan, seed=seed)[1]] for seed in (5, 5, 6)]
    assert bodies[0] == bodies[1] != bodies[2]


def test_what_is_dealt_never_repeats_over_all_accounts() -> None:
    _, seen = run(PLAIN)
    tasks = [
        first_text(sent.body) for sent in useful(seen) if sent.response == {**(sent.response or {}), "status": 200}
    ]
    assert len(set(tasks)) == len(tasks) > 200


@pytest.mark.parametrize("place", [Place.SYSTEM, Place.PREFIX, Place.SUFFIX, Place.TOOLS])
def test_the_wrapper_is_in_every_request_where_its_place_is(place: Place) -> None:
    _, seen = run(replace(PLAIN, wrapping=Wrapping(place=place, by_hand=0.0)), hours=0.2)
    bodies = [sent.body for sent in useful(seen)]
    where: dict[Place, Callable[[dict[str, Any]], str]] = {
        Place.SYSTEM: lambda body: body["system"],
        Place.PREFIX: lambda body: first_text(body).split("\n\n", maxsplit=1)[0],
        Place.SUFFIX: lambda body: first_text(body).rsplit("\n\n", maxsplit=1)[-1],
        Place.TOOLS: lambda body: str(body["tools"]),
    }
    assert len({where[place](body) for body in bodies}) == 1
    assert ("system" in bodies[0], "tools" in bodies[0]) == (place is Place.SYSTEM, place is Place.TOOLS)


@pytest.mark.parametrize(("per", "most"), [(Per.CAMPAIGN, 1), (Per.ACCOUNT, 40), (Per.REQUEST, 10_000)])
def test_a_wrapper_is_worded_anew_as_often_as_asked(per: Per, most: int) -> None:
    wrapping = Wrapping(place=Place.SYSTEM, by_hand=1.0, words=0.5, reorder=True, per=per)
    _, seen = run(replace(PLAIN, wrapping=wrapping))
    wordings: defaultdict[str, set[str]] = defaultdict(set)
    for sent in useful(seen):
        wordings[sent.account].add(sent.body["system"])
    distinct = len(set().union(*wordings.values()))
    # What fails over takes another account's wording with it.
    several = sum(len(found) > 1 for found in wordings.values())
    assert distinct <= most
    assert (distinct > 20, several > 20) == (per is not Per.CAMPAIGN, per is Per.REQUEST)


@given(st.sampled_from(Aim), st.integers(), st.integers())
def test_the_grammar_composes_another_wrapper_for_another_seed(aim: Aim, one: int, other: int) -> None:
    assert (compose(aim, Random(one)) == compose(aim, Random(other))) == (abs(one) == abs(other))


@given(st.sampled_from(WRITTEN), st.integers(0, 1000), st.floats(0, 1))
def test_rewording_keeps_the_number_of_sentences_and_the_first_in_front(text: Any, seed: int, share: float) -> None:
    sentences = text.sentences
    again = reordered(sentences, Random(seed))
    assert again[0] == sentences[0]
    assert sorted(again) == sorted(sentences)
    assert len(reworded(sentences, share, Random(seed))) == len(sentences)


def test_no_words_are_replaced_where_none_shall_be_and_many_where_all_shall() -> None:
    sentences = WRITTEN[0].sentences
    assert reworded(sentences, 0.0, Random(1)) == sentences
    assert reworded(sentences, 1.0, Random(1)) != sentences


def test_written_wrappers_are_a_dozen_at_least_in_several_languages() -> None:
    assert len(WRITTEN) >= 12
    assert sum(not text.sentences[0].isascii() for text in WRITTEN) >= 3


@pytest.mark.parametrize(
    ("exits", "least", "most"),
    [(Exits.FEW, 3, 9), (Exits.PROXIES, 2, 5), (Exits.RESIDENTIAL, 38, 45), (Exits.ROTATING, 200, 10_000)],
)
def test_accounts_come_through_as_many_addresses_as_their_network_has(exits: Exits, least: int, most: int) -> None:
    _, seen = run(replace(PLAIN, disguise=Disguise(exits=exits)))
    assert least <= len({sent.address for _, sent, _ in seen}) <= most


@pytest.mark.parametrize(
    ("timing", "even"), [(Timing.ROUND_ROBIN, True), (Timing.HEADROOM, True), (Timing.RANDOM, False)]
)
def test_a_pool_is_used_evenly_unless_it_takes_turns_at_random(timing: Timing, even: bool) -> None:
    _, seen = run(replace(PLAIN, pacing=Pacing(timing=timing, lead_minutes=(0.0, 0.0))))
    used = Counter(sent.account for sent in useful(seen)).values()
    assert (max(used) - min(used) <= 3) is even


def test_people_have_pauses_and_nights_where_a_pool_has_none() -> None:
    def busiest_to_quietest(timing: Timing) -> float:
        pacing = Pacing(timing=timing, lead_minutes=(0.0, 0.0))
        _, seen = run(replace(PLAIN, accounts=10, exchanges=10 * 240, pacing=pacing), hours=24)
        name = seen[0][1].account
        hours = Counter(
            (recorded.ts_us - T0) // (3600 * US_PER_SECOND) for recorded, sent, _ in seen if sent.account == name
        )
        return max(hours.values()) / (1 + min(hours[hour] for hour in range(24)))

    assert busiest_to_quietest(Timing.HUMAN) > 3 * busiest_to_quietest(Timing.ROUND_ROBIN)


@pytest.mark.parametrize(
    ("disguise", "attribute", "least", "most"),
    [
        (Disguise(orgs=Orgs.NONE), "x-account-org", 0, 0),
        (Disguise(orgs=Orgs.FEW), "x-account-org", 1, 2),
        (Disguise(orgs=Orgs.FAKE), "x-account-org", 40, 40),
        (Disguise(paid=1.0, accounts_per_payment=20), "x-account-payment", 2, 2),
        (Disguise(paid=1.0), "x-account-payment", 40, 40),
    ],
)
def test_attributes_are_shared_as_the_disguise_says(disguise: Disguise, attribute: str, least: int, most: int) -> None:
    _, seen = run(replace(PLAIN, disguise=disguise))
    found = {sent.attributes.get(attribute) for _, sent, _ in seen} - {None}
    assert least <= len(found) <= most


def test_accounts_are_created_in_bursts() -> None:
    _, seen = run(replace(PLAIN, disguise=Disguise(bursts=2)))
    days = {sent.attributes["x-account-created"][:10] for _, sent, _ in seen}
    assert len(days) <= 4


def test_cover_is_its_share_of_each_accounts_traffic_and_not_useful() -> None:
    _, seen = run(replace(PLAIN, disguise=Disguise(cover=0.5)), hours=2)
    share = sum(sent.truth.campaign is None for _, sent, _ in seen) / len(seen)
    assert 0.44 < share < 0.56
    assert {sent.truth.scenario for _, sent, _ in seen} == {"plain"}


class Tenth:
    """Refuses every tenth new request once, and notes how it comes again: under the same account, after so long."""

    def __init__(self, refusal: Judged) -> None:
        self.again: list[tuple[bool, int]] = []
        self._refusal = refusal
        self._refused: dict[bytes, tuple[str, int]] = {}
        self._count = 0

    def judge(self, recorded: Recorded) -> Judged:
        body, account = recorded.body or b"", account_of(recorded)
        if body in self._refused:
            whose, when_us = self._refused[body]
            self.again.append((account == whose, recorded.ts_us - when_us))
            return ALLOWED
        self._count += 1
        if self._count % 10:
            return ALLOWED
        self._refused[body] = (account, recorded.ts_us)
        return self._refusal


@pytest.mark.parametrize("refusal", [Judged("throttle", 429, 30.0), Judged("block", 403)])
def test_a_refused_request_comes_again_with_the_same_body_under_another_account_within_seconds(refusal: Judged) -> None:
    tenth = Tenth(refusal)
    run(PLAIN, tenth.judge)
    assert len(tenth.again) >= 30
    assert not any(same for same, _ in tenth.again)
    # One in hundreds is failed by the upstream as well and comes a third time.
    assert sum(0.5e6 <= after_us <= 5e6 for _, after_us in tenth.again) >= len(tenth.again) - 2


def test_without_failover_a_throttled_request_comes_again_under_its_own_account_when_it_may() -> None:
    tenth = Tenth(Judged("throttle", 429, 30.0))
    run(replace(PLAIN, reaction=Reaction(after_429=False)), tenth.judge)
    assert len(tenth.again) >= 30
    assert all(same and after_us >= 30e6 for same, after_us in tenth.again)


def test_without_failover_a_blocked_request_does_not_come_again() -> None:
    tenth = Tenth(Judged("block", 403))
    run(replace(PLAIN, reaction=Reaction(after_403=False)), tenth.judge)
    assert tenth.again == []


def test_one_request_is_tried_a_few_times_and_then_given_up() -> None:
    campaign, seen = run(
        replace(PLAIN, reaction=Reaction(tries=3, dead_after=1000)), lambda recorded: Judged("block", 403), hours=0.3
    )
    tries = Counter(recorded.body for recorded, _, _ in seen)
    assert max(tries.values()) == 3
    assert campaign.wanted >= len(tries)


def test_what_nothing_is_done_for_is_still_wanted() -> None:
    open_loop, _ = run(PLAIN)
    blocked, seen = run(PLAIN, lambda recorded: Judged("block", 403))
    assert len(seen) < open_loop.wanted / 2
    assert blocked.wanted == pytest.approx(open_loop.wanted, rel=0.1)


def test_a_new_pool_takes_over_when_enough_accounts_are_dead() -> None:
    plan = replace(PLAIN, reaction=Reaction(replace_at=0.5, pools=2, dead_after=1))
    campaign = Campaign(plan, TEXTS)
    pools: list[int] = []

    def verdict(recorded: Recorded) -> Judged:
        pools.append(campaign.pool_of[account_of(recorded)])
        return Judged("block", 403) if pools[-1] == 0 else ALLOWED

    Stage(Court(verdict), Passed.FULL, (T0, T0 + 3600 * US_PER_SECOND), ()).run([campaign], 5)
    assert pools == sorted(pools)
    assert set(pools) == {0, 1}
    assert Counter(campaign.pool_of.values()) == {0: 40, 1: 40}


def test_a_new_pool_words_the_wrapper_anew_where_asked() -> None:
    reaction = Reaction(replace_at=0.5, pools=2, dead_after=1, rewrap=True)
    plan = replace(PLAIN, reaction=reaction, wrapping=Wrapping(place=Place.SYSTEM, by_hand=1.0))
    first: set[str] = set()
    systems: defaultdict[bool, set[str]] = defaultdict(set)

    def verdict(recorded: Recorded) -> Judged:
        if not first:
            first.add(msgspec.json.decode(recorded.body or b"")["system"])
        system = msgspec.json.decode(recorded.body or b"")["system"]
        systems[system in first].add(system)
        return Judged("block", 403) if system in first else ALLOWED

    run(plan, verdict)
    assert len(systems[True]) == len(systems[False]) == 1


def test_half_of_the_traffic_moves_to_a_new_model_when_it_appears() -> None:
    plan = replace(PLAIN, tasks=replace(PLAIN.tasks, pivot=(1.0, "claude-opus-4-8", 0.5)))
    _, seen = run(plan, hours=2)
    before, after = Counter[str](), Counter[str]()
    for recorded, sent, _ in seen:
        (before if recorded.ts_us < T0 + 3600 * US_PER_SECOND else after)[sent.body["model"]] += 1
    assert before["claude-opus-4-8"] == 0
    assert 0.4 < after["claude-opus-4-8"] / after.total() < 0.6


def conversations(seen: list[Seen]) -> defaultdict[str, list[Sent]]:
    found: defaultdict[str, list[Sent]] = defaultdict(list)
    for sent in useful(seen):
        found[first_text(sent.body)].append(sent)
    return found


@pytest.mark.parametrize("rotate", [False, True])
def test_a_conversation_grows_and_stays_on_its_account_unless_it_is_rotated(rotate: bool) -> None:
    tasks = Tasks(families=("tool-calls",), turns=(4, 4), harness=True, rotate=rotate)
    _, seen = run(replace(PLAIN, tasks=tasks))
    whole = [asked for asked in conversations(seen).values() if len(asked) == 4]
    assert len(whole) > 20
    assert [len(sent.body["messages"]) for sent in whole[0]] == [1, 3, 5, 7]
    assert (sum(len({sent.account for sent in asked}) > 1 for asked in whole) > len(whole) / 2) is rotate


def test_a_signature_is_brought_back_under_another_account_than_it_was_issued_to() -> None:
    plan = replace(PLAIN, tasks=replace(PLAIN.tasks, source=Source.DRAWN, signatures=0.3))
    brought: list[tuple[str, str]] = []
    for sent in useful(run(plan)[1]):
        for turn in sent.body["messages"]:
            if turn["role"] == "assistant" and isinstance(turn["content"], list):
                brought.extend((sent.account, block["signature"]) for block in turn["content"] if "signature" in block)
    assert len(brought) > 20
    assert len({account for account, _ in brought}) > 10


def test_a_search_for_what_works_ends_when_all_was_tried_and_repeats_no_wrapper() -> None:
    tasks = Tasks(families=("word-problems",), techniques=True, most=100)
    _, seen = run(replace(PLAIN, tasks=tasks, wrapping=Wrapping(place=Place.PREFIX)))
    asked = {first_text(sent.body) for sent in useful(seen)}
    assert len(asked) == 100
    assert len({text.rsplit("\n\n", maxsplit=1)[0] for text in asked}) == 100


def test_an_account_makes_no_more_a_day_than_its_budget() -> None:
    pacing = Pacing(timing=Timing.RANDOM, daily_budget=5, lead_minutes=(0.0, 0.0))
    _, seen = run(replace(PLAIN, pacing=pacing), hours=6)
    asked = {(sent.account, recorded.body) for recorded, sent, _ in seen}  # retries of one request count once
    assert max(Counter(account for account, _ in asked).values()) == 5

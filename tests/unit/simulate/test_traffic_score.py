"""The score, the baselines, and what counts as falling behind the figures on record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clock import US_PER_SECOND
from proxy.enforcement import PROBE_RULE
from proxy.errors import UsageError
from proxy.events.record import Response
from proxy.simulate.lines import Recorded
from proxy.simulate.traffic import recorded as record
from proxy.simulate.traffic.actor import Sent, Truth
from proxy.simulate.traffic.baselines import SHARERS, AccountBucket, SharedPreamble
from proxy.simulate.traffic.engine import ALLOWED, Judged, Passed, wire_headers
from proxy.simulate.traffic.score import BenignScore, Score, Scorer

T0 = 1_776_816_000 * US_PER_SECOND
BLOCKED = Judged("block", 403, None, "verdict", "campaign", "c-1")
THROTTLED = Judged("throttle", 429, 5.0, "verdict", "campaign", "c-1")
PROBED = Judged("throttle", 429, 2.0, PROBE_RULE, "campaign", "c-1")
BY_QUOTA = Judged("throttle", 429, 5.0, "account-rpm", "account")


@dataclass
class Attacker:
    name: str = "evil"
    wanted: int = 10
    pool_of: dict[str, int] = field(default_factory=dict)


class Run:
    """Tells a scorer of exchanges, a minute apart each."""

    def __init__(self, *campaigns: Attacker) -> None:
        self.scorer = Scorer(campaigns)
        self._minute = 0

    def tell(
        self, account: str, judged: Judged, campaign: str | None = None, scenario: str = "plain", status: int = 200
    ) -> None:
        sent = Sent(account, f"sk-{account}", "93.184.216.34", "/v1/messages", (), {}, None, Truth(scenario, campaign))
        moment_us = T0 + self._minute * 60 * US_PER_SECOND
        headers = wire_headers(sent, Passed.FULL)
        self.scorer(
            Recorded("e", moment_us, "POST", sent.path, "10.0.0.1", headers, b"{}", Response(status), None),
            sent,
            judged,
        )
        self._minute += 1

    def evil(self, account: str, judged: Judged, status: int = 200) -> None:
        self.tell(account, judged, "evil", "evil", status)


def test_what_got_out_is_what_was_admitted_and_answered() -> None:
    run = Run(Attacker())
    for judged, status in ((ALLOWED, 200), (ALLOWED, 200), (ALLOWED, 529), (BLOCKED, 200), (BY_QUOTA, 200)):
        run.evil("a", judged, status)
    found = run.scorer.score().campaigns[0]
    assert (found.attempts, found.leaked, found.leak_percent) == (5, 2, 20.0)


def test_cover_traffic_of_a_campaign_is_neither_useful_nor_benign() -> None:
    run = Run(Attacker())
    run.tell("a", ALLOWED, None, "evil")
    score = run.scorer.score()
    assert (score.campaigns[0].attempts, score.benign, score.exchanges) == (0, [], 1)


def test_detection_is_the_first_refusal_by_a_verdict_whatever_quotas_refused_before() -> None:
    run = Run(Attacker())
    for judged in (ALLOWED, BY_QUOTA, ALLOWED, THROTTLED, BLOCKED):
        run.evil("a", judged)
    found = run.scorer.score().campaigns[0]
    assert (found.minutes_to_detect, found.exchanges_to_detect) == (3.0, 4)


def test_a_probe_is_a_refusal_but_no_detection_yet() -> None:
    run = Run(Attacker())
    for judged in (ALLOWED, PROBED, ALLOWED, THROTTLED):
        run.evil("a", judged)
    found = run.scorer.score().campaigns[0]
    assert (found.exchanges_to_detect, found.leaked, found.recall_percent) == (4, 2, 100.0)


def test_an_account_is_acted_on_where_its_first_useful_exchange_after_detection_is_refused() -> None:
    run = Run(Attacker())
    run.evil("a", BLOCKED)
    for account, first in (("b", BLOCKED), ("c", ALLOWED), ("d", THROTTLED), ("a", BLOCKED)):
        run.evil(account, first)
        run.evil(account, BLOCKED)
    found = run.scorer.score().campaigns[0]
    assert (found.acted_on_at_first_percent, found.recall_percent) == (75.0, 100.0)


def test_a_campaign_that_nobody_finds_has_no_time_of_detection() -> None:
    run = Run(Attacker())
    run.evil("a", ALLOWED)
    found = run.scorer.score().campaigns[0]
    assert (found.minutes_to_detect, found.acted_on_at_first_percent, found.recall_percent) == (None, None, 0.0)
    assert run.scorer.score().precision_percent is None


def test_a_new_pool_is_tied_in_with_its_first_refusal_by_a_verdict() -> None:
    run = Run(Attacker(pool_of={"a": 0, "b": 1, "c": 1, "d": 2}))
    for account, judged in (
        ("a", BLOCKED),
        ("b", ALLOWED),
        ("c", ALLOWED),
        ("b", BLOCKED),
        ("c", ALLOWED),
        ("d", ALLOWED),
    ):
        run.evil(account, judged)
    assert run.scorer.score().campaigns[0].tie_in_exchanges == (2, None)


def test_precision_is_over_accounts_and_purity_over_refusals_of_one_campaign_id() -> None:
    run = Run(Attacker())
    for account in "abc":
        run.evil(account, BLOCKED)
    run.tell("innocent", THROTTLED)
    score = run.scorer.score()
    assert (score.precision_percent, score.purity_percent) == (75.0, 75.0)


def test_benign_harm_is_told_by_scenario_and_quotas_are_told_apart() -> None:
    run = Run()
    run.tell("a", BLOCKED, scenario="trap")
    run.tell("a", THROTTLED, scenario="trap")
    run.tell("b", BY_QUOTA, scenario="trap")
    run.tell("c", ALLOWED)
    plain, trap = run.scorer.score().benign
    assert plain == BenignScore("plain", 1, 1)
    assert trap == BenignScore("trap", 3, 2, blocked=1, throttled=1, harmed=1, refused_exchanges=2, by_quota=1)
    assert trap.harmed_per == 50_000


def preambled(account: str, text: str, tier: str = "", second: float = 0.0) -> Recorded:
    body = {"messages": [{"role": "user", "content": text}]}
    headers = [("x-account-id", account), ("x-account-tier", tier)]
    moment_us = T0 + round(second * US_PER_SECOND)
    return Recorded("e", moment_us, "POST", "/v1/messages", "10.0.0.1", headers, msgspec.json.encode(body), None, None)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_a_preamble_is_blocked_from_the_account_on_that_makes_it_five(accounts: list[int]) -> None:
    baseline, seen = SharedPreamble(), set()
    for account in accounts:
        seen.add(account)
        judged = baseline.judge(preambled(f"acct_{account}", "The same sixty-four characters and more " * 3))
        assert (judged.action == "block") is (len(seen) >= SHARERS)


def test_a_system_prompt_is_the_preamble_before_the_first_turn_is() -> None:
    baseline = SharedPreamble()

    def asked(account: int, system: object) -> Judged:
        body = {"system": system, "messages": [{"role": "user", "content": f"question {account}"}]}
        headers = [("x-api-key", f"sk-{account}")]
        return baseline.judge(
            Recorded("e", T0, "POST", "/v1/messages", "10.0.0.1", headers, msgspec.json.encode(body), None, None)
        )

    assert [asked(number, "You are kind.").action for number in range(5)][-1] == "block"
    assert [asked(number, [{"type": "text", "text": "You are neat."}]).action for number in range(5)][-1] == "block"
    assert asked(0, None).action == "allow"


@pytest.mark.parametrize(("tier", "burst", "per_minute"), [("", 60, 60), ("build", 100, 500)])
def test_an_account_has_a_bucket_by_its_tier_and_refills_it(tier: str, burst: int, per_minute: int) -> None:
    baseline = AccountBucket()
    actions = [baseline.judge(preambled("acct_1", "Hi", tier)).action for _ in range(burst + 1)]
    assert actions == ["allow"] * burst + ["throttle"]
    assert baseline.judge(preambled("acct_2", "Hi", tier)).action == "allow"
    assert baseline.judge(preambled("acct_1", "Hi", tier, second=60 / per_minute + 0.01)).action == "allow"


def score_of(leaked: int, throttled: int = 0, detected: float | None = 3.0) -> Score:
    run = Run(Attacker(wanted=1000))
    score = run.scorer.score()
    score.campaigns[0].leaked = leaked
    score.campaigns[0].minutes_to_detect = detected
    score.benign.append(BenignScore("trap", 100, 10, throttled=throttled))
    return score


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (score_of(100), []),
        (score_of(50), []),
        (score_of(120), []),
        (score_of(140), ["leaked"]),
        (score_of(100, throttled=1), ["benign_throttled"]),
        (score_of(100, detected=None), ["minutes_to_detect"]),
        (score_of(900, 7, 60.0), ["leaked", "minutes_to_detect", "benign_throttled"]),
    ],
)
def test_a_figure_falls_behind_where_it_is_worse_by_more_than_the_swing_it_is_allowed(
    now: Score, names: list[str]
) -> None:
    worse = record.behind({"t": record.figures_of(score_of(100))}, {"t": record.figures_of(now)})
    assert [line.split()[1] for line in worse] == names


def test_a_trial_that_is_not_played_any_more_is_behind() -> None:
    assert list(record.behind({"gone": {"leaked": 1}}, {})) == ["gone: was recorded and is not played any more"]


def test_figures_on_record_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "recorded.json"
    assert record.read(path) is None
    kept = record.Recorded(7, 1.0, {"t": record.figures_of(score_of(100))})
    record.write(path, kept)
    assert record.read(path) == kept


def test_a_record_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "recorded.json").write_text("{")
    with pytest.raises(UsageError, match=r"recorded\.json: cannot be read"):
        record.read(tmp_path / "recorded.json")

"""From a verdict to what is done about one request."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.admission.bucket import refill
from proxy.admission.quota import Rate
from proxy.enforcement import PROBE_PACE_US, PROBE_RETRY_US, Measure, Pace, is_told_upstream, measure_for, rule_of
from proxy.events.content import Content
from proxy.policy.load import load_policy
from proxy.policy.match import CampaignRules
from proxy.verdict.campaign import Level
from proxy.verdict.snapshot import Match

NOW_US = 1_776_816_000_000_000
SUSPECTED = Match("c-1", Level.SUSPECTED, "content", probing=True)
CONFIRMED = Match("c-1", Level.CONFIRMED, "content")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


def rules_of(folder: Path, campaigns: str) -> CampaignRules:
    path = folder / "p.yaml"
    path.write_text(f"version: 1\ncampaigns: {campaigns}\n")
    rules = load_policy(str(path)).campaigns
    assert rules is not None
    return rules


def measure(rules: CampaignRules, match: Match, account: str = "a", asked: int = 7, at: int = NOW_US) -> Measure | None:
    """Of a request that comes long after any other."""
    return measure_for(rules, match, account, Content(asked=asked), at, Pace())


def test_nothing_is_done_about_what_is_only_observed(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce, confirmed: {action: observe}}")

    assert measure(rules, SUSPECTED) is None
    assert measure(rules, CONFIRMED) is None


def test_all_accounts_of_a_campaign_draw_from_one_bucket_and_each_campaign_from_its_own(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce}")
    found = [measure(rules, match, account) for match in (CONFIRMED, Match("c-2", Level.CONFIRMED, "account"))
             for account in ("a", "b")]  # fmt: skip

    demands = [one.demand for one in found if one is not None]

    assert [demand and demand.key for demand in demands] == ["campaign:c-1"] * 2 + ["campaign:c-2"] * 2
    assert {demand.quota.id for demand in demands if demand} == {"campaign:confirmed"}


def test_what_got_out_before_a_campaign_was_found_has_drawn_its_bucket(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce, confirmed: {action: throttle, rate: 1/h, burst: 1}}")

    found = measure(rules, Match("c-1", Level.CONFIRMED, "content", since_us=NOW_US))

    assert found is not None
    assert found.demand is not None
    limit = found.demand.limit
    assert isinstance(limit, Rate)
    assert refill(limit, None, NOW_US)[0] == 0
    assert refill(limit, None, NOW_US + 3_600_000_000)[0] == limit.capacity_micro


def test_a_campaign_keeps_its_bucket_when_it_is_confirmed(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce, suspected: {action: throttle, rate: 60/h}}")

    before, after = measure(rules, SUSPECTED), measure(rules, CONFIRMED)

    assert before is not None
    assert after is not None
    assert before.demand is not None
    assert after.demand is not None
    assert before.demand.key == after.demand.key
    assert before.demand.limit != after.demand.limit


def test_what_is_blocked_is_never_asked_to_come_back(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce, confirmed: {action: block}}")

    assert measure(rules, CONFIRMED) == Measure("campaign:confirmed", False, None, None)


def test_in_shadow_the_same_is_found_and_marked(folder: Path) -> None:
    for campaigns in ("{suspected: {action: block}, confirmed: {action: block}}", "{}"):
        found = measure(rules_of(folder, campaigns), CONFIRMED)
        assert found is not None
        assert found.shadow


@given(
    accounts=st.lists(st.text(min_size=1), min_size=1, max_size=3),
    asked=st.integers(0, 2**60),
    at=st.integers(NOW_US, 2 * NOW_US),
)
def test_a_probe_falls_alike_on_the_same_request_however_often_it_is_asked(
    folder: Path, accounts: list[str], asked: int, at: int
) -> None:
    rules = rules_of(folder, "{mode: enforce, suspected: {action: probe, share: 50%}}")
    for account in accounts:
        first = measure(rules, SUSPECTED, account, asked, at)
        assert first in (None, Measure("campaign:probe", False, None, PROBE_RETRY_US))
        assert measure(rules, SUSPECTED, account, asked, at) == first


def test_a_probe_refuses_its_share_and_not_while_the_analyst_does_not_ask(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce, suspected: {action: probe, share: 2%}}")
    at_rest = Match("c-1", Level.SUSPECTED, "content")

    refused = sum(measure(rules, SUSPECTED, asked=number) is not None for number in range(10_000))

    assert 120 < refused < 280, "200 of 10,000, within six standard deviations"
    assert all(measure(rules, at_rest, asked=number) is None for number in range(1000))
    assert measure_for(rules, at_rest, "a", None, NOW_US, Pace()) is None


def test_of_what_comes_at_once_one_request_of_each_suspicion_is_refused() -> None:
    pace = Pace()

    def refused(at: int) -> list[tuple[str, str]]:
        asked = [(campaign, account) for account in "abcdef" for campaign in ("c-1", "c-2")]
        return [(campaign, account) for campaign, account in asked if pace.probes(campaign, account, 7, at)]

    assert refused(NOW_US) == [("c-1", "a"), ("c-2", "a")]
    assert refused(NOW_US + PROBE_PACE_US) == [("c-1", "b"), ("c-2", "b")]


@given(st.lists(st.tuples(st.integers(0, 4_000_000), st.sampled_from("abc"), st.integers(1, 3)), max_size=40))
def test_nobody_is_probed_twice_who_keeps_to_the_retry_after(requests: list[tuple[int, str, int]]) -> None:
    pace, at, last = Pace(), NOW_US, None
    for later, account, asked in requests:
        at += later
        if pace.probes("c-1", account, asked, at):
            is_too_early = last is not None and last[1:] == (account, asked) and at < last[0] + PROBE_RETRY_US
            assert last is None or is_too_early or (account != last[1] and at >= last[0] + PROBE_PACE_US)
            last = last if is_too_early else (at, account, asked)


def test_who_asks_the_same_again_at_once_is_refused_again_and_may_ask_for_something_else() -> None:
    pace = Pace()
    assert pace.probes("c-1", "a", 7, NOW_US)
    assert pace.probes("c-1", "a", 7, NOW_US + PROBE_RETRY_US - 1)
    assert not pace.probes("c-1", "a", 8, NOW_US + 1)
    assert not pace.probes("c-1", "a", 7, NOW_US + PROBE_RETRY_US)


def test_whoever_keeps_to_the_retry_after_of_a_probe_is_soon_through(folder: Path) -> None:
    rules = rules_of(folder, "{mode: enforce, suspected: {action: probe, share: 50%}}")
    waits = []
    for account in range(200):
        tries = (measure(rules, SUSPECTED, f"a{account}", 7, NOW_US + n * PROBE_RETRY_US) for n in range(40))
        waits.append(next(number for number, found in enumerate(tries) if found is None))

    assert 0 in waits
    assert 1 in waits
    assert max(waits) < 20


@pytest.mark.parametrize(
    ("campaigns", "told"),
    [
        ("{mode: enforce, tell_upstream: true}", True),
        ("{mode: shadow, tell_upstream: true}", False),
        ("{mode: enforce}", False),
    ],
)
def test_the_upstream_is_told_where_the_policy_says_so_and_acts(folder: Path, campaigns: str, told: bool) -> None:
    assert is_told_upstream(rules_of(folder, campaigns)) is told


def test_each_level_has_its_rule(folder: Path) -> None:
    rules = rules_of(folder, "{}")

    assert [rule_of(rules, level).id for level in Level] == [f"campaign:{level}" for level in Level]

"""What a policy says of campaigns: the rule of each level, who is exempt, and what is told while it is written."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.admission.quota import MICRO, Rate
from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.load import attempt
from proxy.policy.match import CampaignRules, Policy
from proxy.policy.scalars import BadValueError
from proxy.policy.spans import share, span

PolicyOf = Callable[[str], Policy]
REQUEST = LlmRequest("anthropic_messages", "/v1/messages", "m-1")
DAY_US = 86_400_000_000


def rules_of(policy: Policy) -> CampaignRules:
    assert policy.campaigns is not None
    return policy.campaigns


def somebody(account: str = "acct_1", org: str | None = None, address: str = "192.0.2.7") -> Principal:
    return Principal(account, ip_address(address), "192.0.2.0/24", "fp-1", org=org)


def told(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\ncampaigns:\n{text}")
    return [f"{issue.line}:{issue.col} {issue.severity} {issue.code}" for issue in attempt(str(path)).issues]


def test_a_policy_that_says_nothing_of_campaigns_has_nobody_look_for_them(policy_of: PolicyOf) -> None:
    policy = policy_of("quotas: []")

    assert policy.campaigns is None
    assert policy.exempted_at(somebody(), REQUEST) is None


def test_what_is_left_out_watches_in_shadow_and_would_throttle_what_is_confirmed(policy_of: PolicyOf) -> None:
    rules = rules_of(policy_of("campaigns: {}"))

    assert (rules.shadow, rules.tell_upstream, rules.expires_after_us) == (True, False, 7 * DAY_US)
    assert (rules.suspected.id, rules.suspected.action) == ("campaign:suspected", CampaignAction.OBSERVE)
    assert (rules.confirmed.id, rules.confirmed.action) == ("campaign:confirmed", CampaignAction.THROTTLE)
    assert rules.suspected.quota is None
    quota = rules.confirmed.quota
    assert quota is not None
    assert quota.limit == Rate.of(MICRO, 3_600_000_000, MICRO)
    assert (quota.id, quota.scope, quota.shadow, quota.numbers) == (
        rules.confirmed.id,
        "campaign",
        True,
        "1/h, burst 1",
    )


def test_each_level_has_its_own_action_with_its_own_numbers(policy_of: PolicyOf) -> None:
    rules = rules_of(
        policy_of(
            """\
            campaigns:
              mode: enforce
              suspected: {action: probe, share: 0.5%}
              confirmed: {action: throttle, rate: 30/min, burst: 5}
              expires_after: 36h
              tell_upstream: true
            """
        )
    )

    assert (rules.shadow, rules.tell_upstream, rules.expires_after_us) == (False, True, 36 * 3_600_000_000)
    assert (rules.suspected.action, rules.suspected.share) == (CampaignAction.PROBE, 5_000)
    assert rules.confirmed.quota is not None
    assert rules.confirmed.quota.limit == Rate.of(30 * MICRO, 60_000_000, 5 * MICRO)
    assert not rules.confirmed.quota.shadow
    assert rules.confirmed.position.endswith("policy.yaml:5")


def test_a_whole_policy_in_shadow_only_watches_campaigns(policy_of: PolicyOf) -> None:
    rules = rules_of(policy_of("mode: shadow\ncampaigns: {mode: enforce, suspected: {action: block}}"))

    assert rules.shadow
    assert rules.suspected.shadow


@pytest.mark.parametrize(
    ("principal", "line"),
    [
        (somebody(), None),
        (somebody(org="acme"), 5),
        (somebody("eval-7"), 6),
        (somebody("eval-7", address="198.51.100.1"), 6),
        (somebody(address="198.51.100.1"), 7),
    ],
)
def test_whoever_fits_any_of_the_exempt_is_in_no_campaign(
    policy_of: PolicyOf, principal: Principal, line: int | None
) -> None:
    policy = policy_of(
        """\
        campaigns:
          mode: enforce
          exempt:
            - org: acme
            - {account: "eval-*"}
            - network: 198.51.100.0/24
        """
    )

    at = policy.exempted_at(principal, REQUEST)

    assert (None if at is None else int(at.rpartition(":")[2])) == line


def test_lists_and_tiers_of_the_exempt_are_checked_as_anywhere(tmp_path: Path) -> None:
    issues = told(tmp_path, "  exempt:\n    - {network_in: nowhere.txt}\n    - {tier: gold}\ntrusted_proxies: []\n")

    assert issues == ["4:8 error missing-list", "5:8 error undeclared-tier"]


@pytest.mark.parametrize(
    ("text", "issues"),
    [
        ("  suspected: {action: observe, rate: 1/s}\n", ["3:32 error number-of-another-action"]),
        ("  suspected: {share: 3%}\n", ["3:15 error number-of-another-action"]),
        ("  suspected: {action: throttle, share: 3%}\n", ["3:33 error number-of-another-action"]),
        ("  confirmed: {rate: 3/h}\n", []),
        ("  confirmed: {rate: 3/h, burst: 0.5}\n", ["3:26 error rate-too-small"]),
        ("  confirmed: {action: throttel, rate: 3/h}\n", ["3:23 error unknown-value"]),
        ("  suspected: {action: blok, rate: 3/h}\n  confirmed: {action: observe}\n", ["3:23 error unknown-value"]),
        ("  suspected: {action: throttle, rate: 2/h}\n  confirmed: {action: throttle, rate: 2/h, burst: 9}\n", []),
        ("  suspected: {action: throttle, rate: 1/day}\n", ["3:3 warning weaker-when-confirmed"]),
        ("  suspected: {action: probe}\n  confirmed: {action: observe}\n", ["4:15 warning weaker-when-confirmed"]),
        ("  exempt: [{}]\n", ["3:12 error exempts-everybody"]),
        ("  exempt: {org: acme}\n", ["3:11 error wrong-type"]),
    ],
)
def test_a_fault_is_told_once_and_where_it_stands(tmp_path: Path, text: str, issues: list[str]) -> None:
    assert told(tmp_path, text) == issues


@given(st.integers(1, 1_000_000))
def test_a_share_is_read_exactly_to_the_millionth(millionths: int) -> None:
    assert share(f"{millionths // 10_000}.{millionths % 10_000:04}%") == millionths


@pytest.mark.parametrize("text", ["0%", "100.1%", "0.00001%", "2", "-1%", "1k%", "2 %", "%", "two%", "02%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(BadValueError, match="share|between"):
        share(text)


@given(st.integers(1, 365), st.sampled_from(["h", "day"]))
def test_a_span_is_so_many_hours_or_days(number: int, unit: str) -> None:
    assert span(f"{number}{unit}") == number * {"h": 3_600_000_000, "day": DAY_US}[unit]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("7d", "; write 7day"), ("7days", "; write 7day"), ("12hours", "; write 12h"), ("12 h", "12h or 7day"),
        ("7", "12h or 7day"), ("", "12h or 7day"), ("59min", "between 1h and 365day"), ("366day", "between"),
        ("1week", "12h or 7day"), ("s", "12h or 7day"),
    ],
)  # fmt: skip
def test_what_is_no_span_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(BadValueError, match=hint):
        span(text)

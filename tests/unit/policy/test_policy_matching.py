"""What matchers, access rules and shadow mode mean."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.match import Policy

PolicyOf = Callable[[str], Policy]

SOMEBODY = Principal(
    "acct_1",
    ip_address("203.0.113.7"),
    "203.0.113.0/24",
    "fp-1",
    org="org_1",
    tier="paid",
    verified=True,
    country="NO",
    asn=64500,
)
REQUEST = LlmRequest("anthropic_messages", "/v1/messages", "m-large", end_user="eu-1")
NOBODY = replace(SOMEBODY, org=None, tier=None, verified=False, country=None, asn=None)
NOTHING = LlmRequest("opaque", "/v1/models")

TIERS = "tiers: {free: {}, paid: {}}\ndefault_tier: free\n"


def denied(policy: Policy, principal: Principal, request: LlmRequest) -> bool:
    return policy.judge_access(principal, request).denied_by is not None


@pytest.mark.parametrize(
    "matcher",
    [
        "account: acct_1",
        "account: [other, 'acct_*']",
        "account: 'acct_?'",
        "org: org_1",
        "org: '*'",
        "end_user: 'eu-*'",
        "network: 203.0.0.0/16",
        "network: ['2001:db8::/32', 203.0.113.7]",
        "address: [203.0.113.7, '::1']",
        "asn: AS64500",
        "asn: [1, 64500]",
        "country: NO",
        "country: [SE, NO]",
        "tier: paid",
        "tier: [free, paid]",
        "model: m-large",
        "model: '*arg*'",
        "path: /v1/*",
        "client: 'fp-?'",
        "verified: true",
        "verified: [true, false]",
        "account: acct_1, org: org_1, country: NO, model: 'm-*', path: '*', verified: true",
    ],
)
def test_a_matcher_holds_where_each_key_has_a_value_that_holds(policy_of: PolicyOf, matcher: str) -> None:
    policy = policy_of(TIERS + f"access: [{{id: rule, deny: {{{matcher}}}}}]")

    assert denied(policy, SOMEBODY, REQUEST)


@pytest.mark.parametrize(
    "matcher",
    [
        "account: acct_2",
        "account: 'acct_??'",
        "account: ACCT_1",
        "account: acct",
        "org: org",
        "end_user: eu-2",
        "network: 203.0.114.0/24",
        "network: '2001:db8::/32'",
        "address: 203.0.113.8",
        "asn: 64501",
        "country: [SE, FI]",
        "tier: free",
        "model: large",
        "path: /v1",
        "client: fp-",
        "verified: false",
        "account: acct_1, org: org_2",
    ],
)
def test_a_matcher_fails_where_any_key_has_no_value_that_holds(policy_of: PolicyOf, matcher: str) -> None:
    policy = policy_of(TIERS + f"access: [{{id: rule, deny: {{{matcher}}}}}]")

    assert not denied(policy, SOMEBODY, REQUEST)


@pytest.mark.parametrize("matcher", ["org: '*'", "end_user: '*'", "model: '*'", "country: NO", "asn: 64500"])
def test_what_is_absent_matches_nothing_not_even_a_star(policy_of: PolicyOf, matcher: str) -> None:
    policy = policy_of(f"access: [{{id: rule, deny: {{{matcher}}}}}]")

    assert denied(policy, SOMEBODY, REQUEST)
    assert not denied(policy, NOBODY, NOTHING)


def test_network_and_list_are_two_keys_and_both_must_hold(policy_of: PolicyOf, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("203.0.113.0/25\n")
    policy = policy_of("access: [{id: rule, deny: {network: 203.0.113.4/30, network_in: list.txt}}]")

    assert denied(policy, SOMEBODY, REQUEST)
    assert not denied(policy, replace(SOMEBODY, address=ip_address("203.0.113.8")), REQUEST)


def test_the_first_rule_that_matches_decides(policy_of: PolicyOf) -> None:
    policy = policy_of(
        """
        access:
          - {id: friends, allow: {account: [acct_1]}}
          - {id: nobody-else, deny: {}}
        """
    )

    assert not denied(policy, SOMEBODY, REQUEST)
    assert denied(policy, replace(SOMEBODY, account="acct_2"), REQUEST)


def test_a_rule_in_shadow_mode_is_noted_and_passed_over(policy_of: PolicyOf) -> None:
    policy = policy_of(
        """
        access:
          - {id: rehearsed, deny: {country: NO}, mode: shadow}
          - {id: in-force, deny: {model: m-large}}
        """
    )

    ruling = policy.judge_access(SOMEBODY, REQUEST)
    assert ruling.denied_by is not None
    assert (ruling.denied_by.id, [rule.id for rule in ruling.shadowed]) == ("in-force", ["rehearsed"])

    passed = policy.judge_access(SOMEBODY, NOTHING)
    assert (passed.denied_by, [rule.id for rule in passed.shadowed]) == (None, ["rehearsed"])


def test_a_policy_in_shadow_mode_denies_nothing_and_tells_what_it_would_have_denied(policy_of: PolicyOf) -> None:
    policy = policy_of(
        """
        mode: shadow
        access:
          - {id: friends, allow: {account: acct_1}}
          - {id: others, deny: {}}
        quotas:
          - {id: rpm, key: [account], unit: requests, rate: 50/min}
        """
    )

    assert policy.shadow
    assert [quota.shadow for quota in policy.quotas] == [True]
    assert policy.judge_access(SOMEBODY, REQUEST) == (None, ())
    ruling = policy.judge_access(replace(SOMEBODY, account="acct_2"), REQUEST)
    assert (ruling.denied_by, [rule.id for rule in ruling.shadowed]) == (None, ["others"])


def test_a_quota_applies_to_what_it_matches_and_does_not_exempt(policy_of: PolicyOf) -> None:
    policy = policy_of(
        """
        quotas:
          - id: rpm
            match: {country: [NO, SE]}
            unless: {verified: true, model: m-large}
            key: []
            unit: requests
            rate: 1/s
        """
    )

    assert policy.demands(SOMEBODY, REQUEST) == []
    assert [demand.key for demand in policy.demands(SOMEBODY, NOTHING)] == ["rpm:requests"]
    assert [demand.key for demand in policy.demands(replace(SOMEBODY, verified=False), REQUEST)] == ["rpm:requests"]
    assert policy.demands(NOBODY, NOTHING) == []


def test_without_tiers_everybody_is_of_no_tier(policy_of: PolicyOf) -> None:
    policy = policy_of("quotas: [{id: q, key: [tier], unit: requests, rate: 1/s}]")

    assert policy.tier_of(SOMEBODY) == "-"
    assert [demand.key for demand in policy.demands(SOMEBODY, REQUEST)] == ["q:requests|-"]


def test_everything_is_allowed_where_no_rule_is_written(policy_of: PolicyOf) -> None:
    policy = policy_of("quotas: [{id: q, key: [], unit: requests, rate: 1/s}]")

    assert policy.judge_access(SOMEBODY, REQUEST) == (None, ())


def test_loopback_and_the_private_ranges_are_trusted_by_default_and_nobody_on_request(policy_of: PolicyOf) -> None:
    by_default = policy_of("access: []").trusted_proxies
    nobody = policy_of("access: []\ntrusted_proxies: []").trusted_proxies

    for address in ("127.0.0.1", "::1", "10.0.0.1", "172.31.0.1", "192.168.1.1", "fd00::1", "::ffff:127.0.0.1"):
        assert by_default.contains(ip_address(address))
        assert not nobody.contains(ip_address(address))
    assert not by_default.contains(ip_address("203.0.113.7"))
    assert not by_default.contains(ip_address("2001:db8::1"))

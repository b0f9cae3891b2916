"""Tiers' and principals' own numbers."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from proxy.admission.quota import MICRO, Limit, Rate
from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.match import Policy

PolicyOf = Callable[[str], Policy]

SOMEBODY = Principal("acct_1", ip_address("203.0.113.7"), "203.0.113.0/24", "fp-1", org="org_1", tier="paid")
REQUEST = LlmRequest("anthropic_messages", "/v1/messages", "m-large")

POLICY = """
tiers:
  free: {}
  paid: {quotas: {rpm: {rate: 2/s}, per-network: {rate: 20/s}}}
default_tier: free
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 1/s, burst: 9}
  - {id: per-network, key: [network], unit: requests, rate: 10/s}
  - {id: per-org, key: [org], unit: requests, rate: 10/s}
"""


def per_second(rate: int, burst: int | None = None) -> Limit:
    return Rate.of(rate * MICRO, MICRO, (burst or rate) * MICRO)


def held_to(policy: Policy, principal: Principal) -> dict[str, Limit]:
    return {demand.key: demand.limit for demand in policy.demands(principal, REQUEST)}


def test_a_tiers_own_numbers_replace_the_quotas_burst_and_all(policy_of: PolicyOf) -> None:
    policy = policy_of(POLICY)

    assert held_to(policy, replace(SOMEBODY, tier="free"))["rpm:requests|acct_1"] == per_second(1, burst=9)
    assert held_to(policy, SOMEBODY)["rpm:requests|acct_1"] == per_second(2, burst=2)


def test_the_narrowest_principals_numbers_go_before_all_others(policy_of: PolicyOf) -> None:
    policy = policy_of(
        POLICY
        + """
overrides:
  - {network: 203.0.113.0/24, quotas: {rpm: {rate: 3/s}, per-org: {rate: 3/s}, per-network: {rate: 3/s}}}
  - {org: org_1, quotas: {rpm: {rate: 4/s}, per-org: {rate: 4/s}}}
  - {account: acct_1, quotas: {rpm: {rate: 5/s, burst: 50}}}
"""
    )

    assert held_to(policy, SOMEBODY) == {
        "rpm:requests|acct_1": per_second(5, burst=50),
        "per-network:requests|203.0.113.0/24": per_second(3),
        "per-org:requests|org_1": per_second(4),
    }
    other = replace(SOMEBODY, account="acct_2", org="org_2")
    assert held_to(policy, other)["rpm:requests|acct_2|network=203.0.113.0/24"] == per_second(3)


@pytest.mark.parametrize("principal", ["account: acct_1", "org: org_1", "network: 203.0.0.0/16"])
def test_an_unlimited_principal_has_no_bucket(policy_of: PolicyOf, principal: str) -> None:
    policy = policy_of(POLICY + f"overrides: [{{{principal}, quotas: {{rpm: unlimited, per-network: unlimited}}}}]")

    assert list(held_to(policy, SOMEBODY)) == ["per-org:requests|org_1"]


def test_own_numbers_for_a_shared_bucket_fill_a_bucket_of_their_own(policy_of: PolicyOf) -> None:
    policy = policy_of(POLICY + "overrides: [{account: acct_1, quotas: {per-network: {rate: 99/s}}}]")

    assert held_to(policy, SOMEBODY)["per-network:requests|203.0.113.0/24|account=acct_1"] == per_second(99)
    neighbour = replace(SOMEBODY, account="acct_2", tier="free")
    assert held_to(policy, neighbour)["per-network:requests|203.0.113.0/24"] == per_second(10)
    paid_neighbour = replace(SOMEBODY, account="acct_2")
    assert held_to(policy, paid_neighbour)["per-network:requests|203.0.113.0/24|tier=paid"] == per_second(20)


@pytest.mark.parametrize(
    ("network", "key"),
    [
        ("203.0.113.0/24", "per-network:requests|203.0.113.0/24"),
        ("203.0.0.0/16", "per-network:requests|203.0.113.0/24"),
        ("203.0.113.0/28", "per-network:requests|203.0.113.0/24|network=203.0.113.0/28"),
    ],
)
def test_a_network_override_shares_no_bucket_with_addresses_outside_of_it(
    policy_of: PolicyOf, network: str, key: str
) -> None:
    policy = policy_of(POLICY + f"overrides: [{{network: {network}, quotas: {{per-network: {{rate: 7/s}}}}}}]")

    assert held_to(policy, SOMEBODY)[key] == per_second(7)


def test_a_small_ipv6_network_is_named_as_ipv6(policy_of: PolicyOf) -> None:
    policy = policy_of(POLICY + "overrides: [{network: '::/8', quotas: {rpm: {rate: 7/s}}}]")

    assert "rpm:requests|acct_1|network=::/8" in held_to(policy, replace(SOMEBODY, address=ip_address("::7")))


def test_of_networks_within_networks_the_narrowest_decides(policy_of: PolicyOf) -> None:
    policy = policy_of(
        POLICY
        + """
overrides:
  - {network: 203.0.113.0/24, quotas: {per-network: {rate: 7/s}}}
  - {network: 203.0.0.0/16, quotas: {per-network: {rate: 8/s}, per-org: unlimited}}
"""
    )

    assert held_to(policy, SOMEBODY)["per-network:requests|203.0.113.0/24"] == per_second(7)
    assert "per-org:requests|org_1" in held_to(policy, SOMEBODY)
    elsewhere = replace(SOMEBODY, address=ip_address("203.0.9.9"), network="203.0.9.0/24")
    assert held_to(policy, elsewhere)["per-network:requests|203.0.9.0/24"] == per_second(8)


@pytest.mark.parametrize("principal", ["account: acct_1", "org: org_1", "network: 203.0.113.0/24"])
def test_an_override_can_give_a_tier_whatever_the_attributes_say(policy_of: PolicyOf, principal: str) -> None:
    policy = policy_of(POLICY + f"overrides: [{{{principal}, tier: paid}}]")

    assert policy.tier_of(replace(SOMEBODY, tier="free")) == "paid"
    assert held_to(policy, replace(SOMEBODY, tier="free"))["rpm:requests|acct_1"] == per_second(2)
    stranger = replace(SOMEBODY, account="x", org="x", address=ip_address("192.0.2.1"), tier="free")
    assert policy.tier_of(stranger) == "free"


def test_two_overrides_of_one_account_for_different_quotas_add_up(policy_of: PolicyOf) -> None:
    policy = policy_of(
        POLICY
        + """
overrides:
  - {account: acct_1, quotas: {rpm: unlimited}}
  - {account: acct_1, quotas: {per-org: unlimited}}
"""
    )

    assert list(held_to(policy, SOMEBODY)) == ["per-network:requests|203.0.113.0/24|tier=paid"]

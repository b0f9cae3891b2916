"""The language by example: an operator's file, and what each of its lines must mean."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.admission.quota import MICRO, Budget, Calendar, Concurrency, Rate, Reserve, Unit
from proxy.admission.store import StoreFailure
from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.load import load_policy
from proxy.policy.match import Policy

EXAMPLE = """\
version: 1
trusted_proxies: [127.0.0.0/8, "::1/128", 10.0.0.0/8]
network_prefix: {ipv4: 24, ipv6: 64}
tiers: {trial: {}, paying: {}, contract: {}}
default_tier: trial
access:                       # in order, the first that matches decides; what none matches is allowed
  - id: restricted
    deny: {model: ["*-secret-*"]}
    unless: {verified: true, country: [US]}
    reason: Ask us for access.
  - id: unwelcome
    deny: {network_in: lists/unwelcome.txt}
quotas:
  - id: rpm
    match: {tier: trial}
    key: [account]
    unit: requests
    rate: 50/min
  - id: rpm-paying
    match: {tier: [paying, contract]}
    key: [account]
    unit: requests
    rate: 1k/min
    burst: 100
  - id: itpm
    key: [account, model]
    unit: input_tokens
    rate: 40k/min
  - id: otpm
    key: [account, model]
    unit: output_tokens
    rate: 64k/min
    reserve: max_tokens
  - id: per-network
    key: [network]
    unit: requests
    rate: 600/min
  - id: in-flight
    key: [account]
    unit: concurrent
    limit: 16
  - id: daily
    key: [org]
    unit: total_tokens
    budget: 5M/day
  - id: everything
    key: []
    unit: requests
    rate: 20k/min
    mode: shadow
overrides:
  - account: acct_big
    quotas: {rpm: {rate: 5k/min}, per-network: unlimited}
on_store_failure: local
"""
UNWELCOME = "# documentation ranges\n198.51.100.0/24\n2001:db8:bad::/48\n"

SOMEBODY = Principal("acct_1", ip_address("203.0.113.7"), "203.0.113.0/24", "fp-1", org="org_1")
REQUEST = LlmRequest("anthropic_messages", "/v1/messages", "m-large")
MINUTE_US = 60_000_000


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "unwelcome.txt").write_text(UNWELCOME)
    (tmp_path / "example.yaml").write_text(EXAMPLE)
    return load_policy(str(tmp_path / "example.yaml"))


def keys(policy: Policy, principal: Principal, request: LlmRequest = REQUEST) -> list[str]:
    return [demand.key for demand in policy.demands(principal, request)]


def test_the_top_level_says_who_is_trusted_how_networks_are_cut_and_what_a_lost_store_means(policy: Policy) -> None:
    assert policy.name == "example"
    assert policy.trusted_proxies.contains(ip_address("10.1.2.3"))
    assert policy.trusted_proxies.contains(ip_address("::1"))
    assert not policy.trusted_proxies.contains(ip_address("192.168.0.1"))
    assert (policy.ipv4_prefix, policy.ipv6_prefix) == (24, 64)
    assert policy.on_store_failure is StoreFailure.LOCAL
    assert not policy.shadow


def test_an_account_of_no_tier_or_an_unknown_one_is_of_the_default_tier(policy: Policy) -> None:
    assert policy.tier_of(SOMEBODY) == "trial"
    assert policy.tier_of(replace(SOMEBODY, tier="golden")) == "trial"
    assert policy.tier_of(replace(SOMEBODY, tier="paying")) == "paying"


def test_an_access_rule_denies_what_it_matches_unless_all_of_its_exemption_holds(policy: Policy) -> None:
    secret = replace(REQUEST, model="m-secret-2")

    for stranger in (SOMEBODY, replace(SOMEBODY, verified=True), replace(SOMEBODY, country="US")):
        denied_by = policy.judge_access(stranger, secret).denied_by
        assert denied_by is not None
        assert (denied_by.id, denied_by.reason) == ("restricted", "Ask us for access.")

    assert policy.judge_access(replace(SOMEBODY, verified=True, country="US"), secret).denied_by is None
    assert policy.judge_access(SOMEBODY, REQUEST).denied_by is None


@pytest.mark.parametrize(
    ("address", "is_denied"),
    [("198.51.100.200", True), ("198.51.101.1", False), ("2001:db8:bad:1::5", True), ("2001:db8:bae::5", False)],
)
def test_a_list_file_denies_its_networks(policy: Policy, address: str, is_denied: bool) -> None:
    ruling = policy.judge_access(replace(SOMEBODY, address=ip_address(address)), REQUEST)

    assert (ruling.denied_by is not None) == is_denied


def test_all_quotas_that_match_apply_each_with_the_bucket_of_its_key(policy: Policy) -> None:
    assert keys(policy, SOMEBODY) == [
        "rpm:requests|acct_1",
        "itpm:input_tokens|acct_1|m-large",
        "otpm:output_tokens|acct_1|m-large",
        "per-network:requests|203.0.113.0/24",
        "in-flight|acct_1",
        "daily|org_1",
        "everything:requests",
    ]
    assert keys(policy, replace(SOMEBODY, tier="contract"))[0] == "rpm-paying:requests|acct_1"


def test_each_quota_has_the_limit_that_is_written(policy: Policy) -> None:
    assert {quota.id: quota.limit for quota in policy.quotas} == {
        "rpm": Rate.of(50 * MICRO, MINUTE_US, 50 * MICRO),
        "rpm-paying": Rate.of(1000 * MICRO, MINUTE_US, 100 * MICRO),
        "itpm": Rate.of(40_000 * MICRO, MINUTE_US, 40_000 * MICRO),
        "otpm": Rate.of(64_000 * MICRO, MINUTE_US, 64_000 * MICRO),
        "per-network": Rate.of(600 * MICRO, MINUTE_US, 600 * MICRO),
        "in-flight": Concurrency(16),
        "daily": Budget(5_000_000 * MICRO, Calendar.DAY),
        "everything": Rate.of(20_000 * MICRO, MINUTE_US, 20_000 * MICRO),
    }


def test_each_quota_knows_its_unit_scope_reserve_mode_and_place(policy: Policy) -> None:
    quotas = {quota.id: quota for quota in policy.quotas}

    assert quotas["otpm"].unit is Unit.OUTPUT_TOKENS
    assert quotas["otpm"].reserve is Reserve.MAX_TOKENS
    assert quotas["daily"].reserve is Reserve.ESTIMATE
    assert [quota.id for quota in policy.quotas if quota.shadow] == ["everything"]
    assert {quota.id: quota.scope for quota in policy.quotas if quota.scope != "account"} == {
        "per-network": "network",
        "daily": "org",
        "everything": "global",
    }
    assert quotas["rpm"].position.endswith("example.yaml:14")


def test_an_override_gives_a_named_account_its_own_numbers(policy: Policy) -> None:
    demands = {demand.quota.id: demand for demand in policy.demands(replace(SOMEBODY, account="acct_big"), REQUEST)}

    assert demands["rpm"].limit == Rate.of(5000 * MICRO, MINUTE_US, 5000 * MICRO)
    assert demands["rpm"].key == "rpm:requests|acct_big"
    assert "per-network" not in demands
    assert demands["in-flight"].limit == Concurrency(16)


def test_a_quota_kept_for_an_organisation_leaves_out_whoever_has_none(policy: Policy) -> None:
    assert not [key for key in keys(policy, replace(SOMEBODY, org=None)) if key.startswith("daily")]


def test_one_request_a_day_with_a_burst_of_a_hundred(tmp_path: Path) -> None:
    path = tmp_path / "hundred.yaml"
    path.write_text("version: 1\nquotas:\n  - {id: hundred, key: [account], unit: requests, rate: 1/day, burst: 100}\n")

    (demand,) = load_policy(str(path)).demands(SOMEBODY, REQUEST)

    assert demand.limit == Rate.of(MICRO, 24 * 60 * MINUTE_US, 100 * MICRO)


def test_quotas_too_large_to_be_reached_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "open.yaml"
    path.write_text(
        "version: 1\nquotas:\n"
        "  - {id: rpm, key: [account], unit: requests, rate: 100M/min}\n"
        "  - {id: itpm, key: [account, model], unit: input_tokens, rate: 1000M/min}\n"
        "  - {id: in-flight, key: [account], unit: concurrent, limit: 1M}\n"
    )

    limits = [demand.limit for demand in load_policy(str(path)).demands(SOMEBODY, REQUEST)]

    assert limits == [
        Rate.of(10**8 * MICRO, MINUTE_US, 10**8 * MICRO),
        Rate.of(10**9 * MICRO, MINUTE_US, 10**9 * MICRO),
        Concurrency(10**6),
    ]


def test_the_default_policy_that_ships_loads_without_a_word() -> None:
    policy = load_policy(str(Path(__file__).parents[3] / "policies" / "default.yaml"))

    assert (policy.name, policy.warnings, policy.default_tier) == ("default", (), "free")
    assert set(policy.tiers) == {"free", "build", "scale"}
    assert [quota.id for quota in policy.quotas if quota.shadow] == ["network-rpm-tighter"]

"""Bucket keys: no text that a client makes can collide with another's or bloat the store."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.keys import part_of
from proxy.policy.match import Policy

PolicyOf = Callable[[str], Policy]

SOMEBODY = Principal(
    "acct_1", ip_address("2001:db8::7"), "2001:db8::/64", "fp-1", org="org_1", tier="free", country="US", asn=64500
)
REQUEST = LlmRequest("openai_chat", "/v1/chat/completions", "m-large", end_user="eu-1")


def quota(key: str) -> str:
    return f"quotas: [{{id: q, key: [{key}], unit: requests, rate: 1/s}}]\ntiers: {{free: {{}}}}\ndefault_tier: free\n"


@pytest.mark.parametrize(
    ("key", "bucket"),
    [
        ("", "q:requests"),
        ("account", "q:requests|acct_1"),
        ("org", "q:requests|org_1"),
        ("end_user", "q:requests|eu-1"),
        ("network", "q:requests|2001:db8::/64"),
        ("address", "q:requests|2001:db8::7"),
        ("asn", "q:requests|64500"),
        ("country", "q:requests|US"),
        ("tier", "q:requests|free"),
        ("model", "q:requests|m-large"),
        ("path", "q:requests|/v1/chat/completions"),
        ("client", "q:requests|fp-1"),
        ("model, account", "q:requests|acct_1|m-large"),
        ("client, path, model, tier, country, asn, address, network, end_user, org, account",
         "q:requests|acct_1|org_1|eu-1|2001:db8::/64|2001:db8::7|64500|US|free|m-large|/v1/chat/completions|fp-1"),
    ],
)  # fmt: skip
def test_a_key_is_the_quota_and_its_values_in_one_order(policy_of: PolicyOf, key: str, bucket: str) -> None:
    (demand,) = policy_of(quota(key)).demands(SOMEBODY, REQUEST)

    assert demand.key == bucket


def test_another_unit_is_another_bucket(policy_of: PolicyOf) -> None:
    """Total tokens without their name, as all units once were: an update gives no day's or month's tokens back."""
    policy = quota("account").replace("rate: 1/s", "budget: 1k/day")
    tokens = ("input_tokens", "output_tokens", "total_tokens")
    buckets = {
        unit: policy_of(policy.replace("requests", unit)).demands(SOMEBODY, REQUEST)[0].key
        for unit in ("requests", *tokens)
    }

    assert buckets == {
        "requests": "q:requests|acct_1",
        "input_tokens": "q:input_tokens|acct_1",
        "output_tokens": "q:output_tokens|acct_1",
        "total_tokens": "q|acct_1",
    }


@pytest.mark.parametrize("key", ["org", "end_user", "asn", "country", "account, country"])
def test_a_quota_leaves_out_an_exchange_that_lacks_a_value_of_its_key(policy_of: PolicyOf, key: str) -> None:
    nobody = replace(SOMEBODY, org=None, country=None, asn=None)

    assert policy_of(quota(key)).demands(nobody, replace(REQUEST, end_user=None)) == []


def test_an_absent_model_has_a_bucket_that_no_named_model_can_draw_from(policy_of: PolicyOf) -> None:
    policy = policy_of(quota("model"))

    (absent,) = policy.demands(SOMEBODY, replace(REQUEST, model=None))
    (dash,) = policy.demands(SOMEBODY, replace(REQUEST, model="-"))

    assert absent.key == "q:requests|-"
    assert dash.key.startswith("q:requests|h-")


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        ("account, org, network", "account"),
        ("end_user", "account"),
        ("org, network", "org"),
        ("network", "network"),
        ("address", "network"),
        ("asn", "network"),
        ("country, model", "network"),
        ("tier, model, path, client", "global"),
        ("", "global"),
    ],
)
def test_the_scope_is_that_of_the_narrowest_principal_in_the_key(policy_of: PolicyOf, key: str, scope: str) -> None:
    assert policy_of(quota(key)).quotas[0].scope == scope


@pytest.mark.parametrize("value", ["acct_1", "a b", "~!@#{}", "x" * 64, "", "H-1"])
def test_short_printable_ascii_stands_for_itself(value: str) -> None:
    assert part_of(value) == "|" + value


@pytest.mark.parametrize(
    "value", ["a|b", "|", "x" * 65, "x" * 100_000, "é", "a\n", "\x00", "\x7f", "\ud800", "-", "h-", part_of("é")[1:]]
)
def test_any_other_value_is_replaced_by_a_hash(value: str) -> None:
    part = part_of(value)

    assert len(part) == len("|h-") + 24
    assert part.startswith("|h-")
    assert part != "|" + value

"""What is remembered of a policy is what it says, whoever asks, and no more than is allowed."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.llm import LlmRequest
from proxy.identity.network import network_of
from proxy.identity.principal import Principal
from proxy.policy.load import load_policy
from proxy.policy.match import Policy
from proxy.policy.rulings import LONGEST_PATH, Rulings

TEXTS = {
    "few dimensions": """
        tiers: {free: {}, paid: {quotas: {rpm: {rate: 100/min}}}}
        default_tier: free
        quotas:
          - {id: rpm, key: [account], unit: requests, rate: 10/min}
        """,
    "every dimension": """
        quotas:
          - {id: who, key: [account, org, end_user, client], unit: requests, rate: 10/min}
          - {id: where, key: [network, address, asn, country], unit: requests, rate: 10/min}
          - {id: what, key: [model, path, tier], unit: requests, rate: 10/min}
        """,
    "matchers": """
        tiers: {free: {}, paid: {}}
        access:
          - {id: a, deny: {model: m-1}, unless: {verified: true}}
          - {id: b, deny: {country: [NO]}, mode: shadow}
          - {id: c, deny: {address: 203.0.113.7}}
          - {id: d, deny: {end_user: eu-1, path: /v1/messages}}
        quotas:
          - {id: q, key: [], match: {asn: 1}, unless: {client: fp-1}, unit: requests, rate: 10/min}
          - {id: r, key: [], match: {network: 203.0.113.0/25}, unit: requests, rate: 10/min}
        """,
    "overrides": """
        tiers: {free: {}, paid: {}}
        quotas:
          - {id: q, key: [account], unit: requests, rate: 10/min}
          - {id: all, key: [], unit: requests, rate: 1k/min}
        overrides:
          - {account: acct_1, quotas: {q: unlimited}}
          - {org: org_1, tier: paid}
          - {network: 203.0.113.0/28, quotas: {all: {rate: 5/min}}}
        """,
    "exemptions": """
        campaigns:
          mode: shadow
          exempt: [{account: acct_1, model: m-1}, {address: 203.0.113.200}]
        """,
}


@cache
def policy_of(name: str) -> Policy:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text("version: 1\n" + TEXTS[name].replace("\n        ", "\n"))
        return load_policy(str(path))


def either(*values: str) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(values)


@st.composite
def principals(draw: st.DrawFn) -> Principal:
    address = ip_address(draw(st.sampled_from(["203.0.113.7", "203.0.113.200", "2001:db8::1", "2001:db8::2"])))
    return Principal(
        draw(st.sampled_from(["acct_1", "acct_2"])),
        address,
        network_of(address, 24, 64),
        draw(st.sampled_from(["fp-1", "fp-2"])),
        draw(either("org_1", "org_2")),
        draw(either("free", "paid", "other")),
        draw(st.booleans()),
        draw(either("NO", "SE")),
        draw(st.none() | st.sampled_from([1, 2])),
    )


requests = st.builds(
    LlmRequest,
    st.just("openai_chat"),
    st.sampled_from(["/v1/messages", "/v1/x"]),
    either("m-1", "m-2"),
    end_user=either("eu-1"),
)


@pytest.mark.parametrize("name", TEXTS)
@given(asked=st.lists(st.tuples(principals(), requests), max_size=30), most=st.integers(1, 8))
def test_what_is_remembered_is_what_the_policy_says_and_bounded(
    name: str, asked: list[tuple[Principal, LlmRequest]], most: int
) -> None:
    policy = policy_of(name)
    rulings = Rulings(policy, most)
    for principal, request in asked:
        ruled = rulings.of(principal, request)
        assert ruled.access == policy.judge_access(principal, request)
        assert ruled.exempted_at == policy.exempted_at(principal, request)
        assert list(ruled.demands) == policy.demands(principal, request)
        assert rulings.of(principal, request) is ruled
        assert len(rulings) <= 2 * most


def test_what_a_policy_says_of_an_endless_path_is_not_remembered() -> None:
    policy = policy_of("every dimension")
    rulings = Rulings(policy)
    address = ip_address("203.0.113.7")
    principal = Principal("acct_1", address, network_of(address, 24, 64), "fp-1")
    for length in (LONGEST_PATH, LONGEST_PATH + 1, 30_000):
        request = LlmRequest("openai_chat", "/" * length)
        assert list(rulings.of(principal, request).demands) == policy.demands(principal, request)
    assert len(rulings) == 1

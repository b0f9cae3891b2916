"""An explanation says what the pipeline does, why each other rule stays out, and takes nothing."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.admission.memory import MemoryStore
from proxy.admission.quota import MICRO
from proxy.admission.store import Claim
from proxy.clock import VirtualClock
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import OPAQUE, LlmRequest
from proxy.dialects.table import dialect_for
from proxy.errors import StoreError
from proxy.exchange import Arrival, Exchange, Recalled
from proxy.explain.explainer import explain
from proxy.explain.explanation import Explanation
from proxy.explain.text import explanation_text
from proxy.identity.principal import Principal
from proxy.identity.resolve import Resolver
from proxy.pipeline import FixedPolicy, Pipeline
from proxy.policy.load import load_policy
from proxy.policy.match import Policy
from proxy.simulate.world import run

POLICY = """\
version: 1
trusted_proxies: []
tiers:
  free: {}
  paid:
    quotas: {rpm: {rate: 10/min, burst: 5}}
default_tier: free
access:
  - {id: staff, allow: {account: "staff_*"}}
  - id: frontier
    deny: {model: ["*-frontier-*", m-secret]}
    unless: {verified: true, country: [US, NO]}
    reason: Verified only.
  - {id: rehearsal, deny: {network: 203.0.113.0/24}, mode: shadow}
  - {id: blocked, deny: {network: [198.51.100.0/24, "2001:db8::/32"]}}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 1/min, burst: 2}
  - {id: slots, key: [account], unit: concurrent, limit: 1}
  - {id: big-models, match: {model: m-big, org: "o*"}, key: [account], unit: output_tokens, rate: 1k/min}
  - {id: per-org, key: [org, model], unit: input_tokens, rate: 1k/min}
  - {id: quiet, unless: {tier: [paid]}, key: [network], unit: requests, rate: 2/h, burst: 1, mode: shadow}
overrides:
  - {account: acct_big, tier: paid, quotas: {slots: {limit: 9}}}
  - {network: 203.0.113.0/25, quotas: {rpm: {rate: 7/min}}}
  - {org: o_free, quotas: {per-org: unlimited}}
"""
SOMEBODY = Principal("acct_1", ip_address("192.0.2.7"), "192.0.2.0/24", "fp-1", org="o_1")
REQUEST = LlmRequest("anthropic_messages", "/v1/messages", "m-1", max_tokens=100, text_bytes=400)

PRINCIPALS = st.builds(
    Principal,
    st.sampled_from(["acct_1", "acct_big", "staff_1"]),
    st.sampled_from(["192.0.2.7", "203.0.113.7", "203.0.113.200", "198.51.100.1", "2001:db8::1"]).map(ip_address),
    st.just("192.0.2.0/24"),
    st.just("fp-1"),
    st.sampled_from([None, "o_1", "o_free", "x"]),
    st.sampled_from([None, "free", "paid", "unheard-of"]),
    st.booleans(),
    st.sampled_from([None, "US", "DE"]),
)
REQUESTS = st.builds(
    LlmRequest,
    st.sampled_from(["anthropic_messages", OPAQUE]),
    st.just("/v1/messages"),
    st.sampled_from([None, "m-1", "m-big", "m-secret", "a-frontier-1"]),
    st.booleans(),
    st.sampled_from([None, 10, 5000]),
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = tmp_path_factory.mktemp("policy") / "p.yaml"
    path.write_text(POLICY)
    return load_policy(str(path))


class World:
    """Buckets in virtual time, and the two that are asked about them."""

    def __init__(self, policy: Policy) -> None:
        self.clock = VirtualClock(1_776_816_000_000_000)
        self.store = MemoryStore(self.clock.wall_us)
        self._policies = FixedPolicy(policy)
        self._pipeline = Pipeline(self._policies, Resolver(b"key", None), Estimator(), self.store)
        self._count = 0

    def ask(self, principal: Principal = SOMEBODY, request: LlmRequest = REQUEST) -> Exchange:
        self._count += 1
        arrival = Arrival(f"e-{self._count}", 0, "POST", request.path, "", (), None)
        dialect = dialect_for("POST", request.path)
        exchange = Exchange(arrival, dialect, recalled=Recalled(lambda ipv4, ipv6: principal, request))
        run(self._pipeline.decide(exchange))
        return exchange

    def explain(self, principal: Principal = SOMEBODY, request: LlmRequest = REQUEST) -> Explanation:
        return run(explain(self._policies.current, principal, request, self.store, Estimator()))


def why(explanation: Explanation, rule_id: str) -> str:
    """The line about a rule, without the places."""
    lines = explanation_text(explanation).splitlines()
    (line,) = [line for line in lines if line.startswith(f"  {rule_id} ")]
    return line.split(maxsplit=1)[1].rpartition(" (")[0]


@given(st.lists(st.tuples(PRINCIPALS, REQUESTS, st.integers(0, 40_000_000)), max_size=8), PRINCIPALS, REQUESTS)
def test_what_is_explained_is_what_is_decided_next(
    policy: Policy,
    before: list[tuple[Principal, LlmRequest, int]],
    principal: Principal,
    request: LlmRequest,
) -> None:
    world = World(policy)
    for earlier, asked, pause_us in before:
        world.ask(earlier, asked)
        world.clock.now_us += pause_us

    explanation = world.explain(principal, request)
    exchange = world.ask(principal, request)

    decision = exchange.decision
    told = explanation.decision
    assert (told["action"], told["status"], told["rule"]) == (decision.action, decision.status, decision.rule)
    assert (told["scope"], told["reasons"]) == (decision.scope, list(decision.reasons))
    retry_us = decision.retry_after_us
    assert told["retry_after_s"] == (None if retry_us is None else retry_us / 1e6)


@given(PRINCIPALS, REQUESTS)
def test_each_rule_is_told_as_the_hot_path_sees_it(policy: Policy, principal: Principal, request: LlmRequest) -> None:
    explanation = World(policy).explain(principal, request)
    ruling = policy.judge_access(principal, request)

    denying = [rule.id for rule in explanation.access if rule.outcome == "denies"]
    assert denying == ([ruling.denied_by.id] if ruling.denied_by else [])
    assert [rule.id for rule in explanation.access if rule.outcome == "would deny"] == [
        rule.id for rule in ruling.shadowed
    ]
    told = {rule.id: rule.why_not for rule in explanation.access}
    told |= {quota.id: quota.why_not for quota in explanation.quotas}
    for rule_id, why_not in told.items():
        applies = policy.scopes[rule_id].applies
        matches = applies is None or applies(principal, request, policy.tier_of(principal))
        assert matches == (why_not is None or why_not.key in ("key", "unit", "unlimited"))
    demands = {demand.quota.id: demand for demand in policy.demands(principal, request)}
    for quota in explanation.quotas:
        if quota.bucket is not None:
            assert quota.bucket.key == demands[quota.id].key
        else:
            assert quota.why_not is not None
            assert quota.id not in demands or quota.why_not.key == "unit"


@given(PRINCIPALS, REQUESTS)
def test_an_explanation_takes_nothing_and_is_plain_json(
    policy: Policy, principal: Principal, request: LlmRequest
) -> None:
    world = World(policy)
    first = world.explain(principal, request)

    assert world.store.buckets == 0
    assert world.explain(principal, request) == first
    assert json.loads(json.dumps(first.as_json()))["decision"] == first.decision
    assert explanation_text(first).isprintable() is False, "it has several lines"
    assert all(line.isprintable() for line in explanation_text(first).splitlines())


@pytest.mark.parametrize(
    ("changed", "rule_id", "text"),
    [
        ({}, "frontier", "does not match: model is m-1, not *-frontier-* or m-secret"),
        ({"model": None}, "frontier", "does not match: there is no model, and *-frontier-* or m-secret is asked for"),
        ({}, "staff", "does not match: account is acct_1, not staff_*"),
        ({}, "blocked", "does not match: address is 192.0.2.7, not in 198.51.100.0/24 or 2001:db8::/32"),
        (
            {"model": "m-secret", "verified": True, "country": "NO"},
            "frontier",
            "does not match: exempted by `unless` verified: true; country: US, NO",
        ),
        ({}, "big-models", "does not apply: model is m-1, not m-big"),
        ({"org": "x", "model": "m-big"}, "big-models", "does not apply: org is x, not o*"),
        ({"org": None}, "per-org", "does not apply: its buckets are kept for the org, and there is none"),
        ({"org": "o_free"}, "per-org", "does not apply: unlimited"),
        ({"dialect": OPAQUE}, "per-org", "does not apply: no tokens are counted of what is not read"),
        ({"tier": "paid"}, "quiet", "does not apply: exempted by `unless` tier: paid"),
        ({"account": "staff_1", "model": "m-secret"}, "frontier", "not asked"),
    ],
)
def test_the_first_key_that_fails_is_told_with_what_was_asked_for(
    policy: Policy, changed: dict[str, Any], rule_id: str, text: str
) -> None:
    asked = {name: changed[name] for name in changed if name in ("model", "dialect")}
    who = {name: changed[name] for name in changed if name not in asked}

    assert why(World(policy).explain(replace(SOMEBODY, **who), replace(REQUEST, **asked)), rule_id) == text


def test_numbers_are_told_with_whose_they_are_and_where_they_stand(policy: Policy) -> None:
    def source(principal: Principal, quota_id: str) -> tuple[str, str, int]:
        (quota,) = [quota for quota in World(policy).explain(principal).quotas if quota.id == quota_id]
        return quota.numbers, quota.source, int(quota.source_position.rpartition(":")[2])

    assert source(SOMEBODY, "rpm") == ("1/min, burst 2", "quota", 17)
    assert source(replace(SOMEBODY, tier="paid"), "rpm") == ("10/min, burst 5", "tier paid", 6)
    near = replace(SOMEBODY, address=ip_address("203.0.113.7"))
    assert source(near, "rpm") == ("7/min", "network 203.0.113.0/25", 24)
    assert source(replace(SOMEBODY, account="acct_big"), "slots") == ("limit 9", "account acct_big", 23)
    assert source(replace(SOMEBODY, org="o_free"), "per-org") == ("unlimited", "org o_free", 25)


def test_a_tier_is_told_with_where_it_comes_from(policy: Policy) -> None:
    def tier(**changed: Any) -> tuple[str, str]:
        told = World(policy).explain(replace(SOMEBODY, **changed)).tier
        return told.name, told.source

    assert tier() == ("free", "default")
    assert tier(tier="paid") == ("paid", "account")
    assert tier(tier="unheard-of") == ("free", "default, as unheard-of is not declared")
    assert tier(account="acct_big", tier="free") == ("paid", "override of account acct_big")


def test_buckets_are_told_as_they_stand_with_when_the_request_would_pass(policy: Policy) -> None:
    world = World(policy)
    for _ in range(2):
        run(world.store.reserve("held", [Claim("rpm:requests|acct_1", policy.quotas[0].limit, MICRO)]))
    world.clock.now_us += 15_000_000
    explanation = world.explain()

    bucket = explanation.quotas[0].bucket
    assert bucket is not None
    assert (bucket.capacity, bucket.remaining, bucket.needed, bucket.grants) == (2, 0.25, 1, False)
    assert (bucket.passes_after_s, bucket.full_after_s) == (45.0, 105.0)
    assert "denies: holds 0.250 of 2 requests, needs 1; passes in 45.000 s" in explanation_text(explanation)
    assert explanation_text(explanation).splitlines()[-2] == "decision: throttle (429) by rpm, passes in 45.000 s"


def test_what_an_access_rule_refuses_is_told_with_its_buckets_all_the_same(policy: Policy) -> None:
    explanation = World(policy).explain(request=replace(REQUEST, model="m-secret"))

    assert explanation.decision["rule"] == "frontier"
    assert explanation_text(explanation).endswith("decision: block (403) by frontier\nVerified only.")
    assert [quota.id for quota in explanation.quotas if quota.bucket is not None] == [
        "rpm",
        "slots",
        "per-org",
        "quiet",
    ]


def test_a_rehearsal_is_told_as_one(policy: Policy) -> None:
    world = World(policy)
    near = replace(SOMEBODY, address=ip_address("203.0.113.7"))
    world.ask(near)
    text = explanation_text(world.explain(replace(near, account="acct_2")))

    assert "would deny (shadow): holds 0 of 1 requests, needs 1; passes in 1800.000 s" in text
    assert text.endswith("decision: allow (200); in shadow mode rehearsal, quiet would have denied")


def test_a_request_larger_than_its_bucket_can_never_pass(policy: Policy) -> None:
    explanation = World(policy).explain(request=replace(REQUEST, text_bytes=100_000))

    assert "holds 1000 of 1000 input tokens, needs 12500; it can never pass" in explanation_text(explanation)
    assert explanation.decision["retry_after_s"] is None


class LostStore(MemoryStore):
    async def peek(self, claims: object) -> tuple[Any, ...]:
        raise StoreError("Redis is lost")


def test_a_lost_store_is_told_and_the_rules_all_the_same(policy: Policy) -> None:
    explanation = run(explain(policy, SOMEBODY, REQUEST, LostStore(lambda: 0), Estimator()))

    assert explanation.store_fault == "Redis is lost"
    assert explanation.decision["status"] == 503
    assert "applies; the store did not answer" in explanation_text(explanation)


def test_a_whole_policy_in_shadow_denies_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.replace("tiers:\n", "mode: shadow\ntiers:\n", 1))
    explanation = World(load_policy(str(path))).explain(request=replace(REQUEST, model="m-secret"))

    assert [rule.outcome.value for rule in explanation.access][1] == "would deny"
    assert explanation.decision["action"] == "allow"
    assert "in shadow mode: it denies nothing" in explanation_text(explanation)


CAMPAIGNS = """\
version: 1
campaigns:
  mode: %s
  suspected: {action: probe, share: 1.5%%}
  confirmed: {action: throttle, rate: 12/h}
  exempt:
    - {org: o_free}
"""


@pytest.mark.parametrize(
    ("mode", "org", "suspected", "confirmed"),
    [
        (
            "enforce",
            "o_1",
            "1.5% of its requests are refused, to see who takes them up",
            "throttled to 12/h, burst 1 for all members together",
        ),
        (
            "shadow",
            None,
            "1.5% of its requests are refused, to see who takes them up, in shadow mode: nothing is done",
            "throttled to 12/h, burst 1 for all members together, in shadow mode: nothing is done",
        ),
        ("enforce", "o_free", "never: exempt", "never: exempt"),
    ],
)
def test_what_would_be_done_about_a_campaign_is_told_level_by_level(
    tmp_path: Path, mode: str, org: str | None, suspected: str, confirmed: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(CAMPAIGNS % mode)
    world = World(load_policy(str(path)))

    explanation = world.explain(replace(SOMEBODY, org=org))

    assert (why(explanation, "suspected"), why(explanation, "confirmed")) == (suspected, confirmed)
    assert explanation.decision["action"] == "allow"
    told = json.loads(json.dumps(explanation.as_json()))["campaigns"]
    assert [(level["level"], level["action"], level["numbers"]) for level in told] == [
        ("suspected", "probe", "1.5%"),
        ("confirmed", "throttle", "12/h, burst 1"),
    ]


def test_a_policy_without_campaigns_has_nothing_to_tell_of_them(policy: Policy) -> None:
    explanation = World(policy).explain()

    assert explanation.campaigns == ()
    assert "campaigns" not in explanation_text(explanation)

"""What `decide` and `complete` do with an exchange of a campaign, and what they tell detection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from proxy.admission.memory import MemoryStore
from proxy.admission.store import Admission, Claim
from proxy.clock import SystemClock, VirtualClock
from proxy.detection import NoDetection, Noted
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import Fault, LlmRequest, Usage
from proxy.dialects.table import dialect_for
from proxy.events.content import Content
from proxy.events.event import Answered, Asked
from proxy.exchange import Action, Arrival, Decision, Ending, Exchange, Outcome, Recalled
from proxy.identity.principal import Principal
from proxy.identity.resolve import Resolver
from proxy.metrics.exchanges import Metrics
from proxy.observe import Observer
from proxy.pipeline import Pipeline
from proxy.policy.reload import PolicySource
from proxy.simulate.world import run
from proxy.verdict.campaign import Campaign, Level, Marks, Word
from proxy.verdict.snapshot import NOBODY, Snapshot

START_US = 1_776_816_000_000_000
SECOND_US = 1_000_000
ENFORCED = "campaigns: {mode: enforce, confirmed: {action: throttle, rate: 6/h, burst: 1}}\n"
BLOCKING = "campaigns: {mode: enforce, confirmed: {action: block}}\n"
PROBING = "campaigns: {mode: enforce, suspected: {action: probe, share: 100%}}\n"
REQUESTS = "quotas:\n  - {id: rpm, key: [account], unit: requests, rate: 2/min}\n"
TEMPLATE = Content(pieces=(1, 2, 3), asked=77)


class Stated:
    """A detection whose verdicts a test states, and which keeps what it is told."""

    reads_content = True
    sketches = False

    def __init__(self) -> None:
        self.verdicts = NOBODY
        self.asked_at: list[int] = []
        self.events: list[Noted] = []

    def snapshot(self, now_us: int) -> Snapshot:
        self.asked_at.append(now_us)
        return self.verdicts

    def note(self, noted: Noted) -> None:
        self.events.append(noted)


class CountingStore(MemoryStore):
    """Counts the calls that reserve."""

    calls = 0

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        self.calls += 1
        return await super().reserve(reservation_id, claims)


def campaign(level: Level = Level.CONFIRMED, **more: Any) -> Campaign:
    """c-1, known by two of the template's three pieces."""
    fields: dict[str, Any] = {"marks": Marks((1, 2, 3), (1000, 1000, 1000), least=2000, fewest=2)} | more
    return Campaign(
        id="c-1", level=level, score=9.0, first_us=0, detected_us=0, last_us=0, expires_us=2**62, accounts=9, **fields
    )


class World:
    """A pipeline in virtual time, with verdicts to state."""

    def __init__(self, policy: Path, detection: Stated | None) -> None:
        self.clock = VirtualClock(START_US)
        self.policies = PolicySource(str(policy))
        self.policies.load(0)
        self.detection = Stated()
        self.store = CountingStore(lambda: self.clock.now_us)
        self.pipeline = Pipeline(
            self.policies, Resolver(b"key", None), Estimator(), self.store, detection=detection or self.detection
        )
        self.count = 0

    def state(self, *campaigns: Campaign) -> None:
        self.detection.verdicts = Snapshot(campaigns)

    def exchange(self, account: str, content: Content | None, model: str = "m", **who: Any) -> Exchange:
        self.count += 1
        principal = Principal(account, ip_address("203.0.113.7"), "203.0.113.0/24", "fp", **who)
        request = LlmRequest("anthropic_messages", "/v1/messages", model, max_tokens=100)
        arrival = Arrival(f"e-{self.count}", self.clock.now_us, "POST", "/v1/messages", "127.0.0.1", (), None)
        recalled = Recalled(lambda ipv4, ipv6: principal, request, content)
        return Exchange(arrival, dialect_for("POST", "/v1/messages"), recalled)

    def ask(self, account: str = "a", content: Content | None = TEMPLATE, **more: Any) -> Decision:
        return self.asked(account, content, **more).decision

    def asked(self, account: str = "a", content: Content | None = TEMPLATE, **more: Any) -> Exchange:
        exchange = self.exchange(account, content, **more)
        run(self.pipeline.decide(exchange))
        return exchange


WorldOf = Callable[[str], World]


@pytest.fixture
def world_of(tmp_path: Path) -> WorldOf:
    def build(rules: str, detection: Any = None) -> World:
        path = tmp_path / "policy.yaml"
        path.write_text("version: 1\n" + rules, encoding="utf-8")
        return World(path, detection)

    return build


def test_all_members_of_a_campaign_draw_from_its_bucket_and_others_do_not(world_of: WorldOf) -> None:
    world = world_of(ENFORCED + REQUESTS)
    world.state(campaign())

    assert world.ask("a").action is Action.ALLOW
    refused = world.ask("b")
    assert (refused.action, refused.status, refused.retry_after_us) == (Action.THROTTLE, 429, 600 * SECOND_US)
    assert (refused.rule, refused.scope, refused.campaign) == ("campaign:confirmed", "campaign", "c-1")
    assert {"quota:campaign:confirmed", "campaign:c-1", "level:confirmed", "by:content"} <= set(refused.reasons)
    assert world.ask("b", Content(pieces=(1, 8, 9))).action is Action.ALLOW, "one piece is not enough"
    assert world.ask("c", None).action is Action.ALLOW


def test_a_refusal_by_a_campaigns_bucket_draws_from_no_other(world_of: WorldOf) -> None:
    world = world_of(ENFORCED + REQUESTS)
    world.state(campaign())
    world.ask("other")

    assert [world.ask("a").scope for _ in range(5)] == ["campaign"] * 5
    assert [world.ask("a", None).action for _ in range(2)] == [Action.ALLOW] * 2, "both of the account's are left"


def test_buckets_of_quotas_and_campaigns_are_reserved_in_one_call(world_of: WorldOf) -> None:
    world = world_of(ENFORCED + REQUESTS)
    world.state(campaign())

    exchange = world.asked("a")

    assert world.store.calls == 1
    assert [claim.key for claim in exchange.claims] == ["rpm:requests|a", "campaign:c-1"]


def test_of_a_quota_and_a_campaign_the_one_that_holds_longer_decides(world_of: WorldOf) -> None:
    world = world_of(ENFORCED + "quotas:\n  - {id: daily, key: [account], unit: requests, budget: 1/day}\n")
    world.state(campaign())
    world.ask("a")

    by_quota, by_campaign = world.ask("a"), world.ask("b")

    assert (by_quota.rule, by_quota.scope, by_quota.campaign) == ("daily", "account", None)
    assert by_quota.reasons[:2] == ("quota:daily", "quota:campaign:confirmed")
    assert (by_campaign.scope, by_campaign.campaign) == ("campaign", "c-1")
    told = [event for event in world.detection.events if isinstance(event, Asked)]
    assert [(event.campaign, event.by_verdict) for event in told[1:]] == [("c-1", False), ("c-1", True)]


def test_an_account_that_does_nothing_else_is_held_whatever_it_asks(world_of: WorldOf) -> None:
    world = world_of(ENFORCED)
    world.state(campaign(whole=("a",)))
    world.ask("a", None)

    assert "by:account" in world.ask("a", Content(pieces=(9,))).reasons


def test_a_blocked_request_is_refused_before_any_bucket_is_asked(world_of: WorldOf) -> None:
    world = world_of(BLOCKING + REQUESTS)
    world.state(campaign())

    refused = world.ask("a")

    assert (refused.action, refused.status, refused.fault) == (Action.BLOCK, 403, Fault.FORBIDDEN)
    assert (refused.rule, refused.scope, refused.campaign) == ("campaign:confirmed", "campaign", "c-1")
    assert refused.retry_after_us is None
    assert world.store.calls == 0


@pytest.mark.parametrize("rules", [ENFORCED, BLOCKING, PROBING])
def test_a_client_is_given_a_reference_and_not_the_campaign(world_of: WorldOf, rules: str) -> None:
    world = world_of(rules)
    level = Level.SUSPECTED if rules is PROBING else Level.CONFIRMED
    world.state(campaign(level, probing=True))
    world.ask("a")

    refused = world.asked("a")

    assert refused.decision.action is not Action.ALLOW
    assert f"reference {refused.arrival.id}." in refused.decision.message
    assert "c-1" not in refused.decision.message


def test_a_probed_request_is_asked_back_in_two_seconds(world_of: WorldOf) -> None:
    world = world_of(PROBING + REQUESTS)
    world.state(campaign(Level.SUSPECTED, probing=True))

    refused = world.ask("a")

    assert (refused.action, refused.status, refused.retry_after_us) == (Action.THROTTLE, 429, 2 * SECOND_US)
    assert (refused.rule, refused.scope, refused.campaign) == ("campaign:probe", "campaign", "c-1")
    assert refused.fault is Fault.RATE_LIMITED
    assert world.store.calls == 0
    world.state(campaign(Level.SUSPECTED))
    assert world.ask("a").action is Action.ALLOW


def test_of_a_suspicions_requests_that_come_at_once_one_is_probed(world_of: WorldOf) -> None:
    world = world_of(PROBING)
    world.state(campaign(Level.SUSPECTED, probing=True))

    assert [world.ask(account).action for account in "abc"] == [Action.THROTTLE, Action.ALLOW, Action.ALLOW]


def test_an_access_rule_decides_before_a_verdict_and_the_campaign_is_told_all_the_same(world_of: WorldOf) -> None:
    world = world_of(BLOCKING + "access:\n  - {id: closed, deny: {model: closed}}\n")
    world.state(campaign())

    refused = world.ask("a", model="closed")

    assert (refused.rule, refused.scope, refused.campaign) == ("closed", "access", None)
    (event,) = world.detection.events
    assert isinstance(event, Asked)
    assert (event.action, event.campaign, event.by_verdict) == ("block", "c-1", False)


@pytest.mark.parametrize(
    ("campaigns", "level", "rule"),
    [
        ("confirmed: {action: throttle, rate: 6/h}", Level.CONFIRMED, "campaign:confirmed"),
        ("confirmed: {action: block}", Level.CONFIRMED, "campaign:confirmed"),
        ("suspected: {action: block}, confirmed: {action: block}", Level.SUSPECTED, "campaign:suspected"),
        ("suspected: {action: probe, share: 100%}", Level.SUSPECTED, "campaign:probe"),
    ],
)
@pytest.mark.parametrize("shadow", ["campaigns: {mode: shadow, ", "mode: shadow\ncampaigns: {mode: enforce, "])
def test_in_shadow_it_is_told_what_would_be_refused_and_nothing_is(
    world_of: WorldOf, campaigns: str, level: Level, rule: str, shadow: str
) -> None:
    world = world_of(f"{shadow}{campaigns}}}\n")
    world.state(campaign(level, probing=True))
    world.ask("a")
    world.clock.now_us += 3 * SECOND_US

    decision = world.ask("b")

    assert (decision.action, decision.status, decision.shadow) == (Action.ALLOW, 200, True)
    assert (decision.rule, decision.scope, decision.campaign) == (None, None, None)
    assert decision.reasons == (f"shadow:{rule}", "campaign:c-1", f"level:{level}", "by:content")
    assert decision.standings == ()


def test_an_exempt_principal_is_neither_looked_at_nor_acted_on(world_of: WorldOf) -> None:
    world = world_of("campaigns: {mode: enforce, confirmed: {action: block}, exempt: [{org: acme}]}\n")
    world.state(campaign(whole=("a",)))

    exchange = world.asked("a", org="acme")
    world.pipeline.complete(exchange, Outcome(Ending.COMPLETE, 200), START_US)

    assert (exchange.decision.action, exchange.match) == (Action.ALLOW, None)
    assert (world.detection.asked_at, world.detection.events) == ([], [])
    assert world.ask("a", org="acme-2").action is Action.BLOCK


def test_a_policy_without_campaigns_asks_nothing_of_detection_and_tells_it_nothing(world_of: WorldOf) -> None:
    world = world_of(REQUESTS)
    world.state(campaign(whole=("a",)))

    world.pipeline.complete(world.asked("a"), Outcome(Ending.COMPLETE, 200), START_US)

    assert (world.detection.asked_at, world.detection.events) == ([], [])


def test_where_nobody_detects_nothing_is_looked_up(world_of: Callable[..., World]) -> None:
    world = world_of(BLOCKING, NoDetection())

    exchange = world.asked("a")

    assert (exchange.decision.action, exchange.is_watched, exchange.match) == (Action.ALLOW, False, None)


def test_what_an_operator_released_passes(world_of: WorldOf) -> None:
    world = world_of(BLOCKING)
    world.state(campaign(word=Word.RELEASE, whole=("a",)))

    assert world.ask("a").action is Action.ALLOW


def test_detection_is_told_of_each_decision_with_all_that_is_known_of_who_asked(world_of: WorldOf) -> None:
    world = world_of(ENFORCED)
    known: dict[str, Any] = {
        "org": "o",
        "verified": True,
        "country": "DE",
        "asn": 64500,
        "created_us": 5,
        "payment": "p",
        "ja4": "j",
    }
    world.state(campaign())

    world.ask("a", model="m-1", **known)
    world.ask("b", None)

    assert world.detection.events == [
        Asked(START_US, "a", "203.0.113.0/24", "fp", "allow", "m-1", campaign="c-1", content=TEMPLATE, **known),
        Asked(START_US, "b", "203.0.113.0/24", "fp", "allow", "m"),
    ]
    assert world.detection.asked_at == [START_US] * 2


def test_detection_is_told_how_an_admitted_exchange_ended(world_of: WorldOf) -> None:
    world = world_of(ENFORCED)
    world.state(campaign())
    first, second = world.asked("a", org="o"), world.asked("b", None)
    world.detection.events.clear()

    usage = Usage(input_tokens=12, output_tokens=230)
    world.pipeline.complete(first, Outcome(Ending.COMPLETE, 200, usage), START_US + 5)
    world.pipeline.complete(second, Outcome(Ending.UPSTREAM_FAILED), START_US + 6)

    assert world.detection.events == [
        Answered(START_US + 5, "a", "o", 200, 12, 230, campaign="c-1", asked_us=START_US),
        Answered(START_US + 6, "b", input_tokens=0, output_tokens=0, asked_us=START_US),
    ]


def test_of_an_answer_that_told_no_usage_detection_is_told_what_is_estimated(world_of: WorldOf) -> None:
    world = world_of(ENFORCED)
    exchange = world.asked("a", None)
    world.detection.events.clear()

    world.pipeline.complete(exchange, Outcome(Ending.COMPLETE, 200, generated_bytes=4_000), START_US + 5)

    (answered,) = world.detection.events
    assert isinstance(answered, Answered)
    assert answered.input_tokens is not None
    assert answered.output_tokens is not None
    assert answered.output_tokens > 100


def test_an_exchange_that_was_watched_is_told_of_to_its_end_under_any_policy(world_of: WorldOf, tmp_path: Path) -> None:
    world = world_of(ENFORCED)
    exchange = world.asked("a")
    (tmp_path / "policy.yaml").write_text("version: 1\nquotas: []\n", encoding="utf-8")
    world.policies.reload(1)

    world.pipeline.complete(exchange, Outcome(Ending.COMPLETE, 200), START_US)

    assert [type(event) for event in world.detection.events] == [Asked, Answered]


@pytest.mark.parametrize(
    ("rules", "level", "labels"),
    [
        (ENFORCED, Level.CONFIRMED, ("campaign:confirmed", "enforce")),
        (BLOCKING, Level.CONFIRMED, ("campaign:confirmed", "enforce")),
        (PROBING, Level.SUSPECTED, ("campaign:probe", "enforce")),
        ("campaigns: {confirmed: {action: block}}\n", Level.CONFIRMED, ("campaign:confirmed", "shadow")),
        ("campaigns: {confirmed: {action: throttle}}\n", Level.CONFIRMED, ("campaign:confirmed", "shadow")),
    ],
)
def test_refusals_by_verdict_are_counted_by_rule_and_never_by_campaign(
    world_of: WorldOf, rules: str, level: Level, labels: tuple[str, str]
) -> None:
    world = world_of(rules)
    world.state(campaign(level, probing=True))
    registry = CollectorRegistry()
    observer = Observer(Metrics(registry), SystemClock())
    world.ask("a")
    world.clock.now_us += 3 * SECOND_US

    observer.decided(world.asked("b"), 1)
    observer.tell_metrics()

    counted = dict(zip(("rule", "mode"), labels, strict=True)) | {"unit": "requests", "scope": "campaign"}
    assert registry.get_sample_value("stillgate_admission_denials_total", counted) == 1
    assert "c-1" not in json.dumps([sample.labels for metric in registry.collect() for sample in metric.samples])

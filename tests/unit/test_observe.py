"""What Prometheus is told of exchanges."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from proxy.admission.memory import MemoryStore
from proxy.clock import VirtualClock
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import Usage
from proxy.dialects.table import dialect_for
from proxy.enforcement import PROBE_RULE
from proxy.exchange import Action, Arrival, Decision, Ending, Exchange, Outcome
from proxy.identity.resolve import Resolver
from proxy.metrics.exchanges import Metrics
from proxy.observe import Observer
from proxy.pipeline import FixedPolicy, Pipeline
from proxy.policy.load import load_policy
from proxy.simulate.world import run

POLICY = """\
version: 1
quotas:
  - {id: out, key: [account], unit: output_tokens, rate: 100/day, reserve: none}
"""
TEN_TIMES_TOO_MUCH = Outcome(Ending.COMPLETE, 200, Usage(input_tokens=1, output_tokens=1000))


class World:
    """A pipeline in virtual time, and what is told of it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "policy.yaml"
        path.write_text(POLICY)
        self.clock, self.registry = VirtualClock(1_776_816_000_000_000), CollectorRegistry()
        policy, resolver = FixedPolicy(load_policy(str(path))), Resolver(b"key", None)
        self.pipeline = Pipeline(policy, resolver, Estimator(), MemoryStore(self.clock.wall_us))
        self.observer = Observer(Metrics(self.registry), self.clock)

    def asked(self, name: str) -> Exchange:
        arrival = Arrival(name, self.clock.now_us, "POST", "/v1/messages", "192.0.2.1", (), b"{}")
        exchange = Exchange(arrival, dialect_for("POST", "/v1/messages"))
        run(self.pipeline.decide(exchange))
        return exchange

    def told(self, name: str, **labels: str) -> float | None:
        self.observer.tell_metrics()
        return self.registry.get_sample_value(f"stillgate_{name}", labels)


def test_a_bucket_in_debt_counts_as_used_up_and_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    untouched = world.asked("untouched")
    world.observer.decided(untouched, 0)
    world.pipeline.complete(untouched, TEN_TIMES_TOO_MUCH, world.clock.now_us)
    world.observer.decided(world.asked("in debt"), 0)
    assert world.told("admission_used_ratio_count", rule="out") == 2
    assert world.told("admission_used_ratio_sum", rule="out") == 1.0


def test_what_a_verdict_refuses_outright_is_a_denial_of_requests_and_no_access_rules(tmp_path: Path) -> None:
    world = World(tmp_path)
    exchange = world.asked("probed")
    exchange.decision = Decision(Action.THROTTLE, 429, rule=PROBE_RULE, scope="campaign")
    world.observer.decided(exchange, 0)
    told = {"rule": PROBE_RULE, "unit": "requests", "scope": "campaign", "mode": "enforce"}
    assert world.told("admission_denials_total", **told) == 1
    assert world.told("access_denials_total", rule=PROBE_RULE, mode="enforce") is None

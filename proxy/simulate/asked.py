"""Owns the reading of one line of the log as a question: who would ask, and what for."""

from __future__ import annotations

from proxy.admission.memory import MemoryStore
from proxy.admission.store import BucketStore
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import LlmRequest
from proxy.explain.explainer import explain
from proxy.explain.explanation import Explanation
from proxy.identity.principal import Principal
from proxy.identity.resolve import Resolver
from proxy.pipeline import FixedPolicy, Pipeline
from proxy.policy.match import Policy
from proxy.simulate.lines import LineReader, Recorded
from proxy.simulate.recall import exchange_of


async def asked(recorded: Recorded, policy: Policy, resolver: Resolver) -> tuple[Principal, LlmRequest]:
    """Found by the pipeline itself, on buckets that are thrown away."""
    pipeline = Pipeline(FixedPolicy(policy), resolver, Estimator(), MemoryStore(lambda: recorded.ts_us))
    exchange = exchange_of(recorded, recorded.id)
    await pipeline.decide(exchange)
    return exchange.principal, exchange.request


async def explained(
    line: bytes, policy: Policy, resolver: Resolver, store: BucketStore, estimator: Estimator
) -> Explanation:
    """What a policy and its buckets as they are say of a line of the exchange log. BadLineError."""
    principal, request = await asked(LineReader().read(line.strip()), policy, resolver)
    return await explain(policy, principal, request, store, estimator)

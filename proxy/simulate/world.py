"""Owns virtual time: the pipeline that `serve` runs, on the memory store, driven by events that carry their own time.

Nothing here decides anything. What is due happens in the order of time; at one moment, in the order of arrival.
"""

from __future__ import annotations

import heapq
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from proxy.admission.memory import MemoryStore
from proxy.admission.quota import Concurrency
from proxy.admission.store import LEASE_US, Reservation
from proxy.clock import US_PER_SECOND, VirtualClock
from proxy.detection import Detection
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import Usage
from proxy.events.record import Response
from proxy.events.sketching import Sketcher
from proxy.exchange import Action, Ending, Exchange, Outcome, Recalled
from proxy.identity.resolve import Resolver
from proxy.pipeline import Pipeline, PolicySource
from proxy.simulate.ahead import Ahead
from proxy.simulate.lines import Recorded
from proxy.simulate.recall import exchange_of, signatures_of

T = TypeVar("T")
_RENEW_US = LEASE_US // 3


class World:
    """One proxy in virtual time. `hash_key` names accounts that are known by their API key only."""

    def __init__(
        self,
        policies: PolicySource,
        hash_key: bytes,
        store: MemoryStore | None = None,
        detection: Detection | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.store = store or MemoryStore(lambda: self.clock.now_us)
        self._policies = policies
        resolver = Resolver(hash_key, None)
        sketcher = None if detection is None else Sketcher(hash_key, foreign_names=True)
        self._pipeline = Pipeline(policies, resolver, Estimator(), self.store, detection=detection, sketcher=sketcher)
        self._ahead = Ahead(resolver, sketcher)
        self._due: list[tuple[int, int, Exchange, Outcome]] = []
        self._count = 0
        self._held: dict[int, Reservation] = {}
        self._renew_at_us = 0

    def read_ahead(self, block: Sequence[Recorded]) -> list[Recalled | None]:
        """What these lines ask, for `arrive` under the policy that is in force now."""
        return self._ahead.read(block, self._policies.current)

    def arrive(self, recorded: Recorded, read: Recalled | None = None) -> Exchange:
        """Decides on the next exchange of a log, after all that is due by then; its answer is settled when it ends.

        `read`: what `read_ahead` made of it, should it have.
        """
        self.advance(recorded.ts_us)
        self._count += 1
        exchange = exchange_of(recorded, str(self._count), read)
        decision = run(self._pipeline.decide(exchange))
        if decision.action is Action.ALLOW:
            outcome, duration_us = _outcome(recorded)
            self._hold(exchange)
            heapq.heappush(self._due, (recorded.ts_us + duration_us, self._count, exchange, outcome))
        return exchange

    def advance(self, now_us: int) -> None:
        """Lets everything happen that is due by `now_us`."""
        while self._due and self._due[0][0] <= now_us:
            at_us, count, exchange, outcome = heapq.heappop(self._due)
            self._renew(at_us)
            self.clock.now_us = max(self.clock.now_us, at_us)
            self._held.pop(count, None)
            self._pipeline.complete(exchange, outcome, at_us)
        self._renew(now_us)
        self.clock.now_us = max(self.clock.now_us, now_us)

    def _hold(self, exchange: Exchange) -> None:
        reservation = exchange.reservation
        if reservation is not None and Concurrency in [type(claim.limit) for claim in reservation.claims]:
            if not self._held:
                self._renew_at_us = self.clock.now_us + _RENEW_US
            self._held[self._count] = reservation

    def _renew(self, until_us: int) -> None:
        """Renews the leases of open exchanges, as `serve` does all the time."""
        while self._held and self._renew_at_us <= until_us:
            self.clock.now_us = max(self.clock.now_us, self._renew_at_us)
            run(self.store.renew(list(self._held.values())))
            self._renew_at_us += _RENEW_US


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends, which none does on the memory store."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise RuntimeError("a stage waited for something in virtual time")


def _outcome(recorded: Recorded) -> tuple[Outcome, int]:
    """What came of an exchange and how long it took, in microseconds. Without an answer all of it is unknown."""
    response = recorded.response
    if response is None:
        return Outcome(Ending.COMPLETE, 200), 0
    signatures = signatures_of(recorded)
    usage = Usage(
        response.input_tokens,
        response.output_tokens,
        response.cache_read_input_tokens,
        response.cache_creation_input_tokens,
    )
    duration_us = max(round(response.duration_s * US_PER_SECOND), 0)
    answer = recorded.features.answer if recorded.features is not None else None
    if answer is None:
        return Outcome(_ending(response), response.status, usage, signatures=signatures), duration_us
    ending = Ending(answer.ending)
    unanswered = ending in (Ending.UPSTREAM_FAILED, Ending.UPSTREAM_TIMEOUT) or answer.generated_bytes is None
    status = None if unanswered else response.status
    return Outcome(ending, status, usage, answer.generated_bytes, answer.output_events, signatures), duration_us


def _ending(response: Response) -> Ending:
    return Ending.COMPLETE if response.status < 400 else Ending.UPSTREAM_REFUSED

"""Owns the events of a replica that are still to be sent: encoded, in order, bounded. Pure."""

from __future__ import annotations

from collections import deque
from itertools import islice

from msgspec import Struct

from proxy.analysis.wire import encode_event, joined
from proxy.events.event import Event

BATCH = 500
MOST = 50_000
"""Events that wait, some 300 bytes each: what a busy replica sees while Redis is away for half a minute."""


class Batch(Struct, frozen=True, gc=False):
    """Events on their way."""

    serial: int
    count: int
    data: bytes


class Outbox:
    """`add` events, send the `batch`, say when it was `delivered`; until then it is the same one again."""

    def __init__(self, most: int = MOST, batch: int = BATCH) -> None:
        self._most = most
        self._batch = batch
        self._waiting: deque[bytes] = deque()
        self._under_way: Batch | None = None
        self._serial = 0

    def __len__(self) -> int:
        """Events that are not delivered."""
        return len(self._waiting) + (0 if self._under_way is None else self._under_way.count)

    @property
    def is_batch_full(self) -> bool:
        """There is no point in waiting for more before sending."""
        return len(self._waiting) >= self._batch

    def add(self, event: Event) -> bool:
        """False where that cost an event: the oldest that is not under way, or this one where it cannot be sent."""
        try:
            encoded = encode_event(event)
        except (ValueError, OverflowError, TypeError):  # a lone surrogate in a name, say
            return False
        waiting = self._waiting
        waiting.append(encoded)
        if len(waiting) <= self._most:
            return True
        waiting.popleft()
        return False

    def batch(self) -> Batch | None:
        """What is to be sent now; None where nothing waits."""
        if self._under_way is None and (waiting := self._waiting):
            encoded = list(islice(waiting, self._batch))
            for _ in encoded:
                waiting.popleft()
            self._serial += 1
            self._under_way = Batch(self._serial, len(encoded), joined(encoded))
        return self._under_way

    def delivered(self) -> None:
        """The batch has arrived."""
        self._under_way = None

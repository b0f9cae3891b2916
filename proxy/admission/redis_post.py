"""Owns the way of calls to Redis and back: what travels together, how long anybody waits, what is done about a fault.

A call fails with StoreError as soon as Redis cannot be reached, refuses, or has been silent for too long; the error's
text names no host. What a reservation that nobody waits for any more had taken after all is given back. A settlement
that failed is kept and repeated once Redis answers again: the script settles each reservation only once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import MovedError, ReadOnlyError, RedisError

from proxy.admission.redis_backlog import REPEAT_SECONDS, Backlog
from proxy.admission.redis_calls import Call, ProbeCall, SettleCall
from proxy.admission.redis_faults import OUTAGES, told
from proxy.admission.redis_link import Batch, Errand, Link
from proxy.admission.store import Granted, Reservation
from proxy.errors import StoreError
from proxy.logs import Throttle
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.store")

BATCH = 128
"""Calls in one run of the script, during which Redis serves nobody else."""
IN_FLIGHT = 2
"""Batches under way; what comes meanwhile gathers into the next ones."""
CONNECT_SECONDS = 2.0
LATE_SECONDS = 10.0
"""How long a silent connection is kept for its late answers, while new calls take another one."""
LATE_LINKS = 4
LAG_SECONDS = 0.02
"""A timer that fires later than this says more of our own event loop than of Redis."""

ELSEWHERE = (MovedError, ReadOnlyError)
"""Refusals after which the next connection may lead to another Redis; no other is mended by a new connection."""
LINES_A_MINUTE = 6
"""In the log, of a Redis that comes and goes."""


class Post:
    """Carries calls. `connection` makes a new one each time, told the fault that ended the last; one event loop."""

    def __init__(
        self,
        connection: Callable[[Exception | None], AbstractConnection],
        prefix: str,
        timeout_seconds: float,
        now_us: Callable[[], int],
        on_roundtrip: Callable[[str, float, int], None] | None,
        on_fault: Callable[[str, int], None] | None,
    ) -> None:
        self.is_up = True
        """False from an outage to the next answer."""
        self.last_fault: Exception | None = None
        """What the next connection is told of."""
        self.backlog = Backlog()
        self._connection = connection
        self._prefix = prefix
        self._timeout = timeout_seconds
        self._now_us = now_us
        self._on_roundtrip = on_roundtrip
        self._on_fault = on_fault
        self._pending: deque[Errand] = deque()
        self._wake = asyncio.Event()
        self._tasks = Tasks()
        self._sender: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._link: Link | None = None
        self._late: deque[Link] = deque()
        self._closed = False
        self._told_up = True
        self._lines = Throttle(LINES_A_MINUTE, 60.0)

    def submit(self, call: Call[Any]) -> asyncio.Future[Any]:
        """Sends `call` together with whatever else this turn of the event loop submits."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._send(call, future)
        return future

    def tell(self, call: SettleCall) -> None:
        """Sends the settlement as `submit` does a call that somebody waits for."""
        self._send(call, None)

    def keep(self, call: SettleCall) -> None:
        """Sends the settlement once Redis has answered something else."""
        self.backlog.keep(call, asyncio.get_running_loop().time() + REPEAT_SECONDS)

    def give_back(self, reservation: Reservation) -> None:
        """Keeps a settlement at nothing, for a reservation that nobody waited for to the end."""
        self.keep(SettleCall(reservation, [0] * len(reservation.claims)))

    async def close(self) -> None:
        """Ends the connections, once Redis has heard the settlements if it hears; who still waits gets StoreError."""
        if self._pending and self.is_up:
            with suppress(StoreError):
                await self.submit(ProbeCall())
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        link = self._link
        await self._tasks.close()
        if link is not None:
            self.ended(link, ConnectionError("closed"))
            await link.disconnect()
        self._fail(self._pending, "closed")
        self._pending.clear()

    # What the link tells

    def answered(self, link: Link, batch: Batch, results: list[Any]) -> None:
        now = asyncio.get_running_loop().time()
        for errand, result in zip(batch.errands, results, strict=True):
            if errand.future is not None and not errand.future.done():
                errand.future.set_result(result)
            elif isinstance(result, Granted):
                self.give_back(result.reservation)
        self.is_up = True
        if not self._told_up:
            self._tell(now)
        if self._on_roundtrip is not None:
            kinds = {errand.call.kind for errand in batch.errands}
            kind = kinds.pop() if len(kinds) == 1 else "mixed"
            self._on_roundtrip(kind, now - batch.sent_at, len(batch.errands))
        for call, expires_at in self.backlog.take(BATCH, now):
            self._enqueue(Errand(call, None, now + self._timeout, expires_at))
        self._go_on(link)

    def refused(self, link: Link, batch: Batch, fault: RedisError) -> None:
        self.last_fault = fault
        self._fail(batch.errands, "refused", fault)
        if isinstance(fault, ELSEWHERE):
            self._retire(link, "refused", fault)
        else:
            self._go_on(link)

    def ended(self, link: Link, fault: Exception) -> None:
        if link is self._link:
            self._link = None
            self.last_fault = fault
        elif link in self._late:
            self._late.remove(link)
        kind = "closed" if self._closed else "lost"
        for batch in link.in_flight:
            self._fail(batch.errands, kind, fault)

    def _go_on(self, link: Link) -> None:
        """After an answer: there is room for the next batch, or `link` was only waited for."""
        if link is not self._link and not link.in_flight:
            link.close()
        if self._pending:
            self._wake.set()

    # Sending

    def _send(self, call: Call[Any], future: asyncio.Future[Any] | None) -> None:
        now = asyncio.get_running_loop().time()
        errand = Errand(call, future, now + self._timeout, now + REPEAT_SECONDS)
        if self._closed:
            self._fail([errand], "closed")
        else:
            self._enqueue(errand)

    def _enqueue(self, errand: Errand) -> None:
        if self._sender is None or self._sender.done():
            self._sender = self._tasks.spawn_endless(self._send_forever(), "redis-sender")
        self._pending.append(errand)
        self._wake.set()
        if self._timer is None:
            self._watch(errand.deadline)

    async def _send_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                link = self._link or await self._connect()
                if link is None or len(link.in_flight) >= IN_FLIGHT:
                    break
                if batch := self._next_batch():
                    await link.send(batch)

    def _next_batch(self) -> Batch | None:
        errands: list[Errand] = []
        while self._pending and len(errands) < BATCH:
            errand = self._pending.popleft()
            if errand.future is None or not errand.future.done() or isinstance(errand.call, SettleCall):
                errands.append(errand)
        if not errands:
            return None
        try:
            return Batch(errands, self._prefix, self._now_us())
        except (ValueError, OverflowError) as fault:  # must not end the sender, on whom everybody waits
            self._fail(errands, "unsendable", fault)
            return None

    async def _connect(self) -> Link | None:
        link = Link(self._connection(self.last_fault), self)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await link.connect()
        except (RedisError, OSError) as fault:
            self.last_fault = fault
            self._fail(self._pending, "unreachable", fault)
            self._pending.clear()
            return None
        link.close = self._tasks.spawn_endless(link.run(), "redis-link").cancel
        self._link = link
        return link

    # Giving up

    def _watch(self, due: float, patient_with: object = None) -> None:
        self._timer = asyncio.get_running_loop().call_at(due, self._overdue, due, patient_with)

    def _overdue(self, due: float, patient_with: object) -> None:
        loop = asyncio.get_running_loop()
        oldest = self._oldest()
        if loop.time() - due > LAG_SECONDS and oldest is not patient_with:
            self._watch(loop.time() + self._timeout, oldest)
        else:
            loop.call_soon(self._give_up)  # after the answers that have arrived in this turn

    def _oldest(self) -> Batch | Errand | None:
        if self._link is not None and self._link.in_flight:
            return self._link.in_flight[0]
        return self._pending[0] if self._pending else None

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        link = self._link
        if link is not None and link.in_flight and link.in_flight[0].sent_at + self._timeout <= now:
            self._retire(link, "timeout", None)
        while self._pending and self._pending[0].deadline <= now:
            self._fail([self._pending.popleft()], "timeout")
        dues = [self._pending[0].deadline] if self._pending else []
        if self._link is not None and self._link.in_flight:
            dues.append(self._link.in_flight[0].sent_at + self._timeout)
        self._timer = None
        if dues:
            self._watch(min(dues))

    def _retire(self, link: Link, kind: str, fault: Exception | None) -> None:
        """Gives `link` no more work, and whoever waits on it up; it stays a while for its late answers."""
        for batch in link.in_flight:
            self._fail(batch.errands, kind, fault)
        if link is self._link:
            self._link = None
            self._late.append(link)
        if not link.in_flight:
            link.close()
            return
        asyncio.get_running_loop().call_later(LATE_SECONDS, link.close)
        if len(self._late) > LATE_LINKS:
            self._late[0].close()

    def _fail(self, errands: Iterable[Errand], kind: str, fault: Exception | None = None) -> None:
        failed = [errand for errand in errands if not errand.failed]
        for errand in failed:
            errand.failed = True
            if errand.future is not None and not errand.future.done():
                errand.future.set_exception(StoreError(told(kind, fault)))
            if isinstance(errand.call, SettleCall):
                self.backlog.keep(errand.call, errand.expires_at)
        if failed and kind in OUTAGES:
            self.is_up = False
            if self._told_up:
                self._tell(asyncio.get_running_loop().time(), kind, fault)
            if self._on_fault is not None:
                self._on_fault(kind, len(failed))

    def _tell(self, now: float, kind: str = "", fault: Exception | None = None) -> None:
        """Logs how Redis stands; after too many lines, the next answer or fault that may does."""
        if not self._lines.lets_pass(now):
            return
        self._told_up = self.is_up
        if self.is_up:
            log.info("the bucket store answers again")
        else:
            log.warning("%s (%r)", told(kind, fault), fault)

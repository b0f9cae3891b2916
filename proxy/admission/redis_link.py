"""Owns one connection to Redis: batches of calls go out one after the other and are answered in the same order.

Knows how a batch becomes a command and which answer is whose. When to give up waiting is the store's to say.
"""

from __future__ import annotations

import math
from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, Protocol

import hiredis
import msgspec
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import BusyLoadingError, InvalidResponse, NoScriptError, RedisError, ResponseError

from proxy.admission.redis_calls import Call

SCRIPT = files("proxy.admission").joinpath("lua", "buckets.lua").read_bytes()
SCRIPT_HASH = sha1(SCRIPT, usedforsecurity=False).hexdigest()  # Redis names scripts so

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Errand:
    """A call under way. Nobody waits for it where `future` is None. Times are on the event loop's clock, in seconds."""

    __slots__ = ("call", "deadline", "expires_at", "failed", "future")

    def __init__(self, call: Call[Any], future: Future[Any] | None, deadline: float, expires_at: float) -> None:
        self.call = call
        self.future = future
        self.failed = False
        self.deadline = deadline
        """When it is given up if it has not been sent by then."""
        self.expires_at = expires_at
        """When it is no longer repeated."""


class Batch:
    """Errands that travel together, as one run of the script."""

    __slots__ = ("_rest", "errands", "sent_at", "with_script")

    def __init__(self, errands: Sequence[Errand], prefix: str, now_us: int) -> None:
        keys = [f"{prefix}never"]
        numbers: list[Any] = [now_us]
        for errand in errands:
            errand.call.put(prefix, keys, numbers)
        self.errands = errands
        self.sent_at = 0.0
        self.with_script = False
        """Whether the script's text goes along, for a Redis that does not know its hash yet."""
        self._rest = (len(keys), *keys, _encode(numbers))

    def command(self) -> bytes:
        head = ("EVAL", SCRIPT) if self.with_script else ("EVALSHA", SCRIPT_HASH)
        packed: bytes = hiredis.pack_command((*head, *self._rest))
        return packed

    def results(self, reply: Any) -> list[Any]:
        """What each errand's call makes of its part of the answer. InvalidResponse where that is not the script's."""
        try:
            values = iter(_decode(reply))
            results = [errand.call.take(values) for errand in self.errands]
        except (StopIteration, TypeError, ValueError) as fault:
            raise InvalidResponse(f"not the script's answer ({type(fault).__name__})") from fault
        if next(values, None) is not None:
            raise InvalidResponse("more than the script's answer")
        return results


class Owner(Protocol):
    """Who is told what became of the batches."""

    def answered(self, link: Link, batch: Batch, results: list[Any]) -> None:
        """Redis has done it all; `results` are those of the batch's errands."""

    def refused(self, link: Link, batch: Batch, fault: RedisError) -> None:
        """Redis answered with an error: nothing is known of what it did."""

    def ended(self, link: Link, fault: Exception) -> None:
        """The connection is gone, and with it what was still `in_flight`."""


class Link:
    """A connection in use. `run` has to be running while batches are sent."""

    def __init__(self, connection: AbstractConnection, owner: Owner) -> None:
        self.in_flight: deque[Batch] = deque()
        self.close: Callable[[], object] = lambda: None
        """Ends the connection; set by whoever runs it."""
        self._connection = connection
        self._owner = owner
        self._time = get_running_loop().time

    async def connect(self) -> None:
        """Connects, authenticates, selects the database. RedisError or OSError where that fails."""
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Closes the socket; to be called for a link that was connected and never run."""
        await self._connection.disconnect(nowait=True)

    async def send(self, batch: Batch) -> None:
        """Returns as soon as the operating system has room; a fault ends the link."""
        batch.sent_at = self._time()
        self.in_flight.append(batch)
        try:
            await self._connection.send_packed_command(batch.command(), check_health=False)
        except (RedisError, OSError) as fault:
            self._owner.ended(self, fault)
            self.close()

    async def run(self) -> None:
        """Hands each answer to the owner until the connection ends or the task is cancelled."""
        fault: Exception = ConnectionError("closed")
        try:
            while True:
                await self._read()
        except (RedisError, OSError) as ended_by:
            fault = ended_by
        finally:
            self._owner.ended(self, fault)
            await self.disconnect()

    async def _read(self) -> None:
        try:
            reply = await self._connection.read_response(timeout=math.inf, disconnect_on_error=False)
        except (ResponseError, BusyLoadingError) as fault:
            batch = self._asked()
            self.in_flight.popleft()
            if not isinstance(fault, NoScriptError) or batch.with_script:
                self._owner.refused(self, batch, fault)
                return
            batch.with_script = True
            await self.send(batch)
        else:
            batch = self._asked()
            results = batch.results(reply)
            self.in_flight.popleft()
            self._owner.answered(self, batch, results)

    def _asked(self) -> Batch:
        """The batch whose answer comes next. InvalidResponse where none is waited for."""
        if not self.in_flight:
            raise InvalidResponse("an answer to nothing")
        return self.in_flight[0]

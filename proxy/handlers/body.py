"""Owns the body of one request between the connection that it comes on and whoever reads it.

Knows neither what it holds nor what becomes of it; the client is held back while more waits than is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from proxy.dialects.llm import Fault
from proxy.handlers.bodies import Bodies

BODY_IDLE_SECONDS = 60.0
"""Silence in the middle of a body after which it is given up, as nginx's client_body_timeout."""
LEAST_BYTES = 2**18
"""That a body which is read whole brings in as long a time, unless it ends: 35 kbit/s."""
_AHEAD_BYTES = 2**16
"""That may wait of a body which is passed through."""
_SMALL_BYTES = 2**12
"""A piece of fewer is put to the last one, as an object for each chunk of two bytes would take twenty times as much."""
_ARRIVED, _BROKEN = "arrived", "broken"
SILENT, SLOW, NO_ROOM = "silent", "slow", "no_room"
"""Why a body is given up by the proxy. `metrics.bodies_given_up` has them all."""


class RequestError(Exception):
    """A request that is refused before anybody asks who sent it; the message is for its client."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class Source(Protocol):
    """Where a body comes from."""

    @property
    def bodies(self) -> Bodies:
        """All those of the process."""

    def invite(self) -> None:
        """Tells the client to send the body."""

    def hold_back(self) -> None:
        """Takes no more for now."""

    def go_on(self) -> None: ...


class RequestBody:
    """The body of one request, read once: `whole`, or piece by piece with `chunks`."""

    __slots__ = (
        "_ahead",
        "_bodies",
        "_expects",
        "_held",
        "_is_dropped",
        "_size",
        "_source",
        "_state",
        "_waiter",
        "_waiting",
        "exists",
        "given_up",
        "is_missed",
        "length",
    )

    def __init__(self, source: Source, *, exists: bool, length: int | None, expects: bool) -> None:
        """`expects`: the client waits to be invited (RFC 9110, 10.1.1)."""
        self.exists = exists
        self.length = length
        """As announced; None for a chunked body."""
        self.is_missed = False
        """`chunks` ended with a RequestError, for whoever only saw the reader of the chunks fail; see `fault`."""
        self.given_up = ""
        """Why, where it was the proxy that would not wait for it any longer."""
        self._source = source
        self._bodies = source.bodies
        self._expects = expects
        self._waiting: list[bytes | bytearray] = []
        self._size = 0
        self._ahead = _AHEAD_BYTES
        self._held = self._is_dropped = False
        self._state = ""
        self._waiter: asyncio.Future[None] | None = None

    @property
    def at_end(self) -> bool:
        """Nothing more comes."""
        return self._state != ""

    @property
    def is_whole(self) -> bool:
        """All of it has come, and none was dropped unread."""
        return self._state == _ARRIVED

    @property
    def size(self) -> int:
        """As `bodies.Coming` has it."""
        return self._size

    def check(self) -> None:
        """RequestError where it is known already that it will not be whole."""
        if self._state == _BROKEN:
            raise self.fault()

    def fault(self) -> RequestError:
        """What is to be told of it where it will not be whole; made anew, as one that is kept would keep its reader."""
        if self.given_up == NO_ROOM:
            text = "Too many large requests are arriving at the moment, and this one was slow. Please try again."
            return RequestError(Fault.UNAVAILABLE, text)
        if self.given_up == SLOW:
            return RequestError(Fault.BAD_REQUEST, "The request body arrived too slowly.")
        return RequestError(Fault.BAD_REQUEST, "The request body did not arrive whole, or is not valid HTTP.")

    # For the connection

    def feed(self, piece: bytes) -> None:
        """Takes in what has come."""
        if self._is_dropped:
            return
        size, bodies, waiting = len(piece), self._bodies, self._waiting
        if size >= _SMALL_BYTES or not waiting:
            waiting.append(piece)
        elif isinstance(last := waiting[-1], bytearray) and len(last) < _AHEAD_BYTES:
            last += piece
        else:
            waiting.append(bytearray(piece))
        self._size += size
        bodies.bytes += size
        if bodies.bytes > bodies.most:
            bodies.make_room()
        if self._size > self._ahead:
            if not self._held:
                self._held = True
                self._source.hold_back()
            self._wake()
        elif self._ahead == _AHEAD_BYTES:
            self._wake()

    def end(self) -> None:
        """All of it has come; too late where its last piece had it give way."""
        if not self.given_up:
            self._state = _ARRIVED
        self._wake()

    def fail(self) -> None:
        """What should still come is malformed, or will not come."""
        if not self._state:
            self._state = _BROKEN
            self.drop()
            self._wake()

    def give_way(self) -> None:
        """As `bodies.Coming` has it."""
        self._give_up(NO_ROOM)

    def drop(self) -> None:
        """Nobody reads what is left, or is still to come."""
        self._is_dropped = True
        if self._waiting:
            self._state = _BROKEN  # who is about to read on must not take what it has for all of it
        self._taken()

    # For the reader

    async def whole(self, most: int) -> bytes:
        """All of it. RequestError where it is longer than `most` bytes, or does not arrive."""
        if (self.length or 0) > most:
            raise _too_large(most)
        if self._state != _ARRIVED:
            self._ahead = most
            self._invite()
            self._let_go()
            self._bodies.came(self)
            try:
                while not self._state and self._size <= most:
                    await self._more(LEAST_BYTES)
            finally:
                self._bodies.gone(self)
        if self._size > most:
            raise _too_large(most)
        self.check()
        return self._taken()

    async def beginning(self) -> bytes:
        """What comes first of it, and is still to be read. Empty where nothing comes."""
        self._invite()
        while not self._waiting and not self._state:
            await self._more(1)
        return bytes(self._waiting[0]) if self._waiting else b""

    async def chunks(self) -> AsyncIterator[bytes]:
        """As it comes."""
        self._invite()
        while True:
            if self._waiting:
                yield self._taken()
            elif self._state == _ARRIVED:
                return
            elif self._state:
                self.is_missed = True
                raise self.fault()
            else:
                await self._more(1)

    def _invite(self) -> None:
        """Only now that somebody reads it."""
        if self._expects and not self._state and not self._size:
            self._source.invite()

    def _taken(self) -> bytes:
        """What waits, which then waits no more."""
        waiting = self._waiting
        piece = bytes(waiting[0]) if len(waiting) == 1 else b"".join(waiting)
        waiting.clear()
        self._bodies.bytes -= self._size
        self._size = 0
        self._let_go()
        return piece

    async def _more(self, least: int) -> None:
        """Waits for what comes next: `least` bytes at least, unless it ends."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(BODY_IDLE_SECONDS, self._look, self._size, least)
        try:
            await self._waiter
        finally:
            self._waiter = None
            timer.cancel()

    def _look(self, size: int, least: int) -> None:
        """At what has come since there were `size` bytes: only the end of a body that is read whole wakes."""
        if self._size - size >= least:
            self._wake()
        else:
            self._give_up(SLOW if self._size > size else SILENT)

    def _give_up(self, why: str) -> None:
        if not self._state:
            self.given_up = why
            self.fail()

    def _let_go(self) -> None:
        if self._held and self._size <= self._ahead:
            self._held = False
            self._source.go_on()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _too_large(most: int) -> RequestError:
    return RequestError(Fault.TOO_LARGE, f"The request body is larger than {most // 2**20} MiB.")

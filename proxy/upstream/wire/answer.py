"""Owns the way of an answer's body from a connection to whoever takes it, and the waiting of the one for the other.

Pieces go to `take` from within the connection's reading: a task is woken only where `take` wants to be waited for, and
at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Protocol

from proxy.errors import UpstreamError
from proxy.upstream.protocol import HeaderList, Take

MOST_HELD_BYTES = 2**16
"""Held for a taker that is busy, or not there yet; with more, nothing is read until it is."""


class Source(Protocol):
    """The connection that an answer comes from."""

    def pause(self) -> None:
        """Reads no more, until `flow`."""

    def flow(self) -> None:
        """Reads on; silence is the upstream's from now on."""

    def drop(self) -> None:
        """Ends the connection at once."""


class HttpAnswer:
    """An answer whose head has come; see `UpstreamAnswer`."""

    __slots__ = (
        "_busy",
        "_failure",
        "_held",
        "_held_bytes",
        "_source",
        "_waiter",
        "headers",
        "reason",
        "status",
        "taker",
    )

    def __init__(self, source: Source, status: int, reason: str, headers: HeaderList) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self._source: Source | None = source
        """None once the body is whole, or never will be."""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.taker: Take | None = None
        """Who has the next piece handed on at once; None while nobody may be called."""
        self._waiter: asyncio.Future[None] | None = None
        self._busy: Awaitable[None] | None = None
        self._failure: BaseException | None = None

    async def relay(self, take: Take) -> None:
        busy: Awaitable[None] | None
        try:
            while True:
                if self._held:
                    busy = take(self._release())
                elif self._source is not None:
                    busy = await self._flowing(self._source, take)
                else:
                    break
                if busy is not None:
                    await busy
        except BaseException:
            self.abort()
            raise
        finally:
            busy = None  # what it fails with knows this frame
        if self._failure is not None:
            failure, self._failure = self._failure, UpstreamError("the answer has failed before")
            try:
                raise failure
            finally:
                del failure

    def abort(self) -> None:
        source = self._source
        if source is not None:
            self._held.clear()
            self.end(UpstreamError("the answer was dropped"))
            source.drop()

    def came(self, piece: bytes) -> None:
        """From the connection: hands `piece` on, or holds it."""
        take = self.taker
        if take is None:
            self._hold(piece)
            return
        try:
            busy = take(piece)
        except BaseException as failure:  # is the relay's caller's, not the event loop's
            self._fail(failure)
            return
        if busy is not None:
            self._busy = busy
            self._rest()

    def end(self, fault: UpstreamError | None = None) -> None:
        """From the connection, which forgets the answer: the body is whole, or, with a `fault`, will never be."""
        self._source = None
        self._failure = self._failure or fault
        self._rest()

    async def _flowing(self, source: Source, take: Take) -> Awaitable[None] | None:
        """Lets pieces go straight to `take`; returns what `take` wants to be waited for, or None at the end."""
        self._waiter = asyncio.get_running_loop().create_future()
        self.taker = take
        source.flow()
        try:
            await self._waiter
        except BaseException:
            if isinstance(self._busy, Coroutine):
                self._busy.close()  # nobody is left to await it
            raise
        finally:
            self.taker = self._waiter = None
            busy, self._busy = self._busy, None
        return busy

    def _rest(self) -> None:
        """Has the relay look at what happened."""
        self.taker = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: BaseException) -> None:
        source, self._failure = self._source, failure
        self.end()
        if source is not None:
            source.drop()

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > MOST_HELD_BYTES and self._source is not None:
            self._source.pause()

    def _release(self) -> bytes:
        held = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return held

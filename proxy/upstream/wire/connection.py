"""Owns one connection to the upstream: what is written to it, what is read from it, and how long either may take.

One request at a time. All connections of a pool read into one buffer, because what was read is parsed, and copied where
somebody keeps it, before anything else is read: on asyncio that saves 7 µs of each read, which would get a new buffer.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Awaitable
from typing import Protocol, cast

from proxy.errors import MalformedAnswerError, UpstreamError, UpstreamTimeoutError
from proxy.quiet import Reads
from proxy.upstream.wire.answer import HttpAnswer
from proxy.upstream.wire.deadline import NEVER, Deadline
from proxy.upstream.wire.reader import AnswerReader

_PIECE_BYTES = 2**18
"""Up to here a body is copied behind its head (a request of 200 KB takes 61 µs so, and 109 in two writes); a longer one
is written in pieces, each when the last is nearly out, because what cannot be sent yet may be copied."""


class UnansweredError(UpstreamError):
    """The connection ended before a single byte of the answer came."""


class UnsentError(UnansweredError):
    """It had ended before a single byte of the request was written."""


class Keeper(Protocol):
    """Who is told what becomes of a connection."""

    reads: Reads

    def keep(self, connection: Connection) -> None:
        """It is ready for another request."""

    def forget(self, connection: Connection) -> None:
        """It has ended; may be told more than once."""


class Connection(asyncio.BufferedProtocol):
    """Made by `loop.create_connection`; then `ask`, or `begin`, `write` and `written`; and again once it is kept."""

    __slots__ = (
        "_answer",
        "_asked",
        "_buffer",
        "_deadline",
        "_drained",
        "_full",
        "_heard",
        "_idle_seconds",
        "_keeper",
        "_limit",
        "_loop",
        "_paused",
        "_poll",
        "_reader",
        "_time",
        "_transport",
        "_unwritten",
        "_written",
    )

    def __init__(
        self, keeper: Keeper, loop: asyncio.AbstractEventLoop, buffer: memoryview, idle_seconds: float
    ) -> None:
        self._keeper, self._loop, self._buffer, self._idle_seconds = keeper, loop, buffer, idle_seconds
        self._time = loop.time
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self._reader = AnswerReader()
        self._asked: asyncio.Future[HttpAnswer] | None = None
        """Of the request whose answer's head has not come yet."""
        self._answer: HttpAnswer | None = None
        """Whose body has not ended yet."""
        self._heard = self._paused = self._full = False
        self._written = True
        self._unwritten: memoryview | None = None
        self._drained: asyncio.Future[None] | None = None
        self._deadline = Deadline(loop, self._expired)
        self._limit = NEVER

    # What a request is sent with.

    def ask(self, head: bytes, body: bytes, *, limit: float, bodiless: bool) -> Awaitable[HttpAnswer]:
        """Sends a request; the answer, whose head may take to the loop's time `limit`. UpstreamError."""
        if len(body) <= _PIECE_BYTES:
            asked = self.begin(head + body, limit=limit, bodiless=bodiless)
            self.written(limit)
        else:
            asked = self.begin(head, limit=limit, bodiless=bodiless)
            self._unwritten = memoryview(body)
            self._write_on()
        return self.answered(asked)

    def begin(self, data: bytes, *, limit: float, bodiless: bool) -> asyncio.Future[HttpAnswer]:
        """Writes the first part of a request; `bodiless`: its method is HEAD. UnsentError where it is too late."""
        transport = self._open_transport()
        if transport.is_closing():
            self.drop()
            raise UnsentError("the connection had ended")
        self._heard = self._written = False
        self._reader.expect(bodiless=bodiless)
        self._limit = limit
        self._deadline.by(limit)
        transport.write(data)
        asked = self._asked = self._loop.create_future()
        return asked

    async def answered(self, asked: asyncio.Future[HttpAnswer]) -> HttpAnswer:
        """The answer to what was begun, when its head has come; if the wait is cut short, the connection ends."""
        try:
            return await asked
        except BaseException:
            if asked.done() and not asked.cancelled() and asked.exception() is None:
                asked.result().abort()  # the connection may have gone on to another request
            elif self._asked is asked:
                self.drop()
            raise
        finally:
            del asked  # what it fails with knows this frame

    async def write(self, data: bytes) -> None:
        """Writes a part of the request; returns when there is room for more."""
        self._open_transport().write(data)
        if self._full:
            self._drained = self._loop.create_future()
            await self._drained

    def suspend(self) -> None:
        """What the upstream does not say is not its fault: it waits for more of the request."""
        self._limit = self._deadline.when = NEVER

    def resume(self, limit: float) -> None:
        """The upstream has to take what was written, and to answer, until the loop's time `limit`."""
        self._limit = limit
        self._deadline.by(limit)

    def written(self, limit: float) -> None:
        """All of the request is: a byte has to come within the idle time, and the head of the answer until `limit`."""
        self._written = True
        self._limit = limit
        silent_until = self._time() + self._idle_seconds
        self._deadline.by(limit if limit < silent_until else silent_until)

    # What `HttpAnswer` needs.

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._open_transport().pause_reading()

    def flow(self) -> None:
        self._deadline.by(self._time() + self._idle_seconds)
        self._read_on()

    # What becomes of it.

    def is_fresh(self) -> bool:
        """Whether a kept connection can be used: neither ended nor speaking, heard of by the loop or not."""
        return not self._open_transport().is_closing() and not self._poll.poll(0)

    def drop(self) -> None:
        """Ends it at once; who waits for it is not told. Harmless to repeat."""
        self._asked = self._answer = self._unwritten = None
        self._deadline.end()
        self._reader.close()
        self._keeper.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def fail(self, fault: UpstreamError) -> None:
        """Ends it at once, and tells who waits for it."""
        asked, answer = self._asked, self._answer
        self.drop()
        if asked is not None and not asked.done():
            asked.set_exception(fault)
        if answer is not None:
            answer.end(fault)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer, asked, reader = self._answer, self._asked, self._reader
        if answer is None and (asked is None or asked.done()):
            self.drop()  # nobody asked for this, or nobody waits for it any more
            return
        self._keeper.reads.count += 1
        self._heard = True
        reader.feed(self._buffer[:nbytes])
        if answer is None:
            answer = self._head_came()
            if answer is None:
                return
        pieces = reader.pieces
        if pieces:
            answer.came(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            pieces.clear()
            if self._answer is None:
                return
        if reader.ended:
            self._finish(answer)
        elif reader.fault:
            self.fail(UpstreamError(reader.fault))
        else:
            self._deadline.when = self._time() + self._idle_seconds if answer.taker is not None else NEVER

    def eof_received(self) -> None:
        reader = self._reader
        if self._asked is None and self._answer is None:
            self.drop()
            return
        reader.eof()
        if reader.ended and self._answer is not None:
            self._finish(self._answer)
        else:
            self.fail(self._ended(reader.fault))

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(self._ended("the connection ended" if exc is None else f"{type(exc).__name__}: {exc}"))

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._unwritten is not None:
            self._write_on()

    # Its own.

    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _head_came(self) -> HttpAnswer | None:
        """The answer, where what was read last has completed its head."""
        asked, reader = self._asked, self._reader
        assert asked is not None
        if not reader.status:
            if reader.fault:
                self.fail(MalformedAnswerError(reader.fault))
            elif self._written:
                self._deadline.when = min(self._limit, self._time() + self._idle_seconds)
            return None
        answer = self._answer = HttpAnswer(self, reader.status, reader.reason, reader.headers)
        self._asked = self._unwritten = None  # of a request that is answered before it is sent, the rest is not sent
        asked.set_result(answer)
        return answer

    def _finish(self, answer: HttpAnswer) -> None:
        self._answer = None
        self._deadline.when = NEVER
        if self._written and self._reader.reusable and not self._open_transport().get_write_buffer_size():
            self._read_on()
            self._keeper.keep(self)
        else:
            self.drop()
        answer.end()

    def _ended(self, fault: str) -> UpstreamError:
        return UpstreamError(fault) if self._heard else UnansweredError(fault)

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            transport = self._open_transport()
            if not transport.is_closing():
                transport.resume_reading()

    def _write_on(self) -> None:
        transport, unwritten = self._open_transport(), self._unwritten
        while unwritten and not self._full:
            transport.write(unwritten[:_PIECE_BYTES])
            unwritten = unwritten[_PIECE_BYTES:]
        self._unwritten = unwritten or None
        if not unwritten:
            self.written(self._limit)

    def _expired(self) -> None:
        self.fail(UpstreamTimeoutError("the upstream took too long"))

"""Owns the connection of one client: one request is handled after the other, and what is answered goes back.

Knows nothing of what a request asks for, nor what is answered.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any, Protocol, cast

from proxy.handlers.bodies import Bodies
from proxy.handlers.reading import RequestReader
from proxy.handlers.request import MalformedError, Request
from proxy.handlers.uptake import Uptake
from proxy.quiet import Reads

log = logging.getLogger("stillgate.clients")
LINGER_SECONDS = 10.0
"""For a client to end what nobody reads: to close at once could take the answer from it (RFC 9112, 9.6)."""
_MOST_WAITING, _MOST_AT_ONCE = 4, 64
"""Pipelined requests beyond which a client is held back, and which it may not send: one read has room for thousands."""
_UNSENT_BYTES = 2**17
"""That the kernel takes for a client that does not read them; by itself it would take megabytes of each stream."""
_NO_LINGER = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which a socket is closed by a RST."""


class Host(Protocol):
    """Who has the connections, and answers what comes on them."""

    connections: set[ClientConnection]
    half_heads: set[ClientConnection]
    """Those that may wait for the rest of a head."""
    reads: Reads
    bodies: Bodies

    def has_room(self) -> bool:
        """For one more connection."""

    def handle(self, request: Request, connection: ClientConnection) -> Coroutine[Any, Any, bool]:
        """Answers; whether the connection may be used again."""

    def refusal(self, fault: MalformedError) -> bytes:
        """The whole answer to what is no request."""


class ClientConnection(asyncio.Protocol):
    """Speaks HTTP/1.1 and HTTP/1.0 with one client. What is being handled is cancelled when the client has gone."""

    __slots__ = (
        "_current",
        "_drained",
        "_head_since",
        "_holds",
        "_host",
        "_is_deaf",
        "_keeps",
        "_linger",
        "_loop",
        "_reader",
        "_transport",
        "_uptake",
        "_waiting",
        "idle_since",
        "is_lost",
        "task",
    )

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self.is_lost = False
        """The client has gone, or was sent away."""
        self.idle_since = self._head_since = loop.time()
        self.task: asyncio.Task[None] | None = None
        """Handles the request that is under way."""
        self._host = host
        self._loop = loop
        self._transport: asyncio.Transport
        self._reader: RequestReader
        self._current: Request | None = None
        self._waiting: deque[Request | MalformedError] = deque()
        """Behind the current one."""
        self._is_deaf = self._keeps = False
        self._linger: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        self._holds, self._uptake = 0, Uptake()

    @property
    def is_idle(self) -> bool:
        """No request is under way."""
        return self.task is None

    @property
    def head_since(self) -> float | None:
        """Since when the rest of a head is waited for; None where it is not."""
        if self._is_deaf or not self._reader.in_head:
            return None
        return max(self._head_since, self.idle_since)

    def stalled_seconds(self, now: float) -> float:
        """As `Uptake` has it."""
        return self._uptake.stalled_seconds(self._transport.get_write_buffer_size(), now)

    def part_with(self, answer: bytes) -> None:
        """Gives `answer` where no request came that could be answered, and ends the connection."""
        self._transport.write(answer)
        self._part()

    def cut(self) -> None:
        """Ends the connection as it is: a truncated answer must not look like a whole one."""
        self._is_deaf = True
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once, whatever is still to be sent."""
        self._is_deaf = True
        self._transport.abort()

    def reset(self) -> None:
        """The same, with a RST: no client can take it for an orderly end, and the kernel keeps nothing for it."""
        if not self.is_lost:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.abort()

    # The way back

    def write(self, data: bytes) -> Awaitable[None] | None:
        """As `response.Sink` has it."""
        if self.is_lost or self._transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._uptake.written += len(data)
        self._transport.write(data)
        return self._drained

    def write_all(self, parts: Sequence[bytes]) -> Awaitable[None] | None:
        """As `response.Sink` has it."""
        if self.is_lost or self._transport.is_closing():
            raise ConnectionResetError("the client is gone")
        self._uptake.written += sum(map(len, parts))
        self._transport.writelines(parts)
        return self._drained

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(self, peer[0] if peer else "")
        if not peer or not self._host.has_room():  # without a peer: gone again already
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._host.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._host.reads.count += 1
        if not self._is_deaf:
            self._reader.feed(data)

    def connection_lost(self, fault: Exception | None) -> None:
        self.is_lost = self._is_deaf = True
        self._host.connections.discard(self)
        self._host.half_heads.discard(self)
        self._let_go()
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionResetError("the client is gone"))
            self._drained.exception()  # nobody need have waited for it
        for waiting in (self._linger, self.task):
            if waiting is not None:
                waiting.cancel()

    def _let_go(self) -> None:
        """Of all that knows this connection, so that it leaves nothing for the garbage collector."""
        self._reader.close()
        del self._reader
        for request in (self._current, *self._waiting):
            if isinstance(request, Request):
                request.body.drop()
        self._waiting.clear()
        self._current = None

    # One request after the other

    def take(self, request: Request | MalformedError) -> None:
        """As `reading.Taker` has it."""
        if self._current is None:
            self._begin(request)
        elif len(self._waiting) >= _MOST_AT_ONCE and isinstance(request, Request):
            raise MalformedError(429, "Too many requests were sent on this connection before the first was answered.")
        else:
            self._waiting.append(request)
            if len(self._waiting) == _MOST_WAITING:
                self.hold_back()

    def head_begun(self) -> None:
        """As `reading.Taker` has it."""
        self._head_since = self._loop.time()
        self._host.half_heads.add(self)

    def whole(self, request: Request) -> None:
        """As `reading.Taker` has it."""
        if self._linger is not None and request is self._current:
            self._linger.cancel()
            self._linger = None
            self._go_on()

    def broken(self) -> None:
        """As `reading.Taker` has it."""
        self._is_deaf = True
        if self._linger is not None:
            self._part()

    def _begin(self, request: Request | MalformedError) -> None:
        if isinstance(request, MalformedError):
            self.part_with(self._host.refusal(request))
            return
        self._current = request
        self.task = self._loop.create_task(self._run(request))

    async def _run(self, request: Request) -> None:
        self._keeps = False
        try:
            self._keeps = await self._host.handle(request, self)
        except Exception:
            log.exception("request failed inside the proxy")
        finally:
            self.task = None
            self._ended(request)

    def _ended(self, request: Request) -> None:
        if self.is_lost or self._transport.is_closing():
            return
        at_end = request.body.at_end
        request.body.drop()  # what nobody has read of it, whole or not
        if at_end and not self._is_deaf:
            self._go_on()
        elif self._keeps and not self._is_deaf:
            self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        else:
            self._part()

    def _go_on(self) -> None:
        """With the next request, if there may be another one."""
        self._current = None
        if not self._keeps:
            self._transport.close()
        elif self._waiting:
            if len(self._waiting) == _MOST_WAITING:
                self.go_on()
            self._begin(self._waiting.popleft())
        else:
            self.idle_since = self._loop.time()

    def _part(self) -> None:
        """Ends the connection once the client has heard it: what it still sends is passed over."""
        self._is_deaf = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        if self._linger is not None:
            self._linger.cancel()
        self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        while self._holds:
            self.go_on()

    # For the body of a request

    @property
    def bodies(self) -> Bodies:
        """As `body.Source` has it."""
        return self._host.bodies

    def invite(self) -> None:
        """As `body.Source` has it."""
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def hold_back(self) -> None:
        """As `body.Source` has it; as often as it is called, `go_on` has to be, before more is read."""
        self._holds += 1
        if self._holds == 1 and not self.is_lost:
            self._transport.pause_reading()

    def go_on(self) -> None:
        """As `body.Source` has it."""
        self._holds -= 1
        if not self._holds and not self.is_lost:
            self._transport.resume_reading()

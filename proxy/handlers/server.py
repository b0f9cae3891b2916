"""Owns how the process listens, the connections of its clients, and what becomes of bytes that are no HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

from aiohttp import web

from proxy.errors import UsageError
from proxy.handlers.bodies import Bodies
from proxy.handlers.connection import ClientConnection
from proxy.handlers.handler import Handler
from proxy.handlers.request import MalformedError, Request
from proxy.handlers.room import Room
from proxy.logs import Throttle
from proxy.metrics.exchanges import Metrics
from proxy.quiet import Reads
from proxy.settings import split_address

log = logging.getLogger("stillgate.clients")
HEAD_SECONDS = 60.0
"""From the first byte of a head to its last, as nginx's client_header_timeout."""
KEEPALIVE_SECONDS = 3600.0
"""For a client that asks nothing: longer than any load balancer keeps a connection, so that it is the one to end it."""
STALL_SECONDS = 60.0
"""For a client to take something of what waits for it, as nginx's send_timeout."""
_SWEEP_SECONDS = 5.0
_TELL_SECONDS = 10.0
"""Between two lines in the log about the same shortage."""
_BACKLOG = 1024
_TOO_SLOW = MalformedError(408, "The head of the request took too long to arrive.")


class ClientServer:
    """Listens to clients: one handler for everything, cancelled when its client has gone. Belongs to one event loop."""

    def __init__(self, handler: Handler, files: int, reads: Reads | None = None, bodies: Bodies | None = None) -> None:
        """`files`: how many may be open at once, sockets included. `reads` counts what clients send."""
        self.connections: set[ClientConnection] = set()
        self.half_heads: set[ClientConnection] = set()
        self.reads = reads or Reads()
        self.bodies = bodies or Bodies()
        self.url = ""
        """Where it listens."""
        self._handler = handler
        self._observer = handler.observer
        self._room = Room(files)
        self._lines = Throttle(1, _TELL_SECONDS)
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def listen(self, address: str, flag: str, *, shared: bool = False) -> None:
        """Listens at `address`; `shared` with other processes. UsageError where it cannot be had."""
        loop = asyncio.get_running_loop()
        host, port = split_address(address, flag)
        try:
            self._server = await loop.create_server(
                lambda: ClientConnection(self, loop), host, port, reuse_port=shared or None, backlog=_BACKLOG
            )
        except OSError as fault:
            raise _unavailable(address, flag, fault) from fault
        self.url = _url(*self._server.sockets[0].getsockname()[:2])
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """Takes no new connection; those there are stay."""
        if self._server is not None:
            self._server.close()

    async def close(self, patience_seconds: float) -> None:
        """Ends all connections; those on which a request is under way get so long to end by themselves."""
        self.stop()
        if self._sweeping is not None:
            self._sweeping.cancel()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_seconds
        while self.connections and loop.time() < deadline:
            for connection in [kept for kept in self.connections if kept.is_idle]:
                connection.cut()
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(0)

    def handle(self, request: Request, connection: ClientConnection) -> Coroutine[Any, Any, bool]:
        """As `connection.Host` has it."""
        return self._handler(request, connection)

    def has_room(self) -> bool:
        """As `connection.Host` has it. Where there is none, those idle for longest make some, if there are any."""
        if len(self.connections) < self._room.most:
            return True
        now = asyncio.get_running_loop().time()
        leaving = self._room.leaving(self.connections, now)
        for connection in leaving:
            self.connections.discard(connection)
            connection.abort()
        self._observer.shed("idle" if leaving else "new", len(leaving) or 1)
        if self._lines.lets_pass(now):
            log.warning("no room for more clients, for want of open files", extra={"limit": self._room.most})
        return bool(leaving)

    def observe(self, metrics: Metrics) -> None:
        """Brings the gauges up to date."""
        metrics.clients.set(len(self.connections))
        metrics.clients_limit.set(self._room.most)
        metrics.bodies.set(self.bodies.bytes)

    def refusal(self, fault: MalformedError) -> bytes:
        """As `connection.Host` has it. What came may hold a key, and so is neither told nor logged."""
        self._observer.answered_here(fault.status)
        text = f"{fault.message}\n"
        return (
            f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}"
        ).encode("ascii")

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.bodies.look()
        for connection in list(self.half_heads):
            since = connection.head_since
            if since is None:
                self.half_heads.discard(connection)
            elif connection.is_idle and since <= now - HEAD_SECONDS:
                connection.part_with(self.refusal(_TOO_SLOW))
        for connection in list(self.connections):
            if connection.stalled_seconds(now) >= STALL_SECONDS:
                connection.reset()
            elif connection.is_idle and connection.idle_since < now - KEEPALIVE_SECONDS:
                connection.cut()
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep)


async def listen(stack: AsyncExitStack, runner: web.BaseRunner, address: str, flag: str) -> None:
    """Serves aiohttp's pages at `address` until `stack` closes. UsageError where it cannot be had."""
    host, port = split_address(address, flag)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
    try:
        await site.start()
    except OSError as fault:
        raise _unavailable(address, flag, fault) from fault


def url_of(runner: web.BaseRunner) -> str:
    """Where a runner listens that listens at one address."""
    return _url(*runner.addresses[0][:2])


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _unavailable(address: str, flag: str, fault: OSError) -> UsageError:
    return UsageError(f"cannot listen on {address} ({flag}): {fault.strerror or fault}")

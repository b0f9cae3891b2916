"""Owns the connections to one endpoint: makes them, keeps those that are ready for another request, drops the old."""

from __future__ import annotations

import asyncio
import socket
from itertools import takewhile

from aiohappyeyeballs import start_connection

from proxy.errors import UnreachableError, UpstreamError, UpstreamTimeoutError
from proxy.quiet import Reads
from proxy.upstream.wire.connection import Connection
from proxy.upstream.wire.endpoint import Endpoint

_SWEEP_SECONDS = 1.0
_NEXT_ADDRESS_SECONDS = 0.25
"""What a host's first address may take before the next is tried beside it (RFC 8305)."""
_READ_BYTES = 2**16


class Pool:
    """As many connections as there are requests under way, and those that were, the last used first."""

    def __init__(
        self,
        endpoint: Endpoint,
        connect_timeout_seconds: float,
        idle_timeout_seconds: float,
        keepalive_seconds: float,
        reads: Reads,
    ) -> None:
        self.reads = reads
        self._endpoint = endpoint
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle_timeout_seconds = idle_timeout_seconds
        self._keepalive_seconds = keepalive_seconds
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._open: set[Connection] = set()
        self._kept: dict[Connection, float] = {}
        """Since when, by the loop's time; the one kept longest first."""
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self) -> Connection | None:
        """A kept connection that can be used, or None."""
        oldest = self._loop.time() - self._keepalive_seconds
        while self._kept:
            connection, since = self._kept.popitem()
            if since > oldest and connection.is_fresh():
                return connection
            connection.drop()
        return None

    async def connect(self) -> Connection:
        """A new connection, ready for a request. UpstreamError; UpstreamTimeoutError after the connect timeout."""
        connection = Connection(self, self._loop, self._buffer, self._idle_timeout_seconds)
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                await self._connect(connection)
        except TimeoutError as fault:
            raise UpstreamTimeoutError("no connection in time") from fault
        except (OSError, RuntimeError, UnicodeError) as fault:  # RuntimeError: uvloop's; UnicodeError: of a host's name
            raise UnreachableError(f"{type(fault).__name__}: {fault}") from fault
        if self._closed:
            connection.drop()
            raise UnreachableError("the connections are closed")
        self._open.add(connection)
        return connection

    def close(self) -> None:
        """Ends all connections; who waits for one is told."""
        self._closed = True
        for connection in list(self._open):
            connection.fail(UpstreamError("the connections are closed"))
        if self._sweep is not None:
            self._sweep.cancel()

    def keep(self, connection: Connection) -> None:
        self._kept[connection] = self._loop.time()
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._keepalive_seconds, self._drop_old)

    def forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._kept.pop(connection, None)

    async def _connect(self, connection: Connection) -> None:
        endpoint, loop = self._endpoint, self._loop
        addresses = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, loop=loop)
        tls = endpoint.tls
        _ = await loop.create_connection(
            lambda: connection, sock=sock, ssl=tls, server_hostname=endpoint.host if tls is not None else None
        )

    def _drop_old(self) -> None:
        oldest = self._loop.time() - self._keepalive_seconds
        for connection, _ in list(takewhile(lambda kept: kept[1] <= oldest, self._kept.items())):
            connection.drop()
        self._sweep = None
        for since in self._kept.values():
            self._sweep = self._loop.call_at(since + self._keepalive_seconds + _SWEEP_SECONDS, self._drop_old)
            break

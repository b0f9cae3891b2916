"""Owns the model API as one client over pooled HTTP/1.1 connections. Knows no policy, account or dialect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass

from proxy.quiet import Reads
from proxy.tasks import Tasks
from proxy.upstream.protocol import UpstreamRequest
from proxy.upstream.wire.answer import HttpAnswer
from proxy.upstream.wire.connection import Connection, UnansweredError, UnsentError
from proxy.upstream.wire.endpoint import endpoint_of
from proxy.upstream.wire.pool import Pool
from proxy.upstream.wire.request import IDEMPOTENT, request_head
from proxy.upstream.wire.sending import send_body


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Where the upstream is and how long it may take, in seconds. `ca_file`: PEM bundle, '' for the system's."""

    base_url: str
    connect_timeout_seconds: float
    idle_timeout_seconds: float
    ca_file: str = ""
    keepalive_seconds: float = 15.0
    """For which a connection is kept that nobody uses. A server that ends it sooner may end it under a request."""


class HttpUpstream:
    """See `Upstream`; made within a running event loop. Bodies pass through undecoded."""

    def __init__(self, options: ClientOptions, reads: Reads | None = None) -> None:
        """`reads` counts what the upstream sends."""
        endpoint = endpoint_of(options.base_url, options.ca_file)
        self._prefix = endpoint.prefix
        self._pool = Pool(
            endpoint,
            options.connect_timeout_seconds,
            options.idle_timeout_seconds,
            options.keepalive_seconds,
            reads or Reads(),
        )
        self._patience_seconds = options.connect_timeout_seconds + options.idle_timeout_seconds
        self._time = asyncio.get_running_loop().time
        self._tasks = Tasks()

    async def send(self, request: UpstreamRequest) -> HttpAnswer:
        """As `Upstream.send`. ValueError for a request that cannot be written, see `request_head`.

        What met a connection that had ended is sent once more, on a new one: a request of which nothing was sent, and
        one that is idempotent where nothing of an answer came, unless its body is a stream.
        """
        limit = self._time() + self._patience_seconds
        head, length = request_head(request, self._prefix)
        connection = self._pool.take() or await self._pool.connect()
        try:
            return await self._ask(connection, request, head, length, limit)
        except UnansweredError as fault:
            repeatable = request.method in IDEMPOTENT and not isinstance(request.body, AsyncIterator)
            if not repeatable and not isinstance(fault, UnsentError):
                raise
        return await self._ask(await self._pool.connect(), request, head, length, limit)

    async def close(self) -> None:
        self._pool.close()
        await self._tasks.close()

    def _ask(
        self, connection: Connection, request: UpstreamRequest, head: bytes, length: int | None, limit: float
    ) -> Awaitable[HttpAnswer]:
        body, bodiless = request.body, request.method == "HEAD"
        if body is None or isinstance(body, bytes):
            return connection.ask(head, body or b"", limit=limit, bodiless=bodiless)
        return self._stream(connection, connection.begin(head, limit=limit, bodiless=bodiless), body, length)

    async def _stream(
        self,
        connection: Connection,
        asked: asyncio.Future[HttpAnswer],
        body: AsyncIterator[bytes],
        length: int | None,
    ) -> HttpAnswer:
        sending = send_body(connection, asked, body, length, self._patience_seconds)
        task = self._tasks.spawn(sending, "send a request's body")
        try:
            return await connection.answered(asked)
        finally:
            task.cancel()
            del task, asked  # what they fail with knows this frame

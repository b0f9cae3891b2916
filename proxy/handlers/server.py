"""Owns how the process listens: aiohttp's limits towards clients, and what becomes of bytes that are no HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from proxy.errors import UsageError
from proxy.handlers.handler import Handler
from proxy.settings import split_address

MAX_HEADER_BYTES = 32 * 1024
"""Of one header line; a client may send 128 of them."""
_BACKLOG = 1024
_UNSENT_BYTES = 2**17
"""That the kernel takes for a client that does not read them; by itself it would take megabytes of each stream."""


class ClientServer(web.Server):
    """aiohttp's low-level server: one handler for everything, cancelled when its client has gone."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        self._on_malformed = handler.observer.answered_here

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._on_malformed, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """Bounded towards clients that do not read, and quiet about malformed requests, which may hold a key."""

    __slots__ = ("_on_malformed",)

    def __init__(self, manager: ClientServer, on_malformed: Callable[[int], None], **options: Any) -> None:
        super().__init__(manager, **options)
        self._on_malformed = on_malformed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status != 400:
            return super().handle_error(request, status, exc, message)
        self._on_malformed(status)
        response = web.Response(status=status, text="This is not HTTP as RFC 9112 has it.\n")
        response.force_close()
        return response


async def listen(
    stack: AsyncExitStack, runner: web.BaseRunner, address: str, flag: str, *, shared: bool = False
) -> None:
    """Listens at `address` until `stack` closes; `shared` with other processes. UsageError where it cannot be had."""
    host, port = split_address(address, flag)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, host, port, reuse_port=shared or None, backlog=_BACKLOG)
    try:
        await site.start()
    except OSError as fault:
        raise UsageError(f"cannot listen on {address} ({flag}): {fault.strerror or fault}") from fault


def url_of(runner: web.BaseRunner) -> str:
    """Where a runner listens that listens at one address."""
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

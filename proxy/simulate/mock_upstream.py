"""Owns the mock model API as a server: sockets, pacing, backpressure and the faults that only a socket can have.

What is answered is decided in `simulate.mock.api`. `GET /mock/stats` shows what was written.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import dataclass, field

from aiohttp import ClientConnectionResetError, web
from aiohttp.abc import AbstractStreamWriter

from proxy.clock import US_PER_SECOND, Clock, SystemClock
from proxy.errors import UsageError
from proxy.simulate.mock.api import Api, ApiSettings, Reply
from proxy.simulate.mock.stats import ExchangeStats, Stats
from proxy.simulate.mock.wire import Ask, encode

STATS_PATH = "/mock/stats"
_MAX_BODY_BYTES = 64 * 1024 * 1024
_SHUTDOWN_SECONDS = 0.1
_GZIP = 31  # zlib's wbits for a gzip header and the largest window


@dataclass(frozen=True, slots=True)
class MockSettings:
    pace_seconds: float = 0.01
    """Between the events of a stream, unless a directive says otherwise."""
    api: ApiSettings = field(default_factory=ApiSettings)
    clock: Clock = field(default_factory=SystemClock)


class MockUpstream:
    """A running mock model API; made by `start`."""

    def __init__(self, settings: MockSettings) -> None:
        self.url = ""
        self.stats = Stats()
        self._settings = settings
        self._api = Api(settings.api)
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Cancellation ends an answer that hangs when its client has gone.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )

    async def listen(self, host: str, port: int) -> None:
        """Opens the port; 0 is any free one. UsageError where it cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        bound_host, bound_port = self._runner.addresses[0][:2]
        self.url = f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"

    async def close(self) -> None:
        """Closes the port and breaks off what is under way."""
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == STATS_PATH:
            return web.Response(body=encode(self.stats.as_json()), content_type="application/json")
        headers = {name.lower(): value for name, value in request.headers.items()}
        ask = Ask(request.method, request.path, headers, await request.read(), request.query_string)
        reply = self._api.reply(ask, self._settings.clock.wall_us() // US_PER_SECOND)
        exchange = self.stats.begin(reply.name, reply.route)
        outcome = "gone"
        self.stats.streams_open += reply.answer.streamed
        response = web.StreamResponse(status=reply.answer.status, headers=dict(reply.headers))
        try:
            outcome = await self._write(request, response, reply, exchange)
        except ClientConnectionResetError:
            pass  # the client has gone; what it was sent is counted
        finally:
            self.stats.streams_open -= reply.answer.streamed
            self.stats.end(exchange, outcome)
        return response

    async def _write(
        self, request: web.Request, response: web.StreamResponse, reply: Reply, exchange: ExchangeStats
    ) -> str:
        """Writes the reply as its directives say; gives the outcome."""
        directives, answer = reply.directives, reply.answer
        if directives.delay:
            await asyncio.sleep(directives.delay)
        if directives.hang == 0:
            await _forever()
        if directives.cut == 0:
            _close(request)
            return "cut"
        if not answer.streamed:
            return await self._write_plain(request, response, reply, exchange)
        pace = self._settings.pace_seconds if directives.pace is None else directives.pace
        return await self._write_stream(request, response, reply, exchange, pace)

    async def _write_plain(
        self, request: web.Request, response: web.StreamResponse, reply: Reply, exchange: ExchangeStats
    ) -> str:
        directives = reply.directives
        events = list(reply.answer.events)
        body = b"".join(event.data for event in events)
        if directives.gzip:
            body = gzip.compress(body, mtime=0)
            response.headers["content-encoding"] = "gzip"
        response.content_length = len(body)
        self.stats.answered(exchange, reply.answer.status, reply.answer.input_tokens)
        writer = await _begin(request, response)
        if directives.hang is not None or directives.cut is not None:
            await response.write(body[: len(body) // 2])
            await writer.drain()
            if directives.hang is not None:
                await _forever()
            _close(request)
            return "cut"
        await response.write(body)
        await writer.drain()
        self.stats.wrote(exchange, sum(event.tokens for event in events))
        return "complete"

    async def _write_stream(
        self, request: web.Request, response: web.StreamResponse, reply: Reply, exchange: ExchangeStats, pace: float
    ) -> str:
        directives = reply.directives
        packer = zlib.compressobj(wbits=_GZIP) if directives.gzip else None
        if packer is not None:
            response.headers["content-encoding"] = "gzip"
        self.stats.answered(exchange, reply.answer.status, reply.answer.input_tokens)
        writer = await _begin(request, response)
        if request.transport is not None:
            # No event counts as written while it waits in this process for a slow reader.
            request.transport.set_write_buffer_limits(high=0)
        for event in reply.answer.events:
            # Each compressed event is flushed, so that none is held back.
            flushed = event.data if packer is None else packer.compress(event.data) + packer.flush(zlib.Z_SYNC_FLUSH)
            await response.write(flushed)
            await writer.drain()
            self.stats.wrote(exchange, event.tokens)
            if exchange.events == directives.hang:
                await _forever()
            if exchange.events == directives.cut:
                _close(request)
                return "cut"
            await asyncio.sleep(pace)
        if packer is not None:
            await response.write(packer.flush())
        return "complete"


async def start(host: str = "127.0.0.1", port: int = 0, settings: MockSettings | None = None) -> MockUpstream:
    """A mock model API that listens; port 0 is any free one. UsageError where it cannot listen."""
    server = MockUpstream(settings or MockSettings())
    await server.listen(host, port)
    return server


async def _begin(request: web.Request, response: web.StreamResponse) -> AbstractStreamWriter:
    writer = await response.prepare(request)
    if writer is None:
        raise ClientConnectionResetError("the answer has ended before it began")
    return writer


def _close(request: web.Request) -> None:
    """Closes the connection after what has been written; what was promised beyond that never comes."""
    if request.transport is not None:
        request.transport.close()


async def _forever() -> None:
    await asyncio.Event().wait()

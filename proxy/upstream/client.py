"""Owns the connections to the model API, on aiohttp's client. Knows no policy, account or dialect."""

from __future__ import annotations

import asyncio
import re
import select
import ssl
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from proxy.errors import UpstreamError, UpstreamTimeoutError, UsageError
from proxy.upstream.protocol import HeaderList, Take, UpstreamRequest

KEEPALIVE_SECONDS = 15.0
"""Shorter than what common servers grant (uvicorn 5 s is the exception), so that a kept connection is rarely stale."""
_PIECE_BYTES = 2**18
"""A larger body goes out in pieces: in one, the copy that asyncio keeps of what is not sent yet holds up all others."""
_OWN_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What aiohttp's client lets through in a header, and its server refuses to send."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Where the upstream is and how long it may take, in seconds. `ca_file`: PEM bundle, '' for the system's."""

    base_url: str
    connect_timeout_seconds: float
    idle_timeout_seconds: float
    ca_file: str = ""


class AiohttpUpstream:
    """Pooled connections through one `aiohttp.ClientSession`; bodies pass through undecoded."""

    def __init__(self, options: ClientOptions) -> None:
        base = URL(options.base_url, encoded=True)
        self._scheme, self._authority = base.scheme, base.raw_authority
        self._prefix = base.raw_path.rstrip("/")
        self._patience_seconds = options.connect_timeout_seconds + options.idle_timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=_FreshConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=_tls(options.ca_file)),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=options.connect_timeout_seconds, sock_read=options.idle_timeout_seconds
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_OWN_HEADERS,
            read_bufsize=2**16,
            max_line_size=2**15,
            max_field_size=2**15,
        )

    async def send(self, request: UpstreamRequest) -> AiohttpAnswer:
        """As `Upstream.send`.

        aiohttp repeats an idempotent request once where a connection breaks off before it has answered. Any other is
        sent once only; so that it does not meet a connection that has ended, see `_FreshConnector`.
        """
        try:
            # aiohttp's own timeouts do not cover an upstream that accepts a connection and reads nothing from it.
            async with asyncio.timeout(self._patience_seconds) as patience:
                body = request.body
                if isinstance(body, bytes) and len(body) > _PIECE_BYTES:
                    body = _pieces(body)
                response = await self._session.request(
                    request.method,
                    self._url(request.target),
                    headers=_spelled_alike(request.headers),
                    data=self._paced(body, patience) if isinstance(body, AsyncIterator) else body,
                    allow_redirects=False,
                )
        except TimeoutError as fault:
            raise UpstreamTimeoutError(_told(fault)) from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise UpstreamError(_told(fault)) from fault
        if response.status < 200 or _CONTROL.search(b" ".join([value for _, value in response.raw_headers])):
            response.close()
            raise UpstreamError(f"an answer of status {response.status} that cannot be passed on")
        return AiohttpAnswer(response)

    async def close(self) -> None:
        await self._session.close()

    def _url(self, target: str) -> URL:
        """Path and query together as its path, because only this keeps every byte of them ('?' at the end, say)."""
        path = target if target == "*" else self._prefix + target
        return URL.build(scheme=self._scheme, authority=self._authority, path=path, encoded=True)

    async def _paced(self, body: AsyncIterator[bytes], patience: asyncio.Timeout) -> AsyncIterator[bytes]:
        """`body`; the time that the client takes to send it is not the upstream's."""
        _reschedule(patience, None)
        async for chunk in body:
            _reschedule(patience, self._patience_seconds)
            yield chunk
            _reschedule(patience, None)
        _reschedule(patience, self._patience_seconds)


class AiohttpAnswer:
    """An answer on an aiohttp connection; see `UpstreamAnswer`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason or ""
        self.headers: HeaderList = [
            (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in response.raw_headers
        ]

    async def relay(self, take: Take) -> None:
        content = self._response.content
        while True:
            try:
                chunk = await content.readany()
            except TimeoutError as fault:
                raise UpstreamTimeoutError(_told(fault)) from fault
            except (aiohttp.ClientError, OSError) as fault:
                raise UpstreamError(_told(fault)) from fault
            if not chunk:
                return
            busy = take(chunk)
            if busy is not None:
                await busy

    def abort(self) -> None:
        self._response.close()


class _FreshConnector(aiohttp.TCPConnector):
    """Hands out no kept connection that the upstream has closed, even where the event loop has not heard of it yet.

    A request that is not idempotent could not be repeated after it was written to such a connection.
    """

    def __init__(self, *, limit: int, keepalive_timeout: float, ssl: ssl.SSLContext) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout, ssl=ssl)
        self._kept: weakref.WeakSet[object] = weakref.WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol not in self._kept:
                self._kept.add(connection.protocol)
                return connection
            if connection.transport is not None and not _has_news(connection.transport):
                return connection
            connection.close()


def _has_news(transport: asyncio.Transport) -> bool:
    """Whether anything can be read from an idle connection: its end, or bytes that nobody has asked for."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def _spelled_alike(headers: HeaderList) -> CIMultiDict[str]:
    """A name that is repeated in another case takes that of its first occurrence: aiohttp would drop the first."""
    spelling: dict[str, str] = {}
    return CIMultiDict([(spelling.setdefault(name.lower(), name), value) for name, value in headers])


def _reschedule(patience: asyncio.Timeout, seconds: float | None) -> None:
    """From now on `seconds`, or for ever; nothing where the answer's head has come already."""
    with suppress(RuntimeError):
        patience.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as fault:
        raise UsageError(f"--upstream-ca {ca_file}: not a PEM bundle that can be read: {fault}") from fault


def _told(fault: BaseException) -> str:
    """What may be logged: of other faults than the connection's the text could quote the answer, or the URL's query."""
    return f"{type(fault).__name__}: {fault}" if isinstance(fault, OSError) else type(fault).__name__

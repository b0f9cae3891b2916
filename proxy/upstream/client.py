"""Owns the connections to the model API, on aiohttp's client. Knows no policy, account or dialect."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from proxy.errors import UpstreamError, UpstreamTimeout, UsageError
from proxy.upstream.protocol import HeaderList, UpstreamRequest

KEEPALIVE_SECONDS = 15.0
"""Shorter than what common servers grant (uvicorn 5 s is the exception), so that a kept connection is rarely stale."""
_OWN_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


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
        self._base = options.base_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=_tls(options.ca_file)),
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
        """As `Upstream.send`. A kept connection that turns out closed is replaced once, if repeating is safe."""
        url = URL(self._base + request.target, encoded=True)
        headers = CIMultiDict(request.headers)
        try:
            response = await self._session.request(
                request.method, url, headers=headers, data=request.body, allow_redirects=False
            )
        except (aiohttp.ServerTimeoutError, TimeoutError) as fault:
            raise UpstreamTimeout(_told(fault)) from fault
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise UpstreamError(_told(fault)) from fault
        return AiohttpAnswer(response)

    async def close(self) -> None:
        await self._session.close()


class AiohttpAnswer:
    """An answer on an aiohttp connection; see `UpstreamAnswer`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason or ""
        self.headers: HeaderList = [
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in response.raw_headers
        ]

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ServerTimeoutError, asyncio.TimeoutError) as fault:
            raise UpstreamTimeout(_told(fault)) from fault
        except (aiohttp.ClientError, OSError) as fault:
            raise UpstreamError(_told(fault)) from fault

    def abort(self) -> None:
        self._response.close()


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as fault:
        raise UsageError(f"--upstream-ca {ca_file}: not a PEM bundle that can be read: {fault}") from fault


def _told(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}".removesuffix(": ")

"""Owns the reading of a request: its target, its headers and its body, and what is refused for their form alone.

Knows aiohttp's server side; no policy, no account and no upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import HttpVersion10, HttpVersion11, web

from proxy.dialects.content_encoding import decoder
from proxy.dialects.llm import Fault

BODY_IDLE_SECONDS = 60.0
"""Silence in the middle of a body after which it is given up, as nginx's client_body_timeout.

aiohttp's parser leaves the reader of a body waiting where a later chunk of it is malformed, so something has to end it.
"""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestError(Exception):
    """A request that is refused before anybody asks who sent it; the message is for its client."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def origin_form(target: str) -> str:
    """Path and query of a request target, which a client may also send in absolute form (RFC 9112, 3.2.2)."""
    if target.startswith("/") or target == "*":
        return target
    rest = target.partition("://")[2]
    query = rest.find("?")
    slash = rest.find("/", 0, None if query < 0 else query)
    if slash >= 0:
        return rest[slash:]
    return "/" if query < 0 else "/" + rest[query:]


def check_form(request: web.BaseRequest, target: str) -> None:
    """RequestError for what two readers of one request might understand differently, and for tunnels."""
    if request.version < HttpVersion10:
        raise RequestError(Fault.BAD_REQUEST, "This proxy speaks HTTP/1.0 and HTTP/1.1.")
    if request.method == "CONNECT":
        raise RequestError(Fault.BAD_REQUEST, "This proxy opens no tunnels.")
    if "#" in target:
        raise RequestError(Fault.BAD_REQUEST, "The request target must not have a fragment.")
    if request.body_exists:
        coding = request.headers.get("Transfer-Encoding")
        if coding is not None and (coding.lower() != "chunked" or request.version < HttpVersion11):
            raise RequestError(Fault.BAD_REQUEST, "Of the transfer codings only 'chunked' is understood, in HTTP/1.1.")


def read_headers(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Names and values in wire order and case. RequestError where a value is not UTF-8.

    aiohttp would drop such bytes on the way upstream, and so make one key of many that are hashed as different.
    """
    try:
        return [(name.decode(), value.decode()) for name, value in request.raw_headers]
    except UnicodeDecodeError:
        raise RequestError(Fault.BAD_REQUEST, "Header fields must be UTF-8.") from None


class RequestBody:
    """The body of one request, read once: `whole`, or piece by piece with `chunks`."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.fault: RequestError | None = None
        """What `chunks` ended with, for whoever only saw the reader of the chunks fail."""

    @property
    def exists(self) -> bool:
        return self._request.body_exists

    @property
    def length(self) -> int | None:
        """As announced; None for a chunked body."""
        return self._request.content_length

    async def whole(self, most: int) -> bytes:
        """All of it. RequestError where it is longer than `most` bytes, or does not arrive."""
        too_large = RequestError(Fault.TOO_LARGE, f"The request body is larger than {most // 2**20} MiB.")
        if (self.length or 0) > most:
            raise too_large
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > most:
                raise too_large
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """As it comes. The client is invited to send it (RFC 9110, 10.1.1) only now that somebody reads it."""
        content = self._request.content
        self._invite()
        try:
            while not content.at_eof():
                if content.is_eof():
                    yield content.read_nowait()
                    continue
                async with asyncio.timeout(BODY_IDLE_SECONDS):
                    chunk = await content.readany()
                if chunk:
                    yield chunk
        except (TimeoutError, web.RequestPayloadError):
            self.fault = RequestError(Fault.BAD_REQUEST, "The request body did not arrive, or not as HTTP has it.")
            raise self.fault from None

    def _invite(self) -> None:
        request = self._request
        if request.version < HttpVersion11 or request.headers.get("Expect", "").lower() != "100-continue":
            return
        if request.transport is not None and not request.content.total_bytes:
            request.transport.write(_CONTINUE)


def decoded(body: bytes, encoding: str) -> bytes:
    """What a body says, for reading only; one in an unknown encoding, or one that is a bomb, says nothing readable."""
    if not encoding:
        return body
    reader = decoder(encoding)
    return body if reader is None else reader.feed(body)

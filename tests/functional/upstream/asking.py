"""What the tests of the proxy's client share: requests, and whole answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from proxy.upstream.client import HttpUpstream
from proxy.upstream.protocol import UpstreamAnswer, UpstreamRequest
from tests.functional.raw_http import Wire, answer_bytes

CHUNKED = answer_bytes("200 OK", ("Transfer-Encoding", "chunked"))


def request(
    method: str = "POST", body: bytes | AsyncIterator[bytes] | None = b"{}", *headers: tuple[str, str]
) -> UpstreamRequest:
    return UpstreamRequest(method, "/v1/messages", [("Host", "api.example"), *headers], body)


async def body_of(answer: UpstreamAnswer) -> bytes:
    pieces: list[bytes] = []
    await answer.relay(pieces.append)
    return b"".join(pieces)


async def asked(upstream: HttpUpstream, what: UpstreamRequest | None = None) -> bytes:
    """The body of the answer to one request."""
    return await body_of(await upstream.send(what or request()))


def stop_reading(wire: Wire) -> None:
    """As `Wire.stop_reading`; uvloop's transports are none of asyncio's by class."""
    cast("asyncio.ReadTransport", wire.writer.transport).pause_reading()


def read_on(wire: Wire) -> None:
    cast("asyncio.ReadTransport", wire.writer.transport).resume_reading()

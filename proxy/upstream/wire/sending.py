"""Owns the sending of a body that comes piece by piece from a client: no faster than the upstream takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from proxy.errors import UpstreamError
from proxy.upstream.wire.answer import HttpAnswer
from proxy.upstream.wire.connection import Connection
from proxy.upstream.wire.request import LAST_CHUNK, chunk


async def send_body(
    connection: Connection,
    asked: asyncio.Future[HttpAnswer],
    body: AsyncIterator[bytes],
    length: int | None,
    patience_seconds: float,
) -> None:
    """Sends `length` bytes of `body`, or all of it in chunks; to be cancelled once `asked` is done.

    The upstream has `patience_seconds` to take a piece, and to answer once it has all; the client's time is its own.
    Where `body` fails, or is too short, so does what was `asked`.
    """
    time = asyncio.get_running_loop().time
    try:
        connection.suspend()
        async for data in _framed(body, length):
            if asked.done():
                return  # it has failed, or was answered early: the rest is of no use
            connection.resume(time() + patience_seconds)
            await connection.write(data)
            connection.suspend()
    except Exception as fault:
        if not asked.done():
            connection.fail(UpstreamError(f"the request's body broke off: {type(fault).__name__}"))
        return
    if not asked.done():
        connection.written(time() + patience_seconds)


async def _framed(body: AsyncIterator[bytes], length: int | None) -> AsyncIterator[bytes]:
    """What to write for `body`: never more than the `length` that was announced. EOFError where it is less."""
    if length is None:
        async for piece in body:
            if piece:
                yield chunk(piece)
        yield LAST_CHUNK
        return
    left = length
    async for piece in body:
        yield piece[:left]
        left = max(left - len(piece), 0)
    if left:
        raise EOFError

"""Owns an answer that is read before anybody decides whether it is the one to relay."""

from __future__ import annotations

from proxy.upstream.protocol import HeaderList, Take, UpstreamAnswer

_MOST_BYTES = 2**16
"""Errors are shorter by far."""


class _TooLongError(Exception):
    """There is more of the answer than is read."""


class WholeAnswer:
    """An answer of which all is here; see `UpstreamAnswer`."""

    __slots__ = ("body", "headers", "reason", "status")

    def __init__(self, status: int, reason: str, headers: HeaderList, body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body

    async def relay(self, take: Take) -> None:
        if self.body and (busy := take(self.body)) is not None:
            await busy

    def abort(self) -> None:
        """Its connection is done with."""


async def read_whole(answer: UpstreamAnswer) -> WholeAnswer | None:
    """All of a short answer; None for a longer one, which is dropped. UpstreamError where it breaks off."""
    pieces: list[bytes] = []
    size = 0

    def take(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        if size > _MOST_BYTES:
            raise _TooLongError
        pieces.append(piece)

    try:
        await answer.relay(take)
    except _TooLongError:
        return None
    return WholeAnswer(answer.status, answer.reason, answer.headers, b"".join(pieces))

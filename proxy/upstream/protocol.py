"""Owns the contract between the relay and whatever speaks HTTP to the model API. Knows no implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

HeaderList = Sequence[tuple[str, str]]
"""Names and values in wire order and case, a repeated name repeated."""


Take = Callable[[bytes], Awaitable[None] | None]
"""Takes a piece of a body; what it returns is awaited before the next one comes, and None needs no waiting."""


class UpstreamRequest(Struct, frozen=True):
    """What to send: `target` is path and query as they came, `body` bytes, a stream of them, or None."""

    method: str
    target: str
    headers: HeaderList
    body: bytes | AsyncIterator[bytes] | None


class UpstreamAnswer(Protocol):
    """An answer whose head has arrived. Its body is read once, in order, no faster than it is asked for."""

    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def headers(self) -> HeaderList: ...

    async def relay(self, take: Take) -> None:
        """Hands the body to `take` as it comes, still encoded, and returns when `take` has had all of it.

        UpstreamError (UpstreamTimeoutError) where the body breaks off; what `take` raises, or what it returned raises,
        ends the relay and is raised here. `take` may be called outside of the caller's task.
        """

    def abort(self) -> None:
        """Drops the connection at once, so that the upstream stops generating; harmless after the end."""


class Upstream(Protocol):
    """The model API."""

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Sends and waits for the answer's head; cancellation drops the connection.

        UpstreamError, also where a streamed body fails. ValueError for a request that cannot be written: a line break
        in a header, a length that is not the body's.
        """

    async def close(self) -> None: ...

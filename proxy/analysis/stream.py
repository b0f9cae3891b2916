"""Owns the reading of the stream of events. Knows nothing of what they say."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from proxy.analysis.follower import START
from proxy.analysis.keys import Keys
from proxy.analysis.link import Link
from proxy.analysis.wire import Entry, count_of, entry_of

ENTRIES = 16
"""Read at once, of at most 500 events each."""
BLOCK_MS = 200


class Read(Struct, frozen=True):
    """What came after a place in the stream."""

    now_us: int
    """On Redis's clock, before it was read."""
    entries: list[Entry]
    is_end: bool
    """There was no more at `now_us`."""


class Extent(Struct, frozen=True):
    """The stream as it stands."""

    last: str
    entries: int
    events: int
    """Ever appended."""


class Stream:
    """The stream of events in Redis."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    async def read(self, position: str) -> Read:
        """The entries after `position`; waits a little where there is none. StoreError."""

        async def ask(client: Redis) -> list[Any]:
            async with client.pipeline(transaction=False) as pipe:
                _ = pipe.time()
                _ = pipe.xread({self._keys.stream: position}, count=ENTRIES, block=BLOCK_MS)
                return await pipe.execute()

        (seconds, micros), found = await self._link.ask(ask)
        rows = found[0][1] if found else []
        entries = [entry for entry_id, fields in rows if (entry := _entry(entry_id, fields)) is not None]
        return Read(seconds * 1_000_000 + micros, entries, len(rows) < ENTRIES)

    async def extent(self) -> Extent:
        """Its present length. StoreError."""

        async def ask(client: Redis) -> tuple[Any, Any]:
            async with client.pipeline(transaction=True) as pipe:
                _ = pipe.xinfo_stream(self._keys.stream)
                _ = pipe.hget(self._keys.totals, "events")
                info, events = await pipe.execute(raise_on_error=False)
            if isinstance(events, Exception):
                raise events
            return info, events

        info, events = await self._link.ask(ask)
        if isinstance(info, ResponseError):  # no such key
            return Extent(START, 0, 0)
        return Extent(info["last-generated-id"].decode(), info["length"], _count(events))


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry | None:
    try:
        return entry_of(entry_id, fields)
    except (KeyError, ValueError):  # not written by a replica
        return None


def _count(events: bytes | None) -> int:
    try:
        return count_of(events or b"0")
    except ValueError:  # replicas cannot append any more, and say so
        return 0

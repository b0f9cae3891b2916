"""What a client of the benchmark makes of an answer, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.bench.client import Client


@dataclass
class Asked:
    """How many events were counted, and how the requests ended: '' for well."""

    events: int = 0
    ends: list[str] = field(default_factory=list)


class _Nowhere(asyncio.Transport):
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends nothing."""


def read(pieces: Iterable[bytes], size: int, *, lost: bool = False) -> Asked:
    """Sends one request, gives `pieces` as the answer, then loses the connection if told so."""
    asked = Asked()
    client = Client(lambda _, fault: asked.ends.append(fault), size)
    client.connection_made(_Nowhere())
    client.send(b"")
    for piece in pieces:
        client.data_received(piece)
    if lost:
        client.connection_lost(None)
    asked.events = client.events
    return asked


def cut(whole: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces, none of them empty."""
    edges = sorted({0, len(whole), *[place for place in places if place < len(whole)]})
    return [whole[start:end] for start, end in zip(edges, edges[1:], strict=False)]

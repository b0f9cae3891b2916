"""Owns the model API of the benchmark: answers every request with the same few bytes, or streams as it is asked to.

`python -m tests.bench.upstream PORT`. Its clock is the upstream's pace: one timer a millisecond serves all streams, and
each stream writes one event at a time, as a model server does after each step.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from time import perf_counter
from typing import cast

import httptools
import uvloop

from tests.bench.wire import DELTA_CHUNKS, PLAIN_ANSWER, STREAM_END, STREAM_HEAD

_STREAM = re.compile(rb"events=(\d+)&gap_ms=(\d+)")
_TICK_SECONDS = 0.001


class _Stream:
    __slots__ = ("left", "place", "transport")

    def __init__(self, transport: asyncio.WriteTransport, deltas: int) -> None:
        self.transport = transport
        self.left = deltas
        self.place = 0

    def step(self) -> bool:
        """Writes the next event; whether there are more to come."""
        if self.transport.is_closing():
            return False
        if not self.left:
            self.transport.write(STREAM_END)
            return False
        self.transport.write(DELTA_CHUNKS[self.place % len(DELTA_CHUNKS)])
        self.place += 1
        self.left -= 1
        return True


class _Wheel:
    """All streams of one pace, spread evenly over its milliseconds."""

    def __init__(self, gap_ms: int) -> None:
        self._slots: list[list[_Stream]] = [[] for _ in range(gap_ms)]
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self._turn = 0
        self._started = perf_counter()
        self._tick()

    def add(self, stream: _Stream) -> None:
        self._next = (self._next + 1) % len(self._slots)
        self._slots[self._next].append(stream)

    def _tick(self) -> None:
        due = int((perf_counter() - self._started) / _TICK_SECONDS)
        while self._turn < due:
            self._turn += 1
            place = self._turn % len(self._slots)
            if self._slots[place]:
                self._slots[place] = [stream for stream in self._slots[place] if stream.step()]
        self._loop.call_later(_TICK_SECONDS, self._tick)


class _Connection(asyncio.Protocol):
    wheels: dict[int, _Wheel] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by inheritance
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        asked = _STREAM.search(self._url)
        if asked is None:
            self._transport.write(PLAIN_ANSWER)
            return
        deltas, gap_ms = map(int, asked.groups())
        self._transport.write(STREAM_HEAD)
        wheel = self.wheels.get(gap_ms)
        if wheel is None:
            wheel = self.wheels[gap_ms] = _Wheel(gap_ms)
        wheel.add(_Stream(self._transport, deltas))


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port, backlog=4096)
    gc.freeze()
    gc.disable()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))

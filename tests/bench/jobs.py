"""Owns what the load generator is asked for and what it answers: one JSON object a line each way."""

from __future__ import annotations

from typing import Literal

import msgspec


class Traffic(msgspec.Struct, frozen=True):
    """What is asked; `deltas` and `gap_ms` are of kind `stream`."""

    kind: Literal["plain", "agent", "stream"]
    deltas: int = 0
    gap_ms: int = 0


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """So many connections, each with one request under way at all times."""

    in_flight: int


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Requests that come at random times, so many a second whatever the answers; they wait for a free connection."""

    rate: float
    connections: int


class Streams(msgspec.Struct, frozen=True, tag="streams"):
    """So many streams at once, begun and measured while all of them run, and read to their end."""

    count: int


class Hold(msgspec.Struct, frozen=True, tag="hold"):
    """So many streams at once, for the memory that they take while they are open; then cut."""

    count: int


class Job(msgspec.Struct, frozen=True):
    """One measurement. `pids` are the processes that are measured."""

    port: int
    traffic: Traffic
    mode: Closed | Open | Streams | Hold
    warm_s: float
    measure_s: float
    pids: list[int]


class Result(msgspec.Struct):
    """What was measured within the window; `failures` are of the whole job, by their text."""

    exchanges: int = 0
    events: int = 0
    reads: int = 0
    """In which the events came: fewer than events where a proxy was late and passed on several at once."""
    cpu_ns: int = 0
    wall_ns: int = 0
    exchanges_in_all: int = 0
    failures: dict[str, int] = {}
    latencies_us: dict[str, float] = {}
    """Of an open loop, since a request was due: `p50` and `p99` to the last byte, those with `first ` to the first."""
    memory_bytes: int = 0
    """What the streams of a Hold added."""

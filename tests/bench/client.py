"""Owns one client connection: sends prebuilt requests one after the other, checks each answer's status and length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, cast

import httptools


class Client(asyncio.Protocol):
    """`ended(client, fault)` is called for each request sent: `fault` is '' where the answer was what it should be."""

    __slots__ = (
        "_ended",
        "_half_blank",
        "_parser",
        "_size",
        "_transport",
        "_under_way",
        "due_ns",
        "events",
        "first_byte_ns",
        "reads",
        "received",
    )

    def __init__(self, ended: Callable[[Client, str], None], size: int) -> None:
        """`size` is that of every answer's body."""
        self._ended = ended
        self._size = size
        self._parser: Any = httptools.HttpResponseParser(self)
        self._under_way = False
        self._half_blank = False
        self.received = self.first_byte_ns = self.due_ns = self.events = self.reads = 0

    def send(self, request: bytes, due_ns: int = 0) -> None:
        self._under_way = True
        self.received = self.first_byte_ns = 0
        self.due_ns = due_ns
        self._transport.write(request)

    def abort(self) -> None:
        """Leaves, whatever is under way, and tells nobody."""
        self._under_way = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.reads += 1
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as fault:
            self._end(f"no HTTP: {fault}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the connection ended within an answer")

    def on_body(self, body: bytes) -> None:
        if not self.received:
            self.first_byte_ns = perf_counter_ns()
        self.received += len(body)
        self.events += body.count(b"\n\n")
        if self._half_blank and body[0] == 0x0A:
            self.events += 1
        self._half_blank = body[-1] == 0x0A and body[-2:] != b"\n\n"

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != 200:
            self._end(f"status {self._parser.get_status_code()}")
        elif self.received != self._size:
            self._end(f"an answer of {self.received} bytes instead of {self._size}")
        else:
            self._end("")

    def _end(self, fault: str) -> None:
        if self._under_way:
            self._under_way = False
            self._ended(self, fault)

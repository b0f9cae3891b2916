"""Both ends of a proxy as bare sockets: a client that says what a library would not, an upstream that the test plays.

Every wait has an end: what does not come in `PATIENCE` seconds fails the test.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

PATIENCE = 10.0

Headers = list[tuple[str, str]]


@dataclass
class Message:
    """A request or an answer as it was on the wire; `body` is what its framing carried."""

    start: str
    headers: Headers
    body: bytes = b""
    chunked: bool = False

    def values(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given.lower() == name.lower()]

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1])

    @property
    def target(self) -> str:
        return self.start.split(" ")[1]


class EndedError(Exception):
    """The other side ended the connection, or reset it, before a message was whole."""


@dataclass
class Wire:
    """One end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _said: bytearray = field(default_factory=bytearray)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE):
            await self.writer.drain()

    async def head(self) -> Message:
        """The next message without its body."""
        text = await self._until(b"\r\n\r\n")
        start, *lines = text[:-4].decode("utf-8", "surrogateescape").split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        return Message(start, headers)

    async def message(self, *, bodiless: bool = False) -> Message:
        """The next message, whole. `bodiless`: an answer to HEAD. EndedError where it is truncated."""
        message = await self.head()
        answer = message.start.startswith("HTTP/")
        if bodiless or (answer and (message.status in (204, 304) or message.status < 200)):
            return message
        message.chunked = message.values("Transfer-Encoding") == ["chunked"]
        if message.chunked:
            while chunk := await self.chunk():
                message.body += chunk
        elif length := message.values("Content-Length"):
            message.body = await self.exactly(int(length[0]))
        elif answer:
            message.body = await self.rest()
        return message

    async def chunk(self) -> bytes:
        """The next chunk of a chunked body; empty for the last one."""
        size = int((await self._until(b"\r\n")).partition(b";")[0], 16)
        data = await self.exactly(size)
        assert await self.exactly(2) == b"\r\n"
        return data

    async def exactly(self, size: int) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as fault:
            raise EndedError from fault

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read()
        except ConnectionError as fault:
            raise EndedError from fault

    async def ended(self, seconds: float = PATIENCE) -> None:
        """Returns once the other side has ended the connection, whatever it still says."""
        try:
            async with asyncio.timeout(seconds):
                while await self.reader.read(2**16):
                    pass
        except ConnectionError:
            pass

    def stop_reading(self) -> None:
        """Leaves in the kernel what arrives, until `read_on`."""
        self._transport().pause_reading()

    def read_on(self) -> None:
        self._transport().resume_reading()

    async def fill(self, data: bytes, most: int) -> int:
        """Sends `data` again and again until nobody takes it any more, or `most` bytes are out; how many are."""
        self.writer.transport.set_write_buffer_limits(high=0)
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        sent = 0
        while sent < most:
            self.writer.write(data)
            try:
                async with asyncio.timeout(0.5):
                    await self.writer.drain()
            except TimeoutError:
                break
            sent += len(data)
        return sent

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Ends the connection with a RST instead of a FIN."""
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def _transport(self) -> asyncio.ReadTransport:
        assert isinstance(self.writer.transport, asyncio.ReadTransport)
        return self.writer.transport

    def _socket(self) -> socket.socket:
        found: socket.socket = self.writer.get_extra_info("socket")
        return found

    async def _until(self, mark: bytes) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.readuntil(mark)
        except (asyncio.IncompleteReadError, ConnectionError) as fault:
            raise EndedError from fault


class RawUpstream:
    """Listens; the test takes each connection and plays the model API on it."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.accepted = 0
        self._waiting: asyncio.Queue[Wire] = asyncio.Queue()
        self.wires: list[Wire] = []

    async def next(self) -> Wire:
        """The next connection of the proxy."""
        async with asyncio.timeout(PATIENCE):
            return await self._waiting.get()

    async def request(self) -> tuple[Wire, Message]:
        """The next connection and its first request."""
        wire = await self.next()
        return wire, await wire.message()

    async def answer(self, answer: bytes) -> tuple[Wire, Message]:
        """Answers the first request on the next connection."""
        wire, request = await self.request()
        await wire.send(answer)
        return wire, request

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        wire = Wire(reader, writer)
        self.wires.append(wire)
        self._waiting.put_nowait(wire)

    def close(self) -> None:
        for wire in self.wires:
            wire.writer.transport.abort()


@asynccontextmanager
async def raw_upstream() -> AsyncIterator[RawUpstream]:
    """An upstream on a free port; every connection still open is dropped at the end."""
    upstream = RawUpstream()
    server = await asyncio.start_server(upstream.take, "127.0.0.1", 0, limit=2**24)
    upstream.port = server.sockets[0].getsockname()[1]
    upstream.url = f"http://127.0.0.1:{upstream.port}"
    try:
        yield upstream
    finally:
        server.close()
        upstream.close()
        await asyncio.sleep(0)


async def connect(url: str, *, read_buffer: int | None = None) -> Wire:
    """A connection to `http://host:port`; `read_buffer`: bytes the kernel keeps for who does not read."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if read_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    except OSError:
        sock.close()
        raise
    return Wire(*await asyncio.open_connection(sock=sock, limit=2**24))


def request_bytes(start: str, *headers: tuple[str, str], body: bytes = b"") -> bytes:
    """A request in HTTP/1.1; `Host` and, with a body and no other framing, `Content-Length` are added."""
    names = {name.lower() for name, _ in headers}
    lines = [f"{start} HTTP/1.1", "Host: gateway.example", *(f"{name}: {value}" for name, value in headers)]
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


ASK = request_bytes(
    "POST /v1/messages",
    ("x-api-key", "k"),
    ("anthropic-version", "2023-06-01"),
    ("Content-Type", "application/json"),
    body=b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}',
)
"""One that any policy lets pass whose quotas do."""


def answer_bytes(status: str = "200 OK", *headers: tuple[str, str], body: bytes = b"") -> bytes:
    """An answer with `Content-Length`, unless `headers` have another framing."""
    names = {name.lower() for name, _ in headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def chunk_bytes(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)

"""The form of answers: framing by version, method and status; how few writes they take; back-pressure handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from proxy.handlers.request import Request
from proxy.handlers.response import Answer

NOW_US = 784_887_151_000_000
DATE = "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
LENGTH = ("Content-Length", "4")


class Sink:
    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.full: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> Awaitable[None] | None:
        self.writes.append(data)
        return self.full

    def write_all(self, parts: Sequence[bytes]) -> Awaitable[None] | None:
        self.writes.extend(parts)
        return self.full

    @property
    def text(self) -> str:
        return b"".join(self.writes).decode()


def request(method: str = "GET", version: str = "1.1", *, keep_alive: bool = True) -> Request:
    return Request(method, b"/", version == "1.1", keep_alive, [b"Host"], [b"a"], "127.0.0.1")


def answered(
    asked: Request, status: int, *headers: tuple[str, str], body: tuple[bytes, ...] = (), close: bool = False
) -> tuple[Sink, Answer]:
    sink = Sink()
    answer = Answer(sink, asked, status, None, headers, close=close, now_us=NOW_US)
    for piece in body:
        assert answer.write(piece) is None
    answer.end()
    return sink, answer


def test_an_answer_of_known_length_leaves_in_one_write() -> None:
    sink, answer = answered(request(), 200, ("X-A", "1"), LENGTH, body=(b"body",))
    assert sink.writes == [f"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 4\r\n{DATE}\r\nbody".encode()]
    assert answer.keep_alive


def test_an_answer_of_unknown_length_is_chunked_and_its_head_leaves_at_once() -> None:
    sink = Sink()
    answer = Answer(sink, request(), 200, None, (), close=False, now_us=NOW_US)
    assert sink.writes == [f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{DATE}\r\n".encode()]
    answer.write(b"0123456789ab")
    assert sink.writes[1:] == [b"c\r\n0123456789ab\r\n"]
    answer.write(b"")
    answer.end()
    assert sink.writes[2:] == [b"0\r\n\r\n"]


def test_a_large_piece_is_not_copied_behind_its_frame() -> None:
    large = bytes(2**16)
    sink, _ = answered(request(), 200, body=(large,))
    assert sink.writes[1:] == [b"10000\r\n", large, b"\r\n", b"0\r\n\r\n"]
    sink, _ = answered(request(), 200, ("Content-Length", str(2**16)), body=(large,))
    assert sink.writes[1] is large
    assert len(sink.writes) == 2


@pytest.mark.parametrize(
    ("asked", "status", "headers", "expected"),
    [
        (request("HEAD"), 200, [("Content-Length", "12345")], "Content-Length: 12345\r\n"),
        (request("HEAD"), 200, [], ""),
        (request(), 304, [("Content-Length", "7")], "Content-Length: 7\r\n"),
        (request(), 204, [("content-length", "0")], ""),
    ],
    ids=["HEAD", "HEAD of unknown length", "304", "204"],
)
def test_what_has_no_body_gets_none_and_keeps_its_connection(
    asked: Request, status: int, headers: list[tuple[str, str]], expected: str
) -> None:
    sink, answer = answered(asked, status, *headers, body=(b"never seen",))
    assert sink.text.partition("\r\n")[2] == f"{expected}{DATE}\r\n"
    assert answer.keep_alive


@pytest.mark.parametrize(
    ("asked", "headers", "close", "connection", "keep_alive"),
    [
        (request(), [LENGTH], False, "", True),
        (request(), [LENGTH], True, "close", False),
        (request(keep_alive=False), [LENGTH], False, "close", False),
        (request(version="1.0", keep_alive=False), [LENGTH], False, "", False),
        (request(version="1.0"), [LENGTH], False, "keep-alive", True),
        (request(version="1.0"), [], False, "", False),  # only the end of the connection ends such a body
    ],
)
def test_the_connection_header_says_what_cannot_be_taken_for_granted(
    asked: Request, headers: list[tuple[str, str]], close: bool, connection: str, keep_alive: bool
) -> None:
    sink, answer = answered(asked, 200, *headers, body=(b"body",), close=close)
    assert (f"Connection: {connection}\r\n" if connection else "Connection") in sink.text or not connection
    assert ("Connection" in sink.text, answer.keep_alive) == (bool(connection), keep_alive)
    assert "chunked" not in sink.text


def test_a_date_that_is_there_stays_and_no_other_is_added() -> None:
    sink, _ = answered(request(), 200, ("date", "today"), LENGTH, body=(b"body",))
    assert sink.text.lower().count("\r\ndate: ") == 1


async def test_whoever_writes_is_told_to_wait_while_the_client_does_not_keep_up() -> None:
    sink = Sink()
    answer = Answer(sink, request(), 200, None, (), close=False, now_us=NOW_US)
    sink.full = asyncio.get_running_loop().create_future()
    assert answer.write(b"x") is sink.full
    sink.full = None
    assert answer.write(b"x") is None

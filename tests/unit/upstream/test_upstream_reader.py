"""What the reader of answers refuses, and when a connection may be used again."""

from __future__ import annotations

import pytest

from proxy.upstream.wire.reader import MOST_FIELDS, MOST_HEAD_BYTES, MOST_LINE_BYTES, AnswerReader

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def read(data: bytes, *, bodiless: bool = False, step: int = 2**14) -> AnswerReader:
    reader = AnswerReader()
    reader.expect(bodiless=bodiless)
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    return reader


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"Content-Length: 0", b"", b""])


@pytest.mark.parametrize(
    ("fits", "floods"),
    [
        (head(*[b"X: 1"] * (MOST_FIELDS - 1)), head(*[b"X: 1"] * MOST_FIELDS)),
        (head(b"X: " + b"a" * (MOST_LINE_BYTES - 1)), head(b"X: " + b"a" * MOST_LINE_BYTES)),
        (head(*[b"X: " + b"a" * 1000] * 64), head(*[b"X: " + b"a" * 1000] * 66)),
    ],
    ids=["lines", "one line", "all together"],
)
def test_a_head_has_its_limits(fits: bytes, floods: bytes) -> None:
    assert (read(fits).status, read(fits).fault) == (200, "")
    assert (read(floods).status, bool(read(floods).fault)) == (0, True)


def test_what_is_no_body_is_bounded_between_two_pieces_of_one_and_not_in_all() -> None:
    many = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * MOST_HEAD_BYTES
    reader = AnswerReader()
    for start in range(0, len(many), 1000):
        reader.feed(many[start : start + 1000])
        reader.pieces.clear()
    assert reader.fault == ""
    for _ in range(MOST_HEAD_BYTES // 1000 + 1):
        reader.feed(b"0" * 1000)
    assert reader.fault


def test_a_head_that_never_ends_is_given_up_before_it_costs_much() -> None:
    reader = AnswerReader()
    fed = 0
    while not reader.fault:
        reader.feed(b"a" * 1000 if fed else b"HTTP/1.1 200 OK\r\nX: ")
        fed += 1000
    assert fed <= MOST_HEAD_BYTES + 2000


def test_a_fault_quotes_nothing_of_the_answer() -> None:
    for secret in (
        b"HTTP/1.1 200 sk-canary\r\nsk-canary\r\n\r\n",
        b"sk-canary",
        b"HTTP/1.1 200 OK\r\nX: sk-canary\x01",
    ):
        assert "canary" not in read(secret).fault


def test_a_second_answer_neither_replaces_the_first_nor_is_it_kept() -> None:
    reader = read(SIZED + b"hello" + b"HTTP/1.1 404 No\r\nX-Forged: 1\r\nContent-Length: 1\r\n\r\nx")
    assert (reader.status, reader.headers, reader.pieces) == (200, [("Content-Length", "5")], [b"hello"])
    assert (reader.ended, reader.reusable) == (True, False)


def test_after_an_answer_to_head_the_next_is_read_from_its_start() -> None:
    reader = read(SIZED, bodiless=True)
    assert (reader.ended, reader.reusable, reader.pieces) == (True, True, [])
    reader.expect(bodiless=False)
    reader.feed(SIZED + b"hello")
    assert (reader.pieces, reader.reusable) == ([b"hello"], True)


def test_the_fields_of_an_interim_answer_and_of_trailers_are_not_those_of_the_answer() -> None:
    reader = read(
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Late: 1\r\n\r\n"
    )
    assert (reader.headers, reader.reason, reader.ended) == ([("Transfer-Encoding", "chunked")], "OK", True)


def test_bytes_that_are_not_utf_8_are_replaced_in_values_and_reason() -> None:
    reader = read(b"HTTP/1.1 200 \xff\r\nX: a\xffb \t\r\n\r\n")
    assert (reader.reason, reader.headers) == ("\ufffd", [("X", "a\ufffdb")])


def test_behind_a_chunked_answer_to_head_nothing_is_read_because_its_last_chunk_might_come() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", bodiless=True)
    assert (reader.ended, reader.reusable) == (True, False)

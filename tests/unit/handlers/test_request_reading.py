"""That a head has begun and is not whole is told once, and only of a head of which one read does not have all."""

from __future__ import annotations

import pytest

from proxy.handlers.bodies import Bodies
from proxy.handlers.reading import MOST_BETWEEN_BYTES, RequestReader
from proxy.handlers.request import MAX_HEADER_BYTES, MalformedError, Request

HEAD = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"


class Taken:
    def __init__(self) -> None:
        self.bodies = Bodies()
        self.begun = self.taken = self.malformed = self.broke = 0

    def head_begun(self) -> None:
        self.begun += 1

    def take(self, request: Request | MalformedError) -> None:
        self.taken += 1
        self.malformed += isinstance(request, MalformedError)

    def whole(self, request: Request) -> None: ...

    def broken(self) -> None:
        self.broke += 1

    def invite(self) -> None: ...
    def hold_back(self) -> None: ...
    def go_on(self) -> None: ...


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def reader(taken: Taken) -> RequestReader:
    return RequestReader(taken, "127.0.0.1")


def test_a_head_that_comes_in_one_read_is_never_waited_for(taken: Taken, reader: RequestReader) -> None:
    reader.feed(HEAD + HEAD)
    assert (taken.taken, taken.begun, reader.in_head) == (2, 0, False)


def test_a_head_that_comes_byte_by_byte_is_told_of_once(taken: Taken, reader: RequestReader) -> None:
    for place in range(len(HEAD) - 1):
        reader.feed(HEAD[place : place + 1])
        assert (taken.taken, taken.begun, reader.in_head) == (0, 1, True)
    reader.feed(b"\n")
    assert (taken.taken, taken.begun, reader.in_head) == (1, 1, False)


def test_blank_lines_before_a_request_begin_none(taken: Taken, reader: RequestReader) -> None:
    reader.feed(b"\r\n\r\n")
    assert (taken.begun, reader.in_head) == (0, False)


def test_the_next_head_that_is_half_there_is_told_of_again(taken: Taken, reader: RequestReader) -> None:
    for _ in range(2):
        reader.feed(HEAD[:9])
        reader.feed(HEAD[9:])
    assert (taken.taken, taken.begun) == (2, 2)


def test_the_end_of_a_body_is_no_part_of_the_line_that_begins_behind_it(taken: Taken, reader: RequestReader) -> None:
    size = MAX_HEADER_BYTES + 1
    reader.feed(b"POST /v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    reader.feed(b"x" * size + HEAD[:9])
    reader.feed(HEAD[9:])
    assert (taken.taken, taken.malformed) == (2, 0)


def test_a_line_that_is_too_long_is_refused_as_soon_as_it_is(taken: Taken, reader: RequestReader) -> None:
    reader.feed(b"GET /v1/models HTTP/1.1\r\nX-A: " + b"x" * (MAX_HEADER_BYTES + 1))
    assert taken.malformed == 1


def test_a_line_behind_a_body_is_bounded_from_the_next_read_on(taken: Taken, reader: RequestReader) -> None:
    reader.feed(b"POST /v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
    reader.feed(b"xGET /v1/models HTTP/1.1\r\nX-A: ")
    reader.feed(b"x" * (MAX_HEADER_BYTES + 1))
    assert taken.malformed == 1


@pytest.mark.parametrize("pieces", [0, 1], ids=["before the first piece", "behind a piece"])
def test_what_is_no_body_is_bounded_between_pieces_of_one(taken: Taken, reader: RequestReader, pieces: int) -> None:
    reader.feed(b"POST /v1/files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    reader.feed(b"2\r\n{}\r\n" * pieces + b"2;")
    for _ in range(MOST_BETWEEN_BYTES // 1024 - 1):
        reader.feed(b"x" * 1024)
    assert taken.broke == 0
    for _ in range(2):
        reader.feed(b"x" * 1024)
    assert (taken.broke, taken.malformed) == (1, 0)


def test_a_body_of_many_pieces_may_be_longer_than_what_stands_between_them(taken: Taken, reader: RequestReader) -> None:
    reader.feed(b"POST /v1/files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(2 * MOST_BETWEEN_BYTES // 1024):
        reader.feed(b"400;" + b"x" * 1024 + b"\r\n" + b"y" * 1024 + b"\r\n")
    assert taken.broke == 0

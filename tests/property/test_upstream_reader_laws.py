"""However an answer is cut into pieces, the same is read from it, and what was written is what is read."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.wire.reader import AnswerReader

TOKENS = st.text("abcXYZ-_0", min_size=1, max_size=12).filter(
    lambda name: name.lower() not in ("content-length", "transfer-encoding")
)
VALUES = st.text(st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"), max_size=20).map(
    lambda v: v.strip(" \t")
)
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=6)
STATUSES = st.integers(200, 599).filter(lambda status: status not in (204, 304))


@dataclass(frozen=True)
class Answer:
    """An answer, and the bytes that say it."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    keeps: bool
    wire: bytes


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    status, headers = draw(STATUSES), draw(HEADERS)
    reason = draw(st.text("abc ÄÖ'", max_size=12)).strip()
    pieces = draw(st.lists(st.binary(min_size=1, max_size=30), max_size=4))
    body = b"".join(pieces)
    framing = draw(st.sampled_from(["length", "chunks", "end"]))
    if framing == "length":
        headers.insert(draw(st.integers(0, len(headers))), ("Content-Length", str(len(body))))
        said = body
    elif framing == "chunks":
        headers.append(("transfer-encoding", "chunked"))
        extension = draw(st.sampled_from([b"", b";a", b';a="b c"']))
        trailers = b"".join(f"{name}: {value}\r\n".encode() for name, value in draw(HEADERS))
        said = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
        said += b"0\r\n" + trailers + b"\r\n"
    else:
        said = body
    interim = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" * draw(st.integers(0, 2))
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers), "", ""]
    wire = interim + "\r\n".join(lines).encode() + said
    return Answer(status, reason, headers, body, framing != "end", wire)


def fed(reader: AnswerReader, data: bytes, cuts: list[int]) -> bytes:
    """The body read from `data`, cut at these places."""
    edges = sorted({0, *(place % (len(data) + 1) for place in cuts), len(data)})
    body = b""
    for start, end in zip(edges, edges[1:], strict=False):
        reader.feed(data[start:end])
        body += b"".join(reader.pieces)
        reader.pieces.clear()
    return body


CUTS = st.lists(st.integers(0, 1000), max_size=12)


@given(answer=answers(), cuts=CUTS, every=st.booleans())
def test_however_it_is_cut_an_answer_is_read_as_it_was_written(answer: Answer, cuts: list[int], every: bool) -> None:
    reader = AnswerReader()
    body = fed(reader, answer.wire, list(range(len(answer.wire))) if every else cuts)

    assert reader.ended == answer.keeps
    reader.eof()
    assert (reader.ended, reader.fault) == (True, "")
    assert (reader.status, reader.reason, reader.headers, body) == (
        answer.status,
        answer.reason,
        answer.headers,
        answer.body,
    )


@given(some=st.lists(answers().filter(lambda answer: answer.keeps), min_size=1, max_size=4), cuts=CUTS)
def test_answers_that_follow_each_other_do_not_mix(some: list[Answer], cuts: list[int]) -> None:
    reader = AnswerReader()
    for answer in some:
        reader.expect(bodiless=False)
        body = fed(reader, answer.wire, cuts)
        assert (reader.status, reader.headers, body, reader.ended) == (answer.status, answer.headers, answer.body, True)
        assert reader.reusable != ("close" in {value.lower() for name, value in answer.headers if name == "connection"})


@given(answer=answers().filter(lambda answer: answer.keeps and answer.body), at=st.integers(0, 1000), cuts=CUTS)
def test_an_answer_that_breaks_off_is_never_whole(answer: Answer, at: int, cuts: list[int]) -> None:
    reader = AnswerReader()
    fed(reader, answer.wire[: at % len(answer.wire)], cuts)
    reader.eof()
    assert (reader.ended, bool(reader.fault)) == (False, True)


@given(data=st.binary(max_size=300), mark=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n"]), cuts=CUTS)
def test_whatever_bytes_come_nothing_is_raised_and_the_cuts_change_nothing(
    data: bytes, mark: bytes, cuts: list[int]
) -> None:
    outcomes = []
    for places in ([], cuts):
        reader = AnswerReader()
        body = fed(reader, mark + data, places)
        reader.eof()
        outcomes.append((reader.ended, reader.status, reader.headers, body if reader.ended else None))
        assert reader.ended != bool(reader.fault)
    assert outcomes[0] == outcomes[1]

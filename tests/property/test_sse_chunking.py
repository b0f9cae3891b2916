"""Law 1: however a byte stream is cut into chunks, the events and the usage are the same."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.dialects.sse import SseEvent, SseParser

PIECES = (b"data", b"event", b"id", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"x", b"\xef\xbb\xbf", b"\x00", b"\xff")
streams = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join) | st.binary(max_size=60)


@st.composite
def cut_streams(draw: st.DrawFn) -> list[bytes]:
    stream = draw(streams)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def parsed(chunks: list[bytes], largest: int = 1000) -> list[SseEvent]:
    parser = SseParser(largest)
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


def dispatched(events: list[SseEvent]) -> list[tuple[bytes, bytes]]:
    return [(name, data) for _, name, data in events if data is not None]


def as_the_standard_says(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The standard's algorithm, line by line over the whole stream."""
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    found: list[tuple[bytes, bytes]] = []
    name, data = b"", b""
    for line in lines[:-1]:
        if not line:
            if data:
                found.append((name, data.removesuffix(b"\n")))
            name, data = b"", b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return found


@given(cut_streams())
@example([b"data: x\r\n\r", b"\n", b"data: y\r\n\r\n"])
@example([b"data: x\n", b"\r", b"\r", b"data"])
@example([b"\n"])
def test_the_events_are_the_standards_however_the_stream_is_cut(chunks: list[bytes]) -> None:
    assert dispatched(parsed(chunks)) == as_the_standard_says(b"".join(chunks))


@given(cut_streams())
def test_the_events_and_their_spans_are_the_same_however_the_stream_is_cut(chunks: list[bytes]) -> None:
    stream = b"".join(chunks)
    assert parsed(chunks) == parsed([stream]) == parsed([bytes([byte]) for byte in stream])


@given(cut_streams(), st.integers(2, 30))
def test_no_byte_is_lost_and_the_events_are_the_same_where_one_is_too_large(chunks: list[bytes], largest: int) -> None:
    events = parsed(chunks, largest)
    assert b"".join(raw for raw, _, _ in events) == b"".join(chunks)
    assert dispatched(events) == dispatched(parsed([b"".join(chunks)], largest))
    assert all(len(raw) <= largest for raw, _, data in events if data is not None)


@given(cut_streams(), st.integers(2, 30))
def test_no_more_than_one_event_is_held(chunks: list[bytes], largest: int) -> None:
    parser = SseParser(largest)
    fed = returned = 0
    for chunk in chunks:
        fed += len(chunk)
        returned += sum(len(raw) for raw, _, _ in parser.feed(chunk))
        assert fed - returned <= largest


EVENTS = (b'data: {"a": 1}\n\n', b"event: x\ndata: y\n\n", b"data: [DONE]\n\n", b"data: a\ndata: b\n\n", b"data:c\n\n")


@given(st.lists(st.sampled_from(EVENTS) | st.sampled_from(PIECES), max_size=12))
def test_an_event_that_is_told_by_itself_is_the_one_that_the_parser_would_find(chunks: list[bytes]) -> None:
    fast, plain = SseParser(1000), SseParser(1000)
    for chunk in chunks:
        found = plain.feed(chunk)
        data = fast.only(chunk)
        if data is None:
            assert fast.feed(chunk) == found
        else:
            assert [(raw, data) for raw, _, data in found] == [(chunk, data)]
    assert fast.finish() == plain.finish()


def test_the_chunks_of_an_ordinary_stream_are_told_by_themselves_from_the_second_on() -> None:
    parser = SseParser()
    assert parser.only(EVENTS[1]) is None
    parser.feed(EVENTS[1])
    assert [parser.only(event) for event in EVENTS[:3]] == [b'{"a": 1}', b"y", b"[DONE]"]

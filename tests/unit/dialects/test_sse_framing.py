import pytest

from proxy.dialects.sse import SseEvent, SseParser


def events(*chunks: bytes, largest: int = 1000) -> list[SseEvent]:
    parser = SseParser(largest)
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return found + parser.finish()


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a \n\n", b" a "),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data\n\n", b""),
        (b"data:\ndata\n\n", b"\n"),
        (b": comment\ndata: a\nid: 1\nretry: 5\nnonsense\n\n", b"a"),
        (b"\xef\xbb\xbfdata: a\n\n", b"a"),
        (b": comment\n\n", None),
        (b"event: ping\n\n", None),
        (b"database: a\n\n", None),
        (b"\n\n", None),
        (b" data: a\n\n", None),
        (b"data: a\n", None),
        (b"data: a", None),
    ],
)
def test_the_data_of_an_event_is_what_the_standard_says(stream: bytes, data: bytes | None) -> None:
    assert [event[2] for event in events(stream)] == [data]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_end_of_line_is_known(end: bytes) -> None:
    stream = b"event: e" + end + b"data: a" + end + end + b"data: b" + end + end
    assert [event[1:] for event in events(stream)] == [(b"e", b"a"), (b"", b"b")]


def test_the_name_of_an_event_is_told() -> None:
    assert [event[1] for event in events(b"event: a\ndata: x\n\nevent:b\ndata: x\n\ndata: x\nevent\n\n")] == [
        b"a",
        b"b",
        b"",
    ]


def test_an_event_comes_out_with_the_chunk_that_completes_it() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.holds_part
    assert parser.feed(b"\nda") == [(b"data: a\n\n", b"", b"a")]
    assert parser.feed(b"ta: b\n\n") == [(b"data: b\n\n", b"", b"b")]
    assert not parser.holds_part


def test_an_event_that_ends_in_cr_takes_the_lf_behind_it() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\r\n\r") == []
    assert parser.feed(b"\n") == [(b"data: a\r\n\r\n", b"", b"a")]
    assert parser.feed(b"data: b\r\r") == []
    assert parser.finish() == [(b"data: b\r\r", b"", b"b")]
    assert not parser.is_lost


def test_an_incomplete_event_comes_out_without_data_at_the_end() -> None:
    parser = SseParser()
    parser.feed(b"data: a")
    assert parser.finish() == [(b"data: a", b"", None)]
    assert parser.is_lost


@pytest.mark.parametrize("cut", range(1, 40))
def test_an_event_beyond_the_bound_ends_the_parsing_and_loses_no_byte(cut: int) -> None:
    stream = b"data: a\n\ndata: " + b"x" * 14 + b"\n\ndata: b\n\n"
    found = events(stream[:cut], stream[cut:], largest=20)
    assert b"".join(event[0] for event in found) == stream
    assert [event[2] for event in found if event[2] is not None] == [b"a"]
    assert [event[2] for event in events(stream, largest=22)] == [b"a", b"x" * 14, b"b"]

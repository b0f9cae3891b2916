"""What is written for a request is what it says, and cannot be read as anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.protocol import UpstreamRequest
from proxy.upstream.wire.request import request_head

TOKENS = st.text("abcXYZ-_0", min_size=1).filter(lambda name: name.lower() != "content-length")
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
TARGETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)).map(lambda rest: "/" + rest)


async def stream() -> AsyncIterator[bytes]:
    yield b""


@given(target=TARGETS, headers=st.lists(st.tuples(TOKENS, VALUES)), prefix=st.sampled_from(["", "/v1", "/a/b"]))
def test_headers_keep_their_order_case_and_repetitions_and_the_target_its_bytes(
    target: str, headers: list[tuple[str, str]], prefix: str
) -> None:
    head, length = request_head(UpstreamRequest("GET", target, headers, None), prefix)
    start, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    assert start == f"GET {prefix}{target} HTTP/1.1"
    assert lines == [f"{name}: {value}" for name, value in headers]
    assert length == 0


@given(bad=st.sampled_from("\r\n\0"), before=VALUES, after=VALUES, place=st.sampled_from(["target", "name", "value"]))
def test_a_line_break_or_a_null_byte_is_refused_wherever_it_stands(
    bad: str, before: str, after: str, place: str
) -> None:
    text = before + bad + after
    name, value = (text, "a") if place == "name" else ("a", text) if place == "value" else ("a", "a")
    target = "/" + text if place == "target" else "/"
    with pytest.raises(ValueError, match="cannot have"):
        request_head(UpstreamRequest("GET", target, [("Host", "a"), (name, value)], None), "")


@pytest.mark.parametrize("request_line", [("GET", "/a b"), ("GET /x", "/"), ("GET\r\nX:", "/")])
def test_a_request_line_has_three_words(request_line: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot have"):
        request_head(UpstreamRequest(*request_line, [("Host", "a")], None), "")


@pytest.mark.parametrize(
    ("method", "headers", "body", "line"),
    [
        ("GET", [], None, b""),
        ("HEAD", [], None, b""),
        ("POST", [], None, b"Content-Length: 0\r\n"),
        ("GET", [], b"", b"Content-Length: 0\r\n"),
        ("POST", [], b"four", b"Content-Length: 4\r\n"),
        ("POST", [("content-length", "4")], b"four", b"content-length: 4\r\n"),
    ],
)
def test_a_body_in_bytes_is_framed_by_its_length(
    method: str, headers: list[tuple[str, str]], body: bytes | None, line: bytes
) -> None:
    head, length = request_head(UpstreamRequest(method, "/", headers, body), "")
    assert head == method.encode() + b" / HTTP/1.1\r\n" + line + b"\r\n"
    assert length == len(body or b"")


@pytest.mark.parametrize(
    ("headers", "line", "told"),
    [([], b"Transfer-Encoding: chunked\r\n", None), ([("Content-Length", "9")], b"Content-Length: 9\r\n", 9)],
)
async def test_a_stream_goes_out_chunked_unless_its_length_is_told(
    headers: list[tuple[str, str]], line: bytes, told: int | None
) -> None:
    assert request_head(UpstreamRequest("POST", "/", headers, stream()), "") == (
        b"POST / HTTP/1.1\r\n" + line + b"\r\n",
        told,
    )


def test_a_length_that_is_not_the_bodys_is_refused() -> None:
    for body in (None, b"fou", b"fours"):
        with pytest.raises(ValueError, match="length"):
            request_head(UpstreamRequest("POST", "/", [("Content-Length", "4")], body), "")


def test_options_for_the_server_as_a_whole_get_no_prefix() -> None:
    assert request_head(UpstreamRequest("OPTIONS", "*", [], None), "/v1")[0].startswith(b"OPTIONS * HTTP/1.1\r\n")

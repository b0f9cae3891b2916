"""How lines of the exchange log are read, and how bad ones are told."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.simulate.lines import LONGEST_HEAD, BadLineError, LineReader

GOOD: dict[str, Any] = {
    "ts": 1776816000.125,
    "id": "e-1",
    "method": "POST",
    "path": "/v1/messages",
    "peer_ip": "10.0.0.1",
    "headers": [["host", "a"], ["X-Api-Key", "k"]],
    "body": {"model": "m", "messages": []},
    "response": {"status": 200, "input_tokens": 12, "output_tokens": 230, "duration_s": 3.4},
}


def line(**changed: Any) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


def test_a_raw_line_keeps_header_order_and_case_and_the_bodys_very_bytes() -> None:
    read = LineReader().read(
        b' {"ts":1.5,"id":"a","method":"POST","path":"/x","peer_ip":"::1",'
        b'"headers":[["B","1"],["a","2"]],"body": {"k" : 1.0e3} }\n'
    )
    assert read.headers == [("B", "1"), ("a", "2")]
    assert read.body == b'{"k" : 1.0e3}'
    assert read.ts_us == 1_500_000
    assert read.response is None


def test_a_head_that_is_known_is_read_as_the_first_one_was_and_a_bad_one_never() -> None:
    reader = LineReader()
    first, again = reader.read(line()), reader.read(line(id="e-2"))
    assert again.headers == first.headers == [("host", "a"), ("X-Api-Key", "k")]
    assert again.head == first.head
    for _ in range(2):
        with pytest.raises(BadLineError, match=r"field 'headers\[0\]'"):
            reader.read(line(headers=[["host"]]))
    assert reader.read(line(headers=[["x" * LONGEST_HEAD, "a"]])).head == b""


def test_a_body_of_null_is_no_body() -> None:
    assert LineReader().read(line(body=None)).body is None


def test_a_usage_field_that_is_absent_is_unknown_and_not_zero() -> None:
    response = LineReader().read(line(response={"status": 200})).response
    assert response is not None
    assert (response.input_tokens, response.cache_read_input_tokens) == (None, None)


@pytest.mark.parametrize("missing", ["ts", "id", "method", "path", "peer_ip", "headers"])
def test_a_missing_required_field_is_named_with_its_line(missing: str) -> None:
    reader = LineReader()
    reader.read(line())
    with pytest.raises(BadLineError, match=f"line 2: field '{missing}' is missing"):
        reader.read(json.dumps({key: value for key, value in GOOD.items() if key != missing}).encode())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ts": "now"}, "field 'ts': expected float, got str"),
        ({"ts": -1}, "field 'ts': -1.0 is not a time"),
        ({"ts": 1e300}, "is not a time in seconds"),
        ({"peer_ip": "nowhere"}, "field 'peer_ip': 'nowhere' is not an IP address"),
        ({"id": 7}, "field 'id': expected str, got int"),
        ({"headers": {"host": "a"}}, "field 'headers': expected array"),
        ({"headers": [["host"]]}, r"field 'headers\[0\]'"),
        ({"response": {"status": "ok"}}, "field 'response.status': expected int, got str"),
        (
            {"features": {"v": 99, "principal": {"account": "a", "client": "c"}, "request": {"dialect": "opaque"}}},
            "features.v",
        ),
    ],
)
def test_an_ill_typed_field_is_named_with_what_was_expected(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadLineError, match=f"line 1: .*{said}"):
        LineReader().read(line(**changed))


def test_a_bad_line_tells_the_id_where_it_can_be_read() -> None:
    with pytest.raises(BadLineError) as told:
        LineReader().read(line(ts="now"))
    assert told.value.exchange_id == "e-1"


def test_unknown_keys_are_left_out_and_remembered_once() -> None:
    reader = LineReader()
    for _ in range(3):
        assert reader.read(line(extra=1, another={"a": []})).id == "e-1"
    assert reader.unknown_keys == {"extra", "another"}


def test_unknown_keys_of_the_answer_are_left_out_too_and_its_usage_is_kept() -> None:
    reader = LineReader()
    response = reader.read(line(response={"status": 200, "input_tokens": 7, "latency": 1.5}, extra=1)).response
    assert response is not None
    assert response.input_tokens == 7
    assert reader.unknown_keys == {"extra", "response.latency"}


def test_a_line_up_to_five_seconds_early_is_taken_at_its_predecessors_time() -> None:
    reader = LineReader()
    reader.read(line(ts=100.0))
    assert reader.read(line(ts=95.0)).ts_us == 100_000_000
    with pytest.raises(BadLineError, match=r"line 3: field 'ts': 5\.000001 s earlier"):
        reader.read(line(ts=94.999999))
    assert reader.read(line(ts=100.5)).ts_us == 100_500_000


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_bad_line_and_nothing_else(data: bytes) -> None:
    with pytest.raises(BadLineError, match="line 1: "):
        LineReader().read(data)


@given(st.binary(max_size=8), st.integers(0, len(line()) - 1))
def test_a_damaged_line_is_read_or_told(damage: bytes, place: int) -> None:
    good = line()
    with suppress(BadLineError):
        LineReader().read(good[:place] + damage + good[place + len(damage) :])

"""A JSON list in pieces: its elements come out one by one, the same however it is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.json_elements import JsonElements

values = st.recursive(
    st.none() | st.integers() | st.text('ab"\\{}[],é', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"{]', max_size=2), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=2), values, max_size=3)


def elements(*chunks: bytes, largest: int = 1000) -> tuple[list[bytes], bool]:
    parser = JsonElements(largest)
    return [element for chunk in chunks for element in parser.feed(chunk)], parser.is_whole


@given(st.lists(objects, max_size=4), st.booleans(), st.lists(st.integers(0, 400), max_size=6), st.integers(0, 2))
def test_the_elements_of_a_list_are_the_same_however_it_is_cut(
    found: list[object], ascii_: bool, cuts: list[int], indent: int
) -> None:
    text = json.dumps(found, ensure_ascii=ascii_, indent=indent or None).encode()
    places = [0, *sorted(cuts), len(text)]
    parts, is_whole = elements(*[text[start:end] for start, end in zip(places, places[1:], strict=False)])
    assert [json.loads(part) for part in parts] == found
    assert is_whole


@given(objects)
def test_an_object_by_itself_is_its_own_only_element(found: object) -> None:
    text = json.dumps(found).encode()
    assert elements(b" \r\n" + text) == ([text], True)
    assert elements(text[:-1]) == ([], False)


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"[{", b"}", b"]", b'"', b"\\", b",{"]), max_size=12))
def test_any_bytes_give_elements_or_nothing_however_they_are_cut(chunks: list[bytes]) -> None:
    assert elements(*chunks, largest=8) == elements(b"".join(chunks), largest=8)


@pytest.mark.parametrize("text", [b"<html>{}</html>", b"", b'"{}"', b"data: {}\n\n", b"7"])
def test_what_is_neither_a_list_nor_an_object_has_no_elements(text: bytes) -> None:
    assert elements(text) == ([], False)


def test_an_element_that_is_too_large_ends_the_parsing() -> None:
    text = b'[{"a":1},{"a":"' + b"x" * 20 + b'"},{"a":2}]'
    for chunks in ([text], [text[at : at + 3] for at in range(0, len(text), 3)]):
        assert elements(*chunks, largest=20) == ([b'{"a":1}'], False)

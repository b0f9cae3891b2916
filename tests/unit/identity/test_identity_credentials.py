"""What is made of keys and end users' names."""

from __future__ import annotations

import re

import pytest

from proxy.identity.credentials import Pseudonyms, credential_of, key_in_url, without_url_keys

NAMES = Pseudonyms(b"a secret")


@pytest.mark.parametrize(
    ("api_key", "authorization", "credential"),
    [
        ("sk-1", "", "sk-1"),
        ("", "Bearer sk-1", "sk-1"),
        ("", "bEARER  sk-1 ", "sk-1"),
        ("sk-1", "Bearer sk-2", "sk-1"),
        (" ", "Bearer sk-2", "sk-2"),
        ("", "Basic dXNlcg==", "Basic dXNlcg=="),
        ("", "Bearer sk-1 x", "sk-1"),
        ("", "Bearer bearer\tBearer sk-1", "sk-1"),
        ("", "Bearer Bearer", ""),
        ("", "Bearersk-1", "Bearersk-1"),
        ("", "Bearer", ""),
        ("", "Bearer ", ""),
        ("", "", ""),
    ],
)
def test_the_credential_is_the_api_key_else_the_bearer_token(api_key: str, authorization: str, credential: str) -> None:
    assert credential_of({"x-api-key": api_key, "authorization": authorization}) == credential


@pytest.mark.parametrize(
    ("values", "credential"),
    [
        ({"api-key": " sk-3 "}, "sk-3"),
        ({"x-goog-api-key": "sk-4", "api-key": "sk-3"}, "sk-3"),
        ({"x-goog-api-key": "sk-4", "api-key": " "}, "sk-4"),
        ({"x-goog-api-key": "sk-4", "authorization": "Bearer sk-2"}, "sk-2"),
        ({"api-key": "sk-3", "x-api-key": "sk-1"}, "sk-1"),
        ({"x-goog-api-key": "Bearer sk-4"}, "Bearer sk-4"),
        ({}, ""),
    ],
)
def test_a_key_in_another_gateways_header_counts_where_neither_of_those_holds_one(
    values: dict[str, str], credential: str
) -> None:
    assert credential_of(values) == credential


def test_a_key_and_a_user_are_named_by_sixteen_hex_digits_of_a_hash() -> None:
    assert re.fullmatch(r"key-[0-9a-f]{16}", NAMES.of_key("sk-1"))
    assert re.fullmatch(r"u-[0-9a-f]{16}", NAMES.of_user("sk-1"))


def test_the_names_depend_on_the_secret_and_on_nothing_else() -> None:
    assert NAMES.of_key("sk-1") == Pseudonyms(b"a secret").of_key("sk-1")
    assert NAMES.of_key("sk-1") != Pseudonyms(b"another").of_key("sk-1")
    assert NAMES.of_key("sk-1") != NAMES.of_key("sk-2")


def test_the_same_text_as_key_and_as_user_gives_unrelated_names() -> None:
    assert NAMES.of_key("same").removeprefix("key-") != NAMES.of_user("same").removeprefix("u-")


def test_a_long_secret_counts_to_its_last_byte() -> None:
    assert Pseudonyms(b"x" * 100 + b"a").of_key("sk") != Pseudonyms(b"x" * 100 + b"b").of_key("sk")


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Pseudonyms(b"")


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("/v1beta/models/m:generateContent?key=AIza", "AIza"),
        ("/x?alt=sse&key=AI%7Aa+b#c", "AIza b#c"),
        ("/x?%24key=AIza&monkey=1", "AIza"),
        ("/x?k%65y=AIza", "AIza"),
        ("/x?key=a=b?c", "a=b?c"),
        ("/x?key=%20", ""),
        ("/x?key", ""),
        ("/x?key=a&key=a", ""),
        ("/x?key=a&%24key=b", ""),
        ("/key=a", ""),
        ("", ""),
    ],
)
def test_a_url_holds_a_key_where_it_holds_exactly_one(target: str, key: str) -> None:
    assert key_in_url(target) == key


def test_taking_the_keys_out_of_a_url_leaves_the_rest_as_it_is_written() -> None:
    assert without_url_keys("/a%20b?x=%41&key=1&&y&k%65y=2&%24key=3") == "/a%20b?x=%41&&y"
    assert without_url_keys("/a?key=1") == "/a"
    assert without_url_keys("/a?x=1") == "/a?x=1"

"""What tells one client program from another, and what does not."""

from __future__ import annotations

import re

import pytest

from proxy.identity.fingerprint import UNMARKED_HEADERS, fingerprint
from proxy.identity.headers import sort_headers

SDK = [
    ("Host", "api.example.com"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept", "application/json"),
    ("User-Agent", "Anthropic/Python 0.84.0"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Runtime", "CPython"),
    ("x-api-key", "sk-abc"),
    ("Content-Length", "120"),
]


def of(headers: list[tuple[str, str]]) -> str:
    found = sort_headers(headers)
    return fingerprint(found.marks, found.values.get("user-agent", ""), found.values)


def with_value(name: str, value: str) -> list[tuple[str, str]]:
    return [(header, value if header == name else old) for header, old in SDK]


def test_a_fingerprint_is_twelve_hex_digits() -> None:
    assert re.fullmatch("[0-9a-f]{12}", of(SDK))
    assert re.fullmatch("[0-9a-f]{12}", of([]))


def test_the_order_and_the_case_of_header_names_tell_clients_apart() -> None:
    assert of(SDK[::-1]) != of(SDK)
    assert of([(name.lower(), value) for name, value in SDK]) != of(SDK)


@pytest.mark.parametrize(
    ("name", "value"),
    [("User-Agent", "OpenAI/Python 0.84.0"), ("X-Stainless-OS", "MacOS"), ("X-Stainless-Runtime", "PyPy")],
)
def test_product_and_platform_tell_clients_apart(name: str, value: str) -> None:
    assert of(with_value(name, value)) != of(SDK)


@pytest.mark.parametrize(
    ("name", "value"),
    [("User-Agent", "Anthropic/Python 1.2.3"), ("x-api-key", "sk-xyz"), ("Content-Length", "9"), ("Accept", "*/*")],
)
def test_versions_credentials_and_lengths_do_not(name: str, value: str) -> None:
    assert of(with_value(name, value)) == of(SDK)


@pytest.mark.parametrize("name", [*sorted(UNMARKED_HEADERS), "X-Forwarded-For", "Forwarded", "x-account-id", "X-JA4"])
def test_headers_of_edges_and_of_single_calls_leave_no_mark(name: str) -> None:
    assert of([*SDK[:3], (name, "anything"), *SDK[3:]]) == of(SDK)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("curl/8.5.0", "curl/7.1"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Mozilla/5.0 (Windows NT (10)) AppleWebKit/600"),
        ("axios/v1.2.3", "axios/2"),
        ("python-requests/2.31 (", "python-requests"),
    ],
)
def test_user_agents_of_one_product_are_alike(one: str, other: str) -> None:
    assert of([("User-Agent", one)]) == of([("User-Agent", other)])


def test_an_overlong_user_agent_is_read_to_its_bound() -> None:
    assert of([("User-Agent", "a" * 256)]) == of([("User-Agent", "a" * 100_000)])

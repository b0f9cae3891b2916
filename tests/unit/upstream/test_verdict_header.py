"""The header that tells the upstream of a verdict, and how whoever has the key checks it."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.verdict_header import signed_verdict
from proxy.verdict.campaign import Level
from proxy.verdict.snapshot import Match

MATCH = Match("c-0123456789ab", Level.CONFIRMED, "content")


def is_genuine(key: bytes, value: str) -> bool:
    """As the documentation has it."""
    told, _, sig = value.rpartition(";sig=")
    return hmac.compare_digest(sig, hmac.new(key, told.encode(), "sha256").hexdigest())


def test_the_header_says_what_was_found_when_and_for_which_request() -> None:
    value = signed_verdict(b"key", MATCH, 1_776_816_000_999_999, "req_1")

    told = "v=1;level=confirmed;campaign=c-0123456789ab;ts=1776816000;request=req_1"
    assert value == f"{told};sig={hmac.new(b'key', told.encode(), hashlib.sha256).hexdigest()}"


@given(
    key=st.binary(min_size=1),
    ts_us=st.integers(0, 4 * 10**15),
    request_id=st.from_regex(r"req_[0-9a-f]{8}", fullmatch=True),
    place=st.integers(0),
    level=st.sampled_from(Level),
)
def test_a_genuine_header_is_taken_and_any_other_is_not(
    key: bytes, ts_us: int, request_id: str, place: int, level: Level
) -> None:
    value = signed_verdict(key, Match("c-1", level, "account"), ts_us, request_id)
    at = place % len(value)
    changed = value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]

    assert is_genuine(key, value)
    assert not is_genuine(key, changed)
    assert not is_genuine(b"another" + key, value)

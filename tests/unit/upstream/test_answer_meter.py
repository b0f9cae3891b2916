"""Metering decodes what an upstream compressed as far as an honest one would go, and never where nothing is read."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field

import pytest

from proxy.dialects.content_encoding import ALWAYS
from proxy.dialects.dialect import Dialect
from proxy.dialects.table import dialect_for
from proxy.upstream.meter import AnswerMeter

CHAT = dialect_for("POST", "/v1/chat/completions", anthropic_version=False)
FILES = dialect_for("GET", "/v1/files/f-1/content", anthropic_version=False)
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}\n\n'


@dataclass
class Told:
    """An answer's head."""

    status: int = 200
    reason: str = "OK"
    headers: list[tuple[str, str]] = field(
        default_factory=lambda: [("Content-Type", "text/event-stream"), ("Content-Encoding", "gzip")]
    )


def metered(dialect: Dialect, packed: bytes) -> tuple[AnswerMeter, int]:
    """The meter that was fed, and how many bytes it had to read."""
    meter = AnswerMeter(dialect, Told(), strip_usage=False)  # type: ignore[arg-type]
    read = 0
    feed = meter.tokens.feed

    def counting(chunk: bytes) -> bytes:
        nonlocal read
        read += len(chunk)
        return feed(chunk)

    meter.tokens.feed = counting  # type: ignore[method-assign]
    for start in range(0, len(packed), 1024):
        piece = packed[start : start + 1024]
        assert meter.feed(piece) is piece
    meter.finish()
    return meter, read


def test_a_bomb_is_passed_on_and_read_no_further_than_an_honest_answer() -> None:
    meter, read = metered(CHAT, gzip.compress(b"data: {}\n\n" * 10**7 + USAGE))
    assert read <= ALWAYS
    assert meter.tokens.usage.output_tokens is None
    assert not meter.is_truncated


@pytest.mark.parametrize("words", [1, 100_000])
def test_the_usage_of_a_long_and_repetitive_answer_is_read(words: int) -> None:
    numbers = random.Random(1)
    told = (json.dumps({"choices": [{"delta": {"content": f" {numbers.randrange(10**4)}"}}]}) for _ in range(words))
    meter, _ = metered(CHAT, gzip.compress(b"".join(b"data: %b\n\n" % text.encode() for text in told) + USAGE))
    assert meter.tokens.usage.output_tokens == 5


def test_nothing_is_decoded_of_an_answer_that_nobody_reads() -> None:
    _, read = metered(FILES, gzip.compress(bytes(10**6)))
    assert read == 0

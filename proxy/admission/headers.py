"""Owns the rate-limit headers of each family, as the real APIs send them. Knows no bucket and no policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from proxy.admission.quota import Unit
from proxy.dialects.llm import Family

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REQUESTS, _INPUT, _OUTPUT, _TOTAL = Unit.REQUESTS, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.TOTAL_TOKENS
_ANTHROPIC, _GOOGLE = Family.ANTHROPIC, Family.GOOGLE  # to look a member up on its class takes 0.06 µs


class Standing(Struct, frozen=True, gc=False):
    """How one limit on an exchange stands, in whole units (requests, tokens)."""

    unit: Unit
    limit: int
    remaining: int
    """0 while the bucket is in debt."""
    reset_after_us: int
    """Until all of `limit` is there again."""


def ratelimit_headers(family: Family, standings: Sequence[Standing], now_us: int) -> list[tuple[str, str]]:
    """The family's headers, each of the tightest limit it can stand for; limits on concurrency have none, and Google's
    API has none for any.

    `now_us` is microseconds since the Unix epoch.
    """
    if family is _GOOGLE:
        return []
    tightest: dict[Unit, Standing] = {}
    for standing in standings:
        unit = standing.unit
        tightest[unit] = _tighter(tightest.get(unit), standing)
    requests, read, written = tightest.get(_REQUESTS), tightest.get(_INPUT), tightest.get(_OUTPUT)
    tokens = read
    for other in (written, tightest.get(_TOTAL)):
        if other is not None:
            tokens = _tighter(tokens, other)
    if family is _ANTHROPIC:
        return _anthropic(requests, tokens, read, written, now_us=now_us)
    return [*_openai("requests", requests), *_openai("tokens", tokens)]


def _tighter(one: Standing | None, other: Standing) -> Standing:
    """The one of which a smaller share remains; the first where the shares are alike."""
    return other if one is None or other.remaining * one.limit < one.remaining * other.limit else one


_NAMES = [
    tuple(f"anthropic-ratelimit-{noun}-{what}" for what in ("limit", "remaining", "reset"))
    for noun in ("requests", "tokens", "input-tokens", "output-tokens")
]


def _anthropic(*told: Standing | None, now_us: int) -> list[tuple[str, str]]:
    """Of requests, all tokens, input tokens, output tokens."""
    headers: list[tuple[str, str]] = []
    for standing, names in zip(told, _NAMES, strict=True):
        if standing is None:
            continue
        whole = standing.limit
        left = standing.remaining
        if names is not _NAMES[0]:
            left = _to_thousands(left, whole)
        reset_s = -(-(now_us + standing.reset_after_us) // 1_000_000)
        headers += ((names[0], str(whole)), (names[1], str(left)), (names[2], rfc3339(reset_s)))
    return headers


def _openai(noun: str, standing: Standing | None) -> list[tuple[str, str]]:
    if standing is None:
        return []
    return [
        (f"x-ratelimit-limit-{noun}", str(standing.limit)),
        (f"x-ratelimit-remaining-{noun}", str(standing.remaining)),
        (f"x-ratelimit-reset-{noun}", go_duration(standing.reset_after_us)),
    ]


def _to_thousands(remaining: int, limit: int) -> int:
    """To the nearest thousand, as Anthropic's API tells tokens; below a thousand, and at the limit, exactly."""
    if remaining < 1000:
        return remaining
    thousands = (remaining + 500) // 1000 * 1000
    return thousands if thousands < limit else limit


@lru_cache(maxsize=4096)
def rfc3339(epoch_s: int) -> str:
    """A second in UTC: `2026-11-21T05:32:00Z`. Resets of many exchanges fall on the same ones."""
    return (_EPOCH + timedelta(seconds=epoch_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


def go_duration(duration_us: int) -> str:
    """As Go prints a duration: `6m0s`, `1.5s`, `20ms`; rounded up to a millisecond, since `µs` fits in no header."""
    millis = -(-max(0, duration_us) // 1000)
    if 0 < millis < 1000:
        return f"{millis}ms"
    seconds, millis = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{millis:03}".rstrip("0") if millis else ""
    if hours:
        return f"{hours}h{minutes}m{seconds}{fraction}s"
    if minutes:
        return f"{minutes}m{seconds}{fraction}s"
    return f"{seconds}{fraction}s"

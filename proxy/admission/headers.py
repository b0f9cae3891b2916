"""Owns the rate-limit headers of both families, as the real APIs send them. Knows no bucket and no policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from proxy.admission.quota import Unit
from proxy.dialects.llm import Family

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN_UNITS = (Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.TOTAL_TOKENS)


class Standing(NamedTuple):
    """How one limit on an exchange stands, in whole units (requests, tokens)."""

    unit: Unit
    limit: int
    remaining: int
    """Below zero while the bucket is in debt."""
    reset_after_us: int
    """Until all of `limit` is there again."""


def ratelimit_headers(family: Family, standings: Sequence[Standing], now_us: int) -> list[tuple[str, str]]:
    """The family's headers, each of the tightest limit it can stand for; limits on concurrency have none.

    `now_us` is microseconds since the Unix epoch.
    """
    tightest: dict[Unit, Standing] = {}
    for standing in standings:
        other = tightest.get(standing.unit)
        if other is None or _is_tighter(standing, other):
            tightest[standing.unit] = standing
    tokens: Standing | None = None
    for unit in _TOKEN_UNITS:
        candidate = tightest.get(unit)
        if candidate is not None and (tokens is None or _is_tighter(candidate, tokens)):
            tokens = candidate
    if family is Family.ANTHROPIC:
        return _anthropic(tightest, tokens, now_us)
    return _openai(tightest.get(Unit.REQUESTS), tokens)


def _is_tighter(one: Standing, other: Standing) -> bool:
    """Whether a smaller share of it remains."""
    return one.remaining * other.limit < other.remaining * one.limit


def _anthropic(tightest: dict[Unit, Standing], tokens: Standing | None, now_us: int) -> list[tuple[str, str]]:
    headers = []
    for noun, standing in (
        ("requests", tightest.get(Unit.REQUESTS)),
        ("tokens", tokens),
        ("input-tokens", tightest.get(Unit.INPUT_TOKENS)),
        ("output-tokens", tightest.get(Unit.OUTPUT_TOKENS)),
    ):
        if standing is not None:
            remaining = max(0, standing.remaining)
            if noun != "requests":
                remaining = _to_thousands(remaining, standing.limit)
            reset_s = -(-(now_us + standing.reset_after_us) // 1_000_000)
            headers.append((f"anthropic-ratelimit-{noun}-limit", str(standing.limit)))
            headers.append((f"anthropic-ratelimit-{noun}-remaining", str(remaining)))
            headers.append((f"anthropic-ratelimit-{noun}-reset", rfc3339(reset_s)))
    return headers


def _openai(requests: Standing | None, tokens: Standing | None) -> list[tuple[str, str]]:
    headers = []
    for noun, standing in (("requests", requests), ("tokens", tokens)):
        if standing is not None:
            headers.append((f"x-ratelimit-limit-{noun}", str(standing.limit)))
            headers.append((f"x-ratelimit-remaining-{noun}", str(max(0, standing.remaining))))
            headers.append((f"x-ratelimit-reset-{noun}", go_duration(standing.reset_after_us)))
    return headers


def _to_thousands(remaining: int, limit: int) -> int:
    """To the nearest thousand, as Anthropic's API tells tokens; below a thousand, and at the limit, exactly."""
    if remaining < 1000:
        return remaining
    return min((remaining + 500) // 1000 * 1000, limit)


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

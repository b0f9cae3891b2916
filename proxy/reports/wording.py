"""Owns how numbers, moments and names are written for people: UTC in ISO 8601, thousands in groups. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def moment(at_us: int) -> str:
    """`2026-04-22T00:00:00Z`, or `unknown` for 0."""
    return at(at_us).strftime("%Y-%m-%dT%H:%M:%SZ") if at_us else "unknown"


def at(at_us: int) -> datetime:
    """The moment in UTC, without its fraction of a second."""
    return datetime.fromtimestamp(at_us // SECOND_US, UTC)


def duration(span_us: int) -> str:
    """The two largest units: `45 d 3 h`, `12 min`, `0 s`."""
    seconds = max(span_us, 0) // SECOND_US
    for index, (size, name) in enumerate(_UNITS):
        if seconds < size:
            continue
        whole, rest = divmod(seconds, size)
        smaller, smaller_name = _UNITS[index + 1] if index + 1 < len(_UNITS) else (1, "")
        below = f" {rest // smaller} {smaller_name}" if rest // smaller and smaller_name else ""
        return f"{whole} {name}{below}"
    return "0 s"


def count(number: int) -> str:
    """`28,800,000`."""
    return f"{number:,}"


def several(number: int, noun: str, plural: str = "") -> str:
    """`1 account`, `25,000 accounts`."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def percent(part: float, whole: float) -> str:
    """`12.5`, for a column whose header says so; `–` of nothing."""
    return f"{100 * part / whole:.1f}" if whole else "–"


def share(part: float, whole: float) -> str:
    """`12.5 %`; `–` of nothing."""
    return f"{percent(part, whole)} %" if whole else "–"


def plain(text: str) -> str:
    """`text` without control characters, which a terminal would obey: names come from clients."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)

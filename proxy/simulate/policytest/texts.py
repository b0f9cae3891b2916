"""Owns how the plain values of a policy test are read from their text: durations, instants, bounds, series.

Knows neither positions nor keys: a bad text is a `BadValueError`, as for policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address

from proxy.admission.quota import MICRO
from proxy.clock import US_PER_SECOND
from proxy.policy.campaigns import CAMPAIGN
from proxy.policy.issues import Code, quoted
from proxy.policy.scalars import BadValueError, amount, identifier

UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": US_PER_SECOND,
    "min": 60 * US_PER_SECOND,
    "h": 3600 * US_PER_SECOND,
    "day": 86_400 * US_PER_SECOND,
}
LONGEST_US = 400 * UNITS_US["day"]
MOST_BODY_BYTES = 16 * 2**20
NEVER_US = -1
"""Stands for the retry-after of a request that can never pass."""
_DURATION = re.compile(r"(?P<digits>(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?)(?P<unit>[a-z]+)")
_SLIPS = {"sec": "s", "second": "s", "m": "min", "minute": "min", "hr": "h", "hour": "h", "d": "day", "": "s"}
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?")
_RANGE = re.compile(r"<(?P<first>[0-9]{1,6})\.\.(?P<last>[0-9]{1,6})>")
_LONGEST_NAME = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a number is expected to be: both ends count."""

    text: str
    least: int
    most: int

    def hold(self, least: int, most: int) -> bool:
        """Whether all of `least` to `most` lies within."""
        return self.least <= least and most <= self.most


NEVER = Bounds("never", NEVER_US, NEVER_US)


@dataclass(frozen=True, slots=True)
class Series:
    """A text, or several that differ in a number and take turns: `acct_<1..50>`."""

    prefix: str
    first: int
    count: int
    suffix: str
    """Of a text without a number, `count` is 1 and `prefix` is all of it."""

    def turn(self, index: int) -> str:
        if self.count == 1:
            return self.prefix
        return f"{self.prefix}{self.first + index % self.count}{self.suffix}"

    def ends(self) -> tuple[str, str]:
        """The first and the last of the texts."""
        return self.turn(0), self.turn(self.count - 1)


def duration(text: str) -> int:
    """`500ms`, `1.2s`, `5min`, `1h` or `1day` in microseconds."""
    match = _DURATION.fullmatch(text)
    if match is None or match["unit"] not in UNITS_US:
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
        meant = _SLIPS.get(text[len(number) :].strip().removesuffix("s"))
        hint = f"; write {number}{meant}" if meant and number.replace(".", "", 1).isdecimal() else ""
        message = f"{quoted(text)} is not a duration such as 500ms, 1.2s, 5min, 1h or 1day{hint}"
        raise BadValueError(Code.BAD_NUMBER, message)
    exact = Decimal(match["digits"]) * UNITS_US[match["unit"]]
    if exact != int(exact):
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is finer than a microsecond")
    if exact > LONGEST_US:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is longer than {show_duration(LONGEST_US)}")
    return int(exact)


def short_duration(text: str) -> int:
    """A duration of at most a day, which no exchange outlasts."""
    found = duration(text)
    if found > UNITS_US["day"]:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is longer than 1day")
    return found


def show_duration(us: int) -> str:
    """As the language writes it, exactly: in days, hours or minutes where these are whole, else in (milli)seconds."""
    if us == NEVER_US:
        return NEVER.text
    for unit in ("day", "h", "min"):
        if us and us % UNITS_US[unit] == 0:
            return f"{us // UNITS_US[unit]}{unit}"
    unit = "s" if us == 0 or us >= US_PER_SECOND else "ms"
    exact = (Decimal(us) / UNITS_US[unit]).normalize()
    return f"{exact:f}{unit}"


def whole(text: str) -> int:
    """A whole number from zero: `0`, `16`, `40k`."""
    micro = amount(text)
    if micro % MICRO:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is not a whole number")
    return micro // MICRO


def times(text: str) -> int:
    found = whole(text)
    if found == 0:
        raise BadValueError(Code.BAD_NUMBER, "zero would send nothing; leave the step out")
    return found


def body_bytes(text: str) -> int:
    found = whole(text)
    if found > MOST_BODY_BYTES:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} bytes are more than {MOST_BODY_BYTES}")
    return found


def status(text: str) -> int:
    """An HTTP status."""
    if re.fullmatch(r"[1-5][0-9]{2}", text) is None:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is not an HTTP status such as 429")
    return int(text)


def rule(text: str) -> str:
    """The id of a quota or access rule, or one such as `campaign:confirmed`."""
    kind, colon, level = text.partition(":")
    if colon and kind == CAMPAIGN:
        return f"{kind}:{identifier(level)}"
    return identifier(text)


def count_bounds(text: str) -> Bounds:
    """`50`, or `48..52`."""
    return _bounds(text, whole)


def duration_bounds(text: str) -> Bounds:
    """`1.2s`, `1s..2s`, or `never`."""
    return NEVER if text == NEVER.text else _bounds(text, duration)


def _bounds(text: str, parse: Callable[[str], int]) -> Bounds:
    low, dots, high = text.partition("..")
    least = parse(low)
    most = parse(high) if dots else least
    if least > most:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is empty: the smaller number comes first")
    return Bounds(text, least, most)


def instant(text: str) -> int:
    """`2026-01-31` or `2026-01-31T23:59:30Z` in microseconds since the epoch."""
    try:
        if _INSTANT.fullmatch(text) is None:
            raise ValueError
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"{quoted(text)} is not a time such as 2026-01-31 or 2026-01-31T23:59:30Z"
        raise BadValueError(Code.BAD_TEXT, message) from None
    found = found.replace(tzinfo=UTC)
    if not 1970 <= found.year < 2090:
        raise BadValueError(Code.BAD_TEXT, f"{quoted(text)} is not between 1970 and 2090")
    return (found - _EPOCH) // timedelta(microseconds=1)


def series(text: str) -> Series:
    """A name that a header can carry, with or without one `<first..last>` in it."""
    match = _RANGE.search(text)
    if match is None:
        found = Series(text, 0, 1, "")
    else:
        first, last = int(match["first"]), int(match["last"])
        if first >= last:
            raise BadValueError(Code.BAD_TEXT, f"{quoted(match[0])} is empty: the smaller number comes first")
        found = Series(text[: match.start()], first, last - first + 1, text[match.end() :])
    longest = found.ends()[1]
    if not longest or len(longest) > _LONGEST_NAME or not longest.isprintable() or longest != longest.strip():
        raise BadValueError(
            Code.BAD_TEXT, f"a name has 1 to {_LONGEST_NAME} printable characters, none around it blank"
        )
    return found


def addresses(text: str) -> Series:
    """An address, or a series such as `203.0.113.<1..50>`."""
    found = series(text)
    for end in found.ends():
        address(end)
    return found


def address(text: str) -> str:
    """One address."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise BadValueError(Code.BAD_ADDRESS, f"{quoted(text)} is not an address such as 203.0.113.7") from None


def target(text: str) -> str:
    """The path of a request line, with or without a query."""
    if re.fullmatch(r"/[!-~]{0,500}", text) is None:
        raise BadValueError(Code.BAD_TEXT, f"{quoted(text)} is not a path such as /v1/messages")
    return text


def method(text: str) -> str:
    if re.fullmatch(r"[A-Z]{1,20}", text) is None:
        raise BadValueError(Code.BAD_TEXT, f"{quoted(text)} is not a method such as POST")
    return text

"""Owns how a share of a whole and a span of time are read from their text, as `scalars` has it for other values."""

from __future__ import annotations

import re
from decimal import Decimal

from proxy.admission.quota import MICRO
from proxy.policy.issues import Code, quoted
from proxy.policy.scalars import DIGITS, PERIOD_SLIPS, PERIODS_US, BadValueError

SHARE = rf"{DIGITS}%"
SPAN = rf"{DIGITS}({'|'.join(PERIODS_US)})"
"""Patterns of whole texts, as a schema tells them."""
_SPAN = re.compile(rf"(?P<digits>{DIGITS})(?P<unit>[a-z]*)")
_SHORTEST_US, _LONGEST_US = PERIODS_US["h"], 365 * PERIODS_US["day"]


def share(value: str) -> int:
    """`2%` or `0.5%` in millionths."""
    if re.fullmatch(SHARE, value) is None:
        hint = f"; write {value}%" if re.fullmatch(DIGITS, value) else ""
        raise BadValueError(Code.BAD_SHARE, f"{quoted(value)} is not a share such as 2% or 0.5%{hint}")
    millionths = Decimal(value.removesuffix("%")) * (MICRO // 100)
    if millionths != int(millionths) or not 0 < millionths <= MICRO:
        raise BadValueError(Code.BAD_SHARE, f"{quoted(value)} is not between 0.0001% and 100%")
    return int(millionths)


def span(value: str) -> int:
    """`12h` or `7day` in microseconds; an hour to a year."""
    match = _SPAN.fullmatch(value)
    if match is None or match["unit"] not in PERIODS_US:
        hint = f"; write {match['digits']}{_meant(match['unit'])}" if match and _meant(match["unit"]) else ""
        raise BadValueError(Code.BAD_SPAN, f"{quoted(value)} is not a time such as 12h or 7day{hint}")
    exact = Decimal(match["digits"]) * PERIODS_US[match["unit"]]
    if not _SHORTEST_US <= exact <= _LONGEST_US or exact != int(exact):
        raise BadValueError(Code.BAD_SPAN, f"{quoted(value)} is not between 1h and 365day")
    return int(exact)


def _meant(unit: str) -> str:
    singular = unit.removesuffix("s")
    return PERIOD_SLIPS.get(singular, singular if singular in PERIODS_US else "")

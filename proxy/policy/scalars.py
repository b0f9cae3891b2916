"""Owns how one plain value of the language is read from its text: numbers, rates, networks, names.

Every parser takes the scalar's text as the operator wrote it, never a value that YAML guessed, so that `NO` is Norway
and 010 is no octal number. Knows neither positions nor keys: a bad text is a `BadValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from typing import TypeVar

from proxy.admission.quota import MICRO, Calendar
from proxy.policy.countries import COUNTRIES
from proxy.policy.issues import Code, quoted
from proxy.policy.prefixes import Prefix, parse_prefix

E = TypeVar("E", bound=StrEnum)

PERIODS_US = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "day": 86_400_000_000}
_THOUSANDS = {"": 1, "k": 1_000, "M": 1_000_000}
DIGITS = r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?"
NUMBER = rf"{DIGITS}[kM]?"
RATE = rf"{NUMBER}/({'|'.join(PERIODS_US)})"
BUDGET = rf"{NUMBER}/({'|'.join(Calendar)})"
TEXT = r"[\s\S]*\S[\s\S]*"
IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
GLOB = r"[^\[\]{}]{1,256}"
PRINCIPAL = r"[^*?]{1,256}"
ADDRESS = r"[0-9A-Fa-f.:]{2,45}"
NETWORK = rf"{ADDRESS}(/[0-9]{{1,3}})?"
COUNTRY = r"[A-Z]{2}"
ASN = r"(AS)?([1-9][0-9]{0,9})"
PREFIX_LENGTH = r"[1-9][0-9]{0,2}"
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""Patterns of whole texts, as a schema tells them; the parsers below may ask for more."""
BOOLEANS = ("true", "True", "TRUE", "false", "False", "FALSE")
_NUMBER = re.compile(rf"(?P<digits>{DIGITS})(?P<thousands>[kM]?)")
_ID = re.compile(IDENTIFIER)
_ASN = re.compile(ASN)
_MEANT_COUNTRY = {"UK": "GB", "EL": "GR", "EN": "GB"}
PERIOD_SLIPS = {"sec": "s", "second": "s", "m": "min", "minute": "min", "hr": "h", "hour": "h", "d": "day"}


class BadValueError(ValueError):
    """A text that is not what the language asks for."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class RateText:
    """So many micro-units in a period."""

    text: str
    amount_micro: int
    period_us: int


@dataclass(frozen=True, slots=True)
class BudgetText:
    """So many micro-units in a calendar period."""

    text: str
    amount_micro: int
    calendar: Calendar


def did_you_mean(word: str, known: list[str]) -> str:
    """A clause to append to a message, or nothing where no known word is near."""
    near = get_close_matches(word[:80], known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def amount(text: str) -> int:
    """`100`, `2.5`, `40k` or `5M` in micro-units."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadValueError(
            Code.BAD_NUMBER, f"{quoted(text)} is not a number such as 100, 2.5, 40k or 5M{_number_slip(text)}"
        )
    micro = Decimal(match["digits"]) * _THOUSANDS[match["thousands"]] * MICRO
    if micro != int(micro):
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is finer than a millionth")
    return int(micro)


def _number_slip(text: str) -> str:
    if "_" in text or "," in text:
        return "; write digits without separators"
    if re.fullmatch(r"0[0-9]+.*", text):
        return "; write it without a leading zero"
    if text.startswith("-"):
        return "; it cannot be negative"
    if text[-1:] in ("K", "m"):
        return "; k is thousand and M is million"
    return ""


def positive(text: str) -> int:
    """An amount above zero, in micro-units."""
    micro = amount(text)
    if micro == 0:
        raise BadValueError(
            Code.RATE_TOO_SMALL, "zero would never admit a request; to refuse requests, write an access rule"
        )
    return micro


def count(text: str) -> int:
    """A whole number above zero: `16`, `1k`."""
    micro = positive(text)
    if micro % MICRO:
        raise BadValueError(Code.BAD_NUMBER, f"{quoted(text)} is not a whole number")
    return micro // MICRO


def rate(text: str) -> RateText:
    """`50/min`."""
    number, _, period = text.partition("/")
    if period not in PERIODS_US:
        meant = PERIOD_SLIPS.get(period.removesuffix("s"))
        hint = f"; write /{meant}" if meant else ""
        raise BadValueError(Code.BAD_RATE, f"{quoted(text)} is not a rate such as 10/s, 50/min, 1k/h or 5M/day{hint}")
    return RateText(text, _amount_of(text, number, Code.BAD_RATE), PERIODS_US[period])


def budget(text: str) -> BudgetText:
    """`5M/day` or `100M/month`."""
    number, _, period = text.partition("/")
    if period not in tuple(Calendar):
        raise BadValueError(Code.BAD_BUDGET, f"{quoted(text)} is not a budget such as 5M/day or 100M/month")
    return BudgetText(text, _amount_of(text, number, Code.BAD_BUDGET), Calendar(period))


def _amount_of(text: str, number: str, code: Code) -> int:
    try:
        return positive(number)
    except BadValueError as fault:
        raise BadValueError(
            code if fault.code is Code.BAD_NUMBER else fault.code, f"in {quoted(text)}, {fault.message}"
        ) from None


def text(value: str) -> str:
    """Prose, its white space folded."""
    folded = " ".join(value.split())
    if not folded or len(folded) > 500 or not folded.isprintable():
        raise BadValueError(Code.BAD_TEXT, "text has 1 to 500 printable characters")
    return folded


def identifier(value: str) -> str:
    """The name of a quota, access rule, tier or policy."""
    if _ID.fullmatch(value) is None:
        raise BadValueError(Code.BAD_ID, f"{quoted(value)} is not a name: {Code.BAD_ID.explanation}")
    return value


def _visible(value: str, code: Code, what: str) -> str:
    if not value or len(value) > 256 or not value.isprintable():
        raise BadValueError(code, f"{what} has 1 to 256 printable characters")
    return value


def glob(value: str) -> str:
    """A pattern in which `*` and `?` are wildcards."""
    _visible(value, Code.BAD_GLOB, "a pattern")
    for char in "[]{}":
        if char in value:
            raise BadValueError(Code.BAD_GLOB, f"{quoted(value)} holds '{char}': {Code.BAD_GLOB.explanation}")
    return value


def principal(value: str) -> str:
    """An account or organisation, exactly."""
    _visible(value, Code.BAD_PRINCIPAL, "a name")
    if "*" in value or "?" in value:
        raise BadValueError(Code.BAD_PRINCIPAL, f"{quoted(value)} holds a wildcard; an override names one exactly")
    return value


def list_path(value: str) -> str:
    """The path of a list file, relative to the folder of the policy."""
    return _visible(value, Code.BAD_TEXT, "the path of a list file")


def network(value: str) -> Prefix:
    """A CIDR, or one address."""
    try:
        return parse_prefix(value)
    except ValueError as error:
        raise BadValueError(Code.BAD_NETWORK, f"{quoted(value)} {_is(str(error))}") from None


def _is(problem: str) -> str:
    return f"is {problem}" if problem.startswith("not ") else problem


def address(value: str) -> Prefix:
    """One address, as the longest prefix of its family."""
    try:
        ip_address(value)
    except ValueError:
        hint = "; networks go under `network`" if "/" in value else ""
        raise BadValueError(Code.BAD_ADDRESS, f"{quoted(value)} is not an address such as 203.0.113.7{hint}") from None
    return network(value)


def country(value: str) -> str:
    """Two capital letters, ISO 3166-1 alpha-2."""
    if re.fullmatch(COUNTRY, value):
        return value
    upper = value.upper()
    hint = f"; write {upper}" if upper in COUNTRIES else "; use two capital letters such as US"
    raise BadValueError(Code.BAD_COUNTRY, f"{quoted(value)} is not a country code{hint}")


def country_doubt(value: str) -> str | None:
    """What to tell about a well-formed code that no country has."""
    if value in COUNTRIES:
        return None
    meant = _MEANT_COUNTRY.get(value)
    return f"no country has the code {value}" + (f"; did you mean {meant}?" if meant else "")


def asn(value: str) -> int:
    """`15169` or `AS15169`."""
    match = _ASN.fullmatch(value)
    if match is None or int(match[2]) >= 2**32:
        raise BadValueError(
            Code.BAD_ASN, f"{quoted(value)} is not the number of an autonomous system such as 15169 or AS15169"
        )
    return int(match[2])


def boolean(value: str) -> bool:
    """`true` or `false`; YAML 1.1's yes, no, on and off are not taken."""
    if value in BOOLEANS:
        return value.lower() == "true"
    raise BadValueError(Code.WRONG_TYPE, f"{quoted(value)} is neither true nor false")


def ipv4_prefix(value: str) -> int:
    return _prefix_length(value, 32)


def ipv6_prefix(value: str) -> int:
    return _prefix_length(value, 128)


def _prefix_length(value: str, longest: int) -> int:
    if re.fullmatch(PREFIX_LENGTH, value) is None or int(value) > longest:
        raise BadValueError(Code.BAD_PREFIX, f"{quoted(value)} is not a prefix length from 1 to {longest}")
    return int(value)


def day(value: str) -> date:
    """`2026-10-01`."""
    try:
        if re.fullmatch(DATE, value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise BadValueError(Code.BAD_DATE, f"{quoted(value)} is not a date such as 2026-10-01")


def version(value: str) -> int:
    if value != "1":
        raise BadValueError(Code.UNKNOWN_VERSION, f"version {quoted(value)} is not known; this release reads version 1")
    return 1


def choice(value: str, members: Iterable[E]) -> E:
    """A member of an enumeration, or of some of it, by its name in the language."""
    known = {member.value: member for member in members}
    if value not in known:
        hint = did_you_mean(value, list(known))
        raise BadValueError(Code.UNKNOWN_VALUE, f"{quoted(value)} is none of {', '.join(known)}{hint}")
    return known[value]

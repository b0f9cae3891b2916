"""Owns what an authentication layer in front of the proxy tells about the account, and which values of it are sound.

Whoever calls has made sure that the TCP peer is trusted. Knows no address, no credential and no policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

ATTRIBUTE_HEADERS = frozenset(
    {
        "x-account-id",
        "x-account-org",
        "x-account-tier",
        "x-account-created",
        "x-account-payment",
        "x-account-country",
        "x-account-verified",
        "x-ja4",
    }
)
"""In lower case. From an untrusted peer nothing reads them, and the relay must not forward them either."""

MAX_LENGTH = 128
"""Characters of a value; a longer one counts as absent rather than being cut to what another account may have."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Each field as in `principal.Principal`; None where the header is absent or malformed."""

    account: str | None = None
    org: str | None = None
    tier: str | None = None
    verified: bool = False
    country: str | None = None
    created_us: int | None = None
    payment: str | None = None
    ja4: str | None = None


def read_attributes(values: Mapping[str, str]) -> Attributes:
    """What the attribute headers say, by their names in lower case; malformed values count as absent."""
    return Attributes(
        account=_identifier(values.get("x-account-id")),
        org=_identifier(values.get("x-account-org")),
        tier=_identifier(values.get("x-account-tier")),
        verified=values.get("x-account-verified", "").strip().lower() == "true",
        country=_country(values.get("x-account-country")),
        created_us=_instant_us(values.get("x-account-created")),
        payment=_identifier(values.get("x-account-payment")),
        ja4=_identifier(values.get("x-ja4")),
    )


def _identifier(value: str | None) -> str | None:
    if value is None:
        return None
    text = value.strip()
    return text if 0 < len(text) <= MAX_LENGTH and text.isprintable() else None


def _country(value: str | None) -> str | None:
    return None if value is None else country_code(value.strip())


def country_code(value: object) -> str | None:
    """ISO 3166-1 alpha-2 in upper case, where `value` has that shape."""
    if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha():
        return value.upper()
    return None


def _instant_us(value: str | None) -> int | None:
    return None if value is None or len(value) > MAX_LENGTH else _parse_instant_us(value.strip())


@lru_cache(maxsize=4096)
def _parse_instant_us(text: str) -> int | None:
    if _RFC_3339.fullmatch(text) is None:
        return None
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None

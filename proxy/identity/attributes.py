"""Owns what an authentication layer in front of the proxy tells about the account, and which values of it are sound.

Whoever calls has made sure that the TCP peer is trusted. Knows no address, no credential and no policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct

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


class Attributes(Struct, frozen=True, gc=False):
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
    """What those of the attribute headers say that there are, by their names in lower case; malformed ones nothing."""
    told = {}
    for name, value in values.items():
        field, read = _READERS[name]
        told[field] = read(value)
    return Attributes(**told)


def _identifier(value: str) -> str | None:
    text = value.strip()
    return text if 0 < len(text) <= MAX_LENGTH and text.isprintable() else None


def _verified(value: str) -> bool:
    return value.strip().lower() == "true"


def _country(value: str) -> str | None:
    return country_code(value.strip())


def country_code(value: object) -> str | None:
    """ISO 3166-1 alpha-2 in upper case, where `value` has that shape."""
    if isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha():
        return value.upper()
    return None


def _instant_us(value: str) -> int | None:
    return None if len(value) > MAX_LENGTH else _parse_instant_us(value.strip())


@lru_cache(maxsize=4096)
def _parse_instant_us(text: str) -> int | None:
    if _RFC_3339.fullmatch(text) is None:
        return None
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "x-account-id": ("account", _identifier),
    "x-account-org": ("org", _identifier),
    "x-account-tier": ("tier", _identifier),
    "x-account-verified": ("verified", _verified),
    "x-account-country": ("country", _country),
    "x-account-created": ("created_us", _instant_us),
    "x-account-payment": ("payment", _identifier),
    "x-ja4": ("ja4", _identifier),
}

"""Owns the one pass over a request's headers that sorts them by who reads them. Judges no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.fingerprint import PLATFORM_HEADERS, UNMARKED_HEADERS

_UNMARKED, _FIRST, _LAST, _FORWARDED_FOR, _FORWARDED = range(5)

_ROLES = {
    **dict.fromkeys(UNMARKED_HEADERS, _UNMARKED),
    **dict.fromkeys(("x-api-key", "authorization", "user-agent", *PLATFORM_HEADERS), _FIRST),
    **dict.fromkeys(ATTRIBUTE_HEADERS, _LAST),
    "x-forwarded-for": _FORWARDED_FOR,
    "forwarded": _FORWARDED,
}


@dataclass(slots=True)
class SortedHeaders:
    """One request's headers by use; names in lower case where they are keys."""

    marks: list[str] = field(default_factory=list)
    """Names that go into the client's fingerprint, in wire order and case."""
    values: dict[str, str] = field(default_factory=dict)
    """Credentials, user agent and platform: the first occurrence, which is the one that HTTP servers commonly read."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Attribute headers: the last occurrence. An edge that appends its own comes after whatever its client sent."""
    x_forwarded_for: list[str] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)


def sort_headers(headers: Sequence[tuple[str, str]]) -> SortedHeaders:
    """Sorts `(name, value)` pairs given in wire order and case."""
    result = SortedHeaders()
    marks, values, role_of = result.marks, result.values, _ROLES.get
    for name, value in headers:
        lowered = name.lower()
        role = role_of(lowered)
        if role is None:
            marks.append(name)
        elif role == _FIRST:
            marks.append(name)
            values.setdefault(lowered, value)
        elif role == _LAST:
            result.attributes[lowered] = value
        elif role == _FORWARDED_FOR:
            result.x_forwarded_for.append(value)
        elif role == _FORWARDED:
            result.forwarded.append(value)
    return result

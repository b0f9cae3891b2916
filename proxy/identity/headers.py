"""Owns the one pass over a request's headers that sorts them by who reads them. Judges no value."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.fingerprint import PLATFORM_HEADERS, UNMARKED_HEADERS
from proxy.identity.header_names import NameTable

_MARK, _UNMARKED, _FIRST, _LAST, _FORWARDED_FOR, _FORWARDED = range(6)

_ROLE_OF = {
    **dict.fromkeys(UNMARKED_HEADERS, _UNMARKED),
    **dict.fromkeys(("x-api-key", "authorization", "user-agent", *PLATFORM_HEADERS), _FIRST),
    **dict.fromkeys(ATTRIBUTE_HEADERS, _LAST),
    "x-forwarded-for": _FORWARDED_FOR,
    "forwarded": _FORWARDED,
}
_ROLES: NameTable[tuple[int, str]] = NameTable(lambda name: (_ROLE_OF.get(name, _MARK), name))


class SortedHeaders(Struct):
    """One request's headers by use; names in lower case where they are keys."""

    marks: list[str] = []
    """Names that go into the client's fingerprint, in wire order and case."""
    values: dict[str, str] = {}
    """Credentials, user agent and platform: the first occurrence, which is the one that HTTP servers commonly read."""
    attributes: dict[str, str] = {}
    """Attribute headers: the last occurrence. An edge that appends its own comes after whatever its client sent."""
    x_forwarded_for: list[str] = []
    forwarded: list[str] = []


def sort_headers(headers: Sequence[tuple[str, str]]) -> SortedHeaders:
    """Sorts `(name, value)` pairs given in wire order and case."""
    result = SortedHeaders()
    marks, values, roles = result.marks, result.values, _ROLES
    for name, value in headers:
        role, lowered = roles[name]
        if role == _MARK:
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

"""Owns who reads which of a request's headers. Judges no value."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.credentials import CREDENTIAL_HEADERS
from proxy.identity.fingerprint import PLATFORM_HEADERS, UNMARKED_HEADERS
from proxy.identity.header_names import HeadTable, last_places, names_of, places_of

_FORWARDED_FOR, _FORWARDED = "x-forwarded-for", "forwarded"
_FIRST = frozenset({*CREDENTIAL_HEADERS, "user-agent", *PLATFORM_HEADERS})
_NO_MARK = UNMARKED_HEADERS | ATTRIBUTE_HEADERS | {_FORWARDED_FOR, _FORWARDED}


class SortedHeaders(Struct):
    """One request's headers by use; names in lower case where they are keys."""

    marks: tuple[str, ...] = ()
    """Names that go into the client's fingerprint, in wire order and case."""
    values: dict[str, str] = {}
    """Credentials, user agent and platform: the first occurrence, which is the one that HTTP servers commonly read."""
    attributes: dict[str, str] = {}
    """Attribute headers: the last occurrence. An edge that appends its own comes after whatever its client sent."""
    x_forwarded_for: list[str] = []
    forwarded: list[str] = []


class _Sorted(Struct, frozen=True):
    """Where in a head what stands."""

    marks: tuple[str, ...]
    values: tuple[tuple[str, int], ...]
    attributes: tuple[tuple[str, int], ...]
    x_forwarded_for: tuple[int, ...]
    forwarded: tuple[int, ...]


def sort_headers(headers: Sequence[tuple[str, str]]) -> SortedHeaders:
    """Sorts `(name, value)` pairs given in wire order and case."""
    head = _HEADS[names_of(headers)]
    return SortedHeaders(
        head.marks,
        {name: headers[place][1] for name, place in head.values},
        {name: headers[place][1] for name, place in head.attributes},
        [headers[place][1] for place in head.x_forwarded_for],
        [headers[place][1] for place in head.forwarded],
    )


def _sorted(names: tuple[str, ...]) -> _Sorted:
    first: dict[str, int] = {}
    for place, name in enumerate(map(str.lower, names)):
        if name in _FIRST:
            first.setdefault(name, place)
    return _Sorted(
        tuple([name for name in names if name.lower() not in _NO_MARK]),
        tuple(first.items()),
        last_places(names, ATTRIBUTE_HEADERS),
        places_of(names, _FORWARDED_FOR),
        places_of(names, _FORWARDED),
    )


_HEADS = HeadTable(_sorted)

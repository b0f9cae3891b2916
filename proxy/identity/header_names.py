"""Owns what is remembered by the names of a head: their spelling and order. Knows no meaning of any name.

One client software, and one upstream, writes the same names in the same order each time. So what follows from names
alone is worked out once for all heads that have them, and each further one takes a single look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

K = TypeVar("K", bound=str | bytes)
T = TypeVar("T")
_MOST = 512
_LONGEST = 2048
"""Of all names of one head together; SDKs behind an edge send some 500."""


class Headers(list[tuple[str, str]]):
    """Names and values in wire order and case; `names` once more by themselves, to look up by. Made by `paired`."""

    __slots__ = ("names",)
    names: tuple[str, ...]


def paired(names: tuple[str, ...], values: Iterable[str]) -> Headers:
    headers = Headers(zip(names, values, strict=True))
    headers.names = names
    return headers


def names_of(headers: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The names, whatever holds the headers."""
    return headers.names if type(headers) is Headers else tuple([name for name, _ in headers])


class HeadTable(dict[tuple[K, ...], T]):
    """`table[names]` is what `meaning` says of them. A flood of invented names only makes it forget."""

    __slots__ = ("_meaning",)

    def __init__(self, meaning: Callable[[tuple[K, ...]], T]) -> None:
        super().__init__()
        self._meaning = meaning

    def __missing__(self, names: tuple[K, ...]) -> T:
        found = self._meaning(names)
        if sum(map(len, names)) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[names] = found
        return found


def places_of(names: Iterable[str], wanted: str) -> tuple[int, ...]:
    """Where a name stands, given in lower case, in any spelling."""
    return tuple([place for place, name in enumerate(names) if name.lower() == wanted])


def last_places(names: Iterable[str], wanted: Container[str]) -> tuple[tuple[str, int], ...]:
    """Each wanted name, given in lower case, with the place where it stands last."""
    return tuple({name: place for place, name in enumerate(map(str.lower, names)) if name in wanted}.items())


def picker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What takes the elements at these places out of a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda sequence: tuple([sequence[place] for place in places])

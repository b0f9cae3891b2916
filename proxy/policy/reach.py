"""Owns the question whether one matcher matches everything that another does.

The answer is sound, not complete: yes is certain, no may only mean that it is not obvious.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from proxy.policy.globs import glob_regex
from proxy.policy.issues import Position
from proxy.policy.lists import list_key
from proxy.policy.shapes import keys_of
from proxy.policy.terms import Matcher

_GLOB_FIELDS = ("account", "org", "end_user", "model", "path", "client")
_PREFIX_FIELDS = ("network", "address")
_FIELDS = tuple(keys_of(Matcher))
MAX_COMPARISONS = 200_000
"""Rules are compared in pairs; those after the first 600 or so are not, or a long policy would take minutes to load."""

_EVERYTHING = Matcher(where={(): Position("")})

Conditions = tuple[Matcher | None, Matcher | None]
"""What a rule matches (None: everything) and what it exempts."""


def applies_wherever(wide: Conditions, narrow: Conditions) -> bool:
    """Whether a rule of `wide` conditions certainly applies to whatever one of `narrow` conditions applies to."""
    if wide[0] is not None and not covers(wide[0], narrow[0] or _EVERYTHING):
        return False
    # Whatever the wide one exempts, the narrow one exempts too.
    return wide[1] is None or (narrow[1] is not None and covers(narrow[1], wide[1]))


def covers(wide: Matcher, narrow: Matcher) -> bool:
    """Whether whatever `narrow` matches is certainly matched by `wide`."""
    return all(_field_covers(name, wide, narrow) for name in _FIELDS if wide.has(name))


def _field_covers(name: str, wide: Matcher, narrow: Matcher) -> bool:
    if not narrow.has(name):
        return name == "verified" and set(wide.verified) == {True, False}
    if name in _GLOB_FIELDS:
        return _each_within(getattr(narrow, name), getattr(wide, name), glob_covers)
    if name in _PREFIX_FIELDS:
        return _each_within(getattr(narrow, name), getattr(wide, name), lambda big, small: big.covers(small))
    if name == "network_in":
        return set(_lists(narrow)) <= set(_lists(wide))
    return bool(getattr(narrow, name)) and set(getattr(narrow, name)) <= set(getattr(wide, name))


def _lists(matcher: Matcher) -> list[tuple[str, str]]:
    return [list_key(matcher, index) for index in range(len(matcher.network_in))]


def _each_within(narrow: Iterable[Any], wide: Iterable[Any], covers_one: Callable[[Any, Any], bool]) -> bool:
    small = list(narrow)
    return bool(small) and all(any(covers_one(big, one) for big in wide) for one in small)


def glob_covers(wide: str, narrow: str) -> bool:
    """Whether `wide` fits whatever `narrow` does.

    Takes the narrow pattern's wildcards for characters: a `*` only a `*` can swallow, a `?` also a `?`.
    """
    if "*" not in wide and "?" not in wide:
        return wide == narrow
    return _swallows(wide).fullmatch(narrow) is not None


@lru_cache(maxsize=1024)
def _swallows(wide: str) -> re.Pattern[str]:
    return re.compile(glob_regex(wide, any_char="[^*]"))

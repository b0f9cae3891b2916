"""Owns the vocabulary in which spec.py declares the language: the shapes a value may have, and what a key is.

The reader, and whatever else is generated from the declarations (a schema, completion, documentation), work on these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from proxy.policy.issues import Position

Place = tuple[str | int, ...]
"""Where in a record: a key, and below it the index of an item or the key of an entry."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One plain value, read from its text; `parse` raises scalars.BadValueError.

    What follows `parse` is what a schema can say of it; all of it is true of every text that `parse` takes.
    """

    name: str
    parse: Callable[[str], object]
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """Of the whole text."""
    types: tuple[str, ...] = ("string",)
    """What YAML 1.2 may take the plain text for, in the words of JSON Schema."""
    range: tuple[int, int | None] | None = None
    """The least and the most of a text that is a number."""


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """A value, or a list of such values; read as a tuple."""

    item: Scalar
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of records; read as a tuple."""

    item: Record


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping from free names; read as a dict."""

    name: Scalar
    value: Record | WordOr


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping whose keys are declared by a class of spec.py."""

    of: type[Spec]


@dataclass(frozen=True, slots=True)
class WordOr:
    """One certain word, or a record."""

    word: str
    other: Record


Shape = Scalar | OneOrMore | Listing | Mapped | Record | WordOr


@dataclass(frozen=True, slots=True)
class Key:
    """A declared key of a record."""

    name: str
    shape: Shape
    doc: str
    required: bool


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A mapping as it stood in the file. What was absent, or could not be read, has its default."""

    exactly_one_of: ClassVar[tuple[str, ...]] = ()
    """Keys of which a record has one and no other."""
    where: Mapping[Place, Position] = dataclasses.field(repr=False, compare=False)
    """The position of the mapping at (), of every key that was given, and of every item and entry below it."""

    def at(self, *place: str | int) -> Position:
        """The position of a place, else of the nearest that was given around it."""
        while place not in self.where:
            place = place[:-1]
        return self.where[place]

    def has(self, name: str) -> bool:
        """Whether the key was given, be its value readable or not."""
        return (name,) in self.where


def declare(shape: Shape, doc: str, *, required: bool = False, default: object = None) -> Any:
    """Declares a key of a record, as a dataclass field."""
    metadata = {"shape": shape, "doc": doc, "required": required}
    if isinstance(shape, Mapped):
        return dataclasses.field(default_factory=dict, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def keys_of(spec: type[Spec]) -> Mapping[str, Key]:
    """The keys that a record may have, in the order of their declaration."""
    return _declared(spec)  # type: ignore[arg-type]  # mypy takes an instance's __hash__ for the class's


@cache
def _declared(spec: type[Spec]) -> Mapping[str, Key]:
    return {
        field.name: Key(field.name, field.metadata["shape"], field.metadata["doc"], field.metadata["required"])
        for field in dataclasses.fields(spec)
        if "shape" in field.metadata
    }

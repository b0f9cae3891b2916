"""Owns the reading of JSON whose writer is not trusted to keep to its types. Knows no wire format.

A shape is a msgspec Struct, every field of which has a default. What the shape does not name is skipped without being
built. What is ill-typed is the default, unless it says the same in another type (`"8"` for 8, `1e3` for 1000). What
only lenient parsers take for JSON (lone surrogates, NaN, a byte order mark, UTF-16) is read as they would read it: no
request shall slip past its model's quota by being written oddly. Of duplicate keys the last one counts.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cache
from types import UnionType
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin

import msgspec

from proxy.errors import DialectError

T = TypeVar("T", bound=msgspec.Struct)
W = TypeVar("W", bound=msgspec.Struct)

ABSENT = msgspec.Raw()
"""The default of a field that is to be left unread."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NOT_A_NUMBER = re.compile(rb"-?\b(?:NaN|Infinity)\b")
_CONTROLS_TO_SPACES = bytes(0x20 if byte < 0x20 else byte for byte in range(256))
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Shape(Generic[T]):
    """Reads JSON objects as one Struct type."""

    def __init__(self, struct: type[T]) -> None:
        self._struct = struct
        self._decode = msgspec.json.Decoder(struct).decode

    def read(self, data: bytes) -> T:
        """The object in `data`. DialectError where it is no JSON object, or nested too deep to be read."""
        try:
            return self._decode(data)
        except _MALFORMED:
            return self._read_leniently(data)

    def read_with(self, wider: Shape[W], data: bytes) -> tuple[T, W]:
        """What `read` gives, and what a wider shape of the same object (a subclass of this one's struct) reads.

        One pass over what is well-typed. Nothing in the wider shape's own fields changes what `read` would give.
        """
        try:
            found = wider._decode(data)
        except _MALFORMED:
            return self.read(data), wider._read_or_default(data)
        return cast(T, found), found

    def _read_or_default(self, data: bytes) -> T:
        try:
            return self._read_leniently(data)
        except DialectError:
            return self._struct()

    def _read_leniently(self, data: bytes) -> T:
        with suppress(*_MALFORMED):
            return _salvaged_struct(data, self._struct)
        try:
            return _salvaged_struct(_repaired(data), self._struct)
        except _MALFORMED as fault:
            raise DialectError(f"not a JSON object: {fault}") from None


def is_present(raw: msgspec.Raw) -> bool:
    """Whether a field that is left unread is there, and not null."""
    return raw is not ABSENT and bytes(raw) != b"null"


def _repaired(data: bytes) -> bytes:
    """Strict JSON of the same structure, where a lenient parser would have taken `data`.

    Whole pairs of surrogates go as well: which are pairs cannot be told without parsing, and nobody reads them here.
    """
    text = data.decode(json.detect_encoding(data), "replace").encode()
    text = _SURROGATE.sub(rb"\\ufffd", text.translate(_CONTROLS_TO_SPACES))
    return _NOT_A_NUMBER.sub(b"null", text)


def _salvaged_struct(data: bytes | msgspec.Raw, struct: type[T]) -> T:
    raw = msgspec.json.decode(data, type=_raw_twin(struct))
    kept = {}
    for name, kind in _kinds(struct).items():
        with suppress(msgspec.ValidationError):
            kept[name] = _salvaged(getattr(raw, name), kind)
    return struct(**kept)


def _salvaged(raw: msgspec.Raw | msgspec.UnsetType, kind: Any) -> Any:
    """As `kind`, or what can be kept of an object that is ill-typed within. ValidationError where nothing can."""
    if raw is msgspec.UNSET:
        raise msgspec.ValidationError
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except msgspec.ValidationError:
        for option in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
            with suppress(msgspec.ValidationError):
                return _salvaged_parts(raw, option)
        raise


def _salvaged_parts(raw: msgspec.Raw, kind: Any) -> Any:
    """Of an object or a list, whose ill-typed elements count as empty ones."""
    if get_origin(kind) is list and _is_struct(element := get_args(kind)[0]):
        return [_salvaged_element(part, element) for part in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    if _is_struct(kind):
        return _salvaged_struct(raw, kind)
    raise msgspec.ValidationError


def _salvaged_element(raw: msgspec.Raw, struct: type[T]) -> T:
    try:
        return _salvaged_struct(raw, struct)
    except msgspec.ValidationError:
        return struct()


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _kinds(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


@cache
def _raw_twin(struct: type[msgspec.Struct]) -> type[Any]:
    """The struct with every value left unread, so that nothing but its own fields is ever built."""
    fields = [(name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for name in _kinds(struct)]
    return cast("type[Any]", msgspec.defstruct(f"{struct.__name__}Raw", fields))

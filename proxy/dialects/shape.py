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
from types import NoneType
from typing import Any, Generic, TypeVar, cast, get_args, get_origin

import msgspec

from proxy.errors import DialectError

T = TypeVar("T", bound=msgspec.Struct)

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
        inner = next((option for option in get_args(kind) if option is not NoneType), kind)
        if get_origin(inner) is list:
            parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
            return [_salvaged(part, get_args(inner)[0]) for part in parts]
        if issubclass(inner, msgspec.Struct):
            return _salvaged_struct(raw, inner)
        raise


@cache
def _kinds(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


@cache
def _raw_twin(struct: type[msgspec.Struct]) -> type[Any]:
    """The struct with every value left unread, so that nothing but its own fields is ever built."""
    fields = [(name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for name in _kinds(struct)]
    return cast("type[Any]", msgspec.defstruct(f"{struct.__name__}Raw", fields))

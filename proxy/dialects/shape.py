"""Owns the reading of JSON whose writer is not trusted to keep to its types. Knows no wire format.

A shape is a msgspec Struct, every field of which has a default. What the shape does not name is skipped without being
built. What is ill-typed is the default, unless it says the same in another type (`"8"` for 8, `1e3` for 1000). What
only lenient parsers take for JSON (lone surrogates, NaN, a byte order mark, UTF-16) is read as they would read it: no
request shall slip past its model's quota by being written oddly. Of duplicate keys the last one counts.

Whoever writes it decides neither how long the reading takes nor what it keeps: it is bounded by `MOST_VALUES` and
`MOST_SALVAGED`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property
from types import UnionType
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin

import msgspec

from proxy.dialects.json_text import has_more_values, strict
from proxy.errors import DialectError

T = TypeVar("T", bound=msgspec.Struct)
W = TypeVar("W", bound=msgspec.Struct)

ABSENT = msgspec.Raw()
"""The default of a field that is to be left unread."""

MOST_VALUES = 128 * 1024
"""In a text that is read for more than a few fields. The longest conversations have a tenth of it."""
MOST_SALVAGED = 512
"""Ill-typed elements of lists that are read for what is well-typed in them, 10 µs each: it is fifty times as much as
others take."""
LONGEST_MENDED = 8 * 1024 * 1024
"""Bytes of what only lenient parsers take for JSON, and costs 20 ms a MB to be made strict; a longer one is none."""

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
            return self._read_leniently(_Text(data), _Salvage())

    def read_with(self, wider: Shape[W], data: bytes, most: int = MOST_VALUES) -> tuple[T, W | None]:
        """What `read` gives, and what a wider shape of the same object (of all this one's fields) reads.

        One pass over what is well-typed. Nothing in the wider shape's own fields changes what `read` would give; it is
        None where there are more values than `most`, or too many ill-typed ones.
        """
        if has_more_values(data, most):
            return self.read(data), None
        try:
            found = wider._decode(data)
        except _MALFORMED:
            return self._read_with_leniently(wider, _Text(data))
        return cast(T, found), found

    def _read_with_leniently(self, wider: Shape[W], text: _Text) -> tuple[T, W | None]:
        salvage = _Salvage()
        with suppress(DialectError):
            found = wider._read_leniently(text, salvage)
            if not salvage.gave_up:
                return cast(T, found), found
        try:
            return self._decode(text.data), None
        except _MALFORMED:
            return self._read_leniently(text, _Salvage()), None

    def _read_leniently(self, text: _Text, salvage: _Salvage) -> T:
        with suppress(*_MALFORMED):
            return salvage.struct(text.data, self._struct)
        if len(text.data) > LONGEST_MENDED:
            raise DialectError("not a JSON object, and too long to be read leniently")
        try:
            return salvage.struct(text.strict, self._struct)
        except _MALFORMED as fault:
            raise DialectError(f"not a JSON object: {fault}") from None


class _Text:
    """A JSON text, and what strict one it is taken for: mended once, whichever shapes read it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def strict(self) -> bytes:
        return strict(self.data)


def is_present(raw: msgspec.Raw) -> bool:
    """Whether a field that is left unread is there, and not null."""
    return raw is not ABSENT and bytes(raw) != b"null"


class _Salvage:
    """Reads one text part by part, and says what can be kept of what is ill-typed."""

    __slots__ = ("_left", "gave_up")

    def __init__(self) -> None:
        self._left = MOST_SALVAGED
        self.gave_up = False
        """A list was left out, for the elements were too many."""

    def struct(self, data: bytes | msgspec.Raw, struct: type[T]) -> T:
        raw = msgspec.json.decode(data, type=_raw_twin(struct))
        kept = {}
        for name, kind in _kinds(struct).items():
            if (told := getattr(raw, name)) is not msgspec.UNSET:
                with suppress(msgspec.ValidationError):
                    kept[name] = self._value(told, kind)
        return struct(**kept)

    def _value(self, raw: msgspec.Raw, kind: Any) -> Any:
        """As `kind`, or what can be kept of it. ValidationError where nothing can."""
        try:
            return msgspec.json.decode(raw, type=kind, strict=False)
        except msgspec.ValidationError:
            for option in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
                with suppress(msgspec.ValidationError):
                    return self._parts(raw, option)
            raise

    def _parts(self, raw: msgspec.Raw, kind: Any) -> Any:
        """Of an object or a list, whose ill-typed elements count as empty ones."""
        if get_origin(kind) is list and _is_struct(element := get_args(kind)[0]):
            return self._elements(msgspec.json.decode(raw, type=list[msgspec.Raw]), element)
        if _is_struct(kind):
            return self.struct(raw, kind)
        raise msgspec.ValidationError

    def _elements(self, raw: list[msgspec.Raw], struct: type[T]) -> list[T]:
        decode = _lax(struct)
        found = []
        for part in raw:
            try:
                found.append(decode(part))
            except msgspec.ValidationError:
                if not self._left:
                    self.gave_up = True
                    raise
                self._left -= 1
                found.append(self._element(part, struct))
        return found

    def _element(self, raw: msgspec.Raw, struct: type[T]) -> T:
        try:
            return self.struct(raw, struct)
        except msgspec.ValidationError:
            return struct()


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _kinds(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


@cache
def _lax(struct: type[T]) -> Callable[[msgspec.Raw], T]:
    return msgspec.json.Decoder(struct, strict=False).decode


@cache
def _raw_twin(struct: type[msgspec.Struct]) -> type[Any]:
    """The struct with every value left unread, so that nothing but its own fields is ever built."""
    fields = [(name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for name in _kinds(struct)]
    spelling = {field.name: field.encode_name for field in msgspec.structs.fields(struct)}
    return cast("type[Any]", msgspec.defstruct(f"{struct.__name__}Raw", fields, rename=spelling))

"""Owns what is done to a JSON text as a whole, without parsing it: its values are counted, and what only lenient
parsers take is made strict.

In time that depends on the length alone, whatever the text: a few milliseconds per MB. Knows no shape.
"""

from __future__ import annotations

import json
import re

import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]
_BEFORE_VALUES = b" \t\r\n\0\xef\xbb\xbf\xfe\xff"
"""Blanks, byte order marks, and the empty bytes of wider characters."""
_MODEL = re.compile(rb"(?i)model|\\u00[46][4-f]|\\x[46][4-f]")
"""The name, or a letter of it as JSON or JSON5 escapes it."""
_CONTROLS_TO_SPACES = bytes(0x20 if byte < 0x20 else byte for byte in range(256))
_SURROGATE_LEAD = np.array([chr(byte) in "89abcdefABCDEF" for byte in range(256)])


def has_more_values(data: bytes, most: int) -> bool:
    """Whether a JSON text has more than so many values, or at least could be taken to have."""
    if len(data) <= most:
        return False
    array = np.frombuffer(data, np.uint8)
    # Most long texts are prose, of which a look at all commas tells enough: whatever else is opened is closed, too.
    if len(data) + int(np.count_nonzero(array == ord(","))) <= 2 * most:
        return False
    return _marks(array) > most and _marks(array[_outside_strings(data)]) > most


def may_be_object(start: bytes) -> bool:
    """Whether what begins so can be a JSON object, in any encoding that JSON is written in."""
    return start.lstrip(_BEFORE_VALUES)[:1] in (b"{", b"")


def first_object(data: bytes) -> bytes:
    """Where the object stands, in what is none as a whole, that another reader could find a member `model` in.

    That is the first line of what has an object a line, or is nested too deep, or has something behind it that Go does
    not look at; `{}` where no reader at all could find one, however spelt, and however wide its characters.
    """
    return data.partition(b"\n")[0] if _MODEL.search(data.replace(b"\0", b"")) else b"{}"


def count_strings(data: bytes) -> int:
    """In strict JSON, names of members included."""
    return _without_escaped(data).count(b'"') // 2


def count_lists(data: bytes) -> int:
    """In strict JSON, at any depth."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8)[_outside_strings(data)] == ord("[")))


def strict(data: bytes) -> bytes:
    """Strict JSON of the same structure, where a lenient parser would have taken `data`.

    Whole pairs of surrogates go as well, for nobody reads them here; and what is no number is an empty list, which no
    field wants and which is as long.
    """
    text = data.decode(json.detect_encoding(data), "replace").encode().translate(_CONTROLS_TO_SPACES)
    array = np.frombuffer(text, np.uint8).copy()
    if b"\\u" in text:
        _replace_surrogates(array, np.frombuffer(_without_escaped(text), np.uint8))
    if b"NaN" in text or b"Infinity" in text:
        _replace_no_numbers(array, text)
    return array.tobytes()


def _marks(array: _Bytes) -> int:
    """What stands before each value but the first, or opens one: a comma, a bracket, a brace."""
    return sum(int(np.count_nonzero(array == mark)) for mark in b",[{")


def _without_escaped(text: bytes) -> bytes:
    """As long, and without escaped backslashes and quotes."""
    if b"\\" not in text:
        return text
    return text.replace(b"\\\\", b"\0\0").replace(b'\\"', b"\0\0")


def _outside_strings(text: bytes) -> _Flags:
    quotes = np.frombuffer(_without_escaped(text), np.uint8) == ord('"')
    inside: _Bytes = np.bitwise_xor.accumulate(quotes.view(np.uint8))
    return np.equal(inside, 0)


def _replace_surrogates(array: _Bytes, unescaped: _Bytes) -> None:
    backslash, u, d, lead = _shifted(unescaped, 4, len("\\u0000"))
    found = (backslash == ord("\\")) & (u == ord("u")) & (d | 0x20 == ord("d")) & _SURROGATE_LEAD[lead]
    for place, byte in zip(_shifted(array, 6, 6)[2:], b"fffd", strict=True):
        np.putmask(place, found, byte)


def _replace_no_numbers(array: _Bytes, text: bytes) -> None:
    """Outside of strings an N begins a NaN, and an I an Infinity; else it is no JSON that anybody takes."""
    outside = _outside_strings(text)
    for word in filter(text.__contains__, (b"-NaN", b"NaN", b"-Infinity", b"Infinity")):
        places = _shifted(array, len(word), len(word))
        found = outside[: len(places[0])].copy()
        for place, byte in zip(places, word, strict=True):
            found &= place == byte
        for place, byte in zip(places, b"[]".ljust(len(word)), strict=True):
            np.putmask(place, found, byte)


def _shifted(array: _Bytes, count: int, width: int) -> list[_Bytes]:
    """The array from its first place on, its second and so on; as long as there is room for `width` behind each."""
    length = max(len(array) - width + 1, 0)
    return [array[start : start + length] for start in range(count)]

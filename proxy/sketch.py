"""Owns keyed hashes of text: of words, of runs of words, of anything exactly. Knows neither requests nor dialects.

A word is a run of letters. ASCII case, digits, punctuation and white space between words make no difference to any hash
of words, so a template is the same with other numbers in it. In scripts that are written without spaces each character
is a word. Hashes have 60 bits; without the key nobody can tell a text from them, or make a text for a hash.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

BITS = 60
WIDTH = 4
"""Words of a shingle."""
_SPARE = 8
"""Bytes of padding behind a text, so that what looks ahead needs no bounds."""
BETWEEN = b"\0\0\0\0x\0"
"""A word of its own that parts texts which are hashed at once: no look ahead from one meets the other."""
_FOLD = bytes(
    byte | 0x20 if 65 <= byte <= 90 else byte if 97 <= byte <= 122 or byte >= 128 else 0 for byte in range(256)
)
_ALONE = 8
"""Class of a character that is a word of its own; classes below it are separators of as many bytes."""


def _classes() -> Bytes:
    """What a UTF-8 sequence is, by its first two bytes as one number of this machine's byte order."""
    classes = np.zeros((256, 256), np.uint8)
    classes[0xC2, :] = 2  # Latin-1's punctuation
    classes[0xE2, :] = 3  # U+2000 to U+2FFF: general punctuation, arrows, symbols
    classes[0xF0, 0x9F] = 4  # emoji
    classes[0xE3:0xEE, 0x80:] = _ALONE  # kana, CJK, hangul
    for second in (0xB8, 0xB9, 0xBA, 0xBB):  # Thai, Lao
        classes[0xE0, second] = _ALONE
    for second in (0x80, 0x81, 0x82, 0x9E, 0x9F):  # Burmese, Khmer
        classes[0xE1, second] = _ALONE
    classes[0xE3, 0x80] = 3  # CJK punctuation
    classes[0xEF, 0xBC] = 3  # full-width punctuation and digits; its capitals are gone when a text is folded
    return (classes.T if sys.byteorder == "little" else classes).ravel()


_CLASSES = _classes()


@dataclass(slots=True)
class Words:
    """The words of a text in their order."""

    starts: Places
    """Where each begins, in bytes of the text."""
    hashes: Hashes
    """Of all 64 bits."""


class TextHash:
    """The hashes under one key. Pure but for its tables; `longest` is the longest text in bytes that it takes."""

    def __init__(self, key: bytes, longest: int) -> None:
        self._exact = blake2b(digest_size=8, key=blake2b(key, digest_size=32).digest(), person=b"stillgate-sketch")
        early, middle, root = (self.exact(b"weight %d" % number) << 1 | 1 for number in range(3))
        self._early, self._middle = constant(early), constant(middle)
        inverse = pow(root, -1, 2**64)
        self._powers = np.multiply.accumulate(np.full(longest + _SPARE + 1, root, np.uint64))
        self._inverses = np.multiply.accumulate(np.full(longest + _SPARE + 1, inverse, np.uint64))

    def exact(self, data: bytes) -> int:
        """The hash of these very bytes."""
        hasher = self._exact.copy()
        hasher.update(data)
        return int.from_bytes(hasher.digest()) >> (64 - BITS)

    def chain(self) -> Chain:
        """A hash that is fed piece by piece."""
        return Chain(self._exact.copy())

    def words(self, text: bytes) -> Words:
        """The words of a text in UTF-8, its case beyond ASCII folded already; other bytes count as letters."""
        folded = b"\0%b%b" % (text.translate(_FOLD), _PADDING)
        letters = np.frombuffer(folded, np.uint8)
        if text.isascii():
            begins = _begins(letters != _SEPARATOR)
        else:
            letters, begins = _split_beyond_ascii(letters)
        # What stands behind the last word begins a last, empty one, which is cut off again.
        begins[-1] = True
        starts = begins.nonzero()[0]
        # A polynomial over the bytes from each word's start: prefix sums once for all words, then shifted back.
        sums = _running_sum(self._powers[: len(folded)] * letters)[starts]
        starts = starts[:-1]
        hashes = sums[1:] - sums[:-1]
        hashes *= self._inverses[starts]
        return Words(starts, hashes)

    def pairs(self, words: Words) -> Hashes:
        """The hash of each two words in a row, by the first one."""
        hashes: Hashes = words.hashes[:-1] * self._early
        hashes += words.hashes[1:]
        return hashes

    def shingles(self, words: Words) -> Hashes:
        """The hash of every `WIDTH` words in a row, by the first one."""
        if len(words.hashes) < WIDTH:
            return _NONE
        pairs = self.pairs(words)
        hashes: Hashes = pairs[:-2] * self._middle
        hashes += pairs[2:]
        # The lowest bits of products are the weakest.
        hashes >>= _LOWEST
        return hashes

    def short(self, words: Words, start: int, end: int) -> int:
        """The hash of a text of two or three words, which is too short for a shingle."""
        return self.exact(b"short" + words.hashes[start:end].tobytes())


class Chain:
    """A hash of what was fed so far."""

    def __init__(self, hasher: blake2b) -> None:
        self._hasher = hasher

    def feed(self, data: bytes) -> None:
        self._hasher.update(data)

    def value(self) -> int:
        return int.from_bytes(self._hasher.digest()) >> (64 - BITS)


def smallest(hashes: Hashes, count: int) -> list[int]:
    """The `count` smallest distinct hashes, or all there are: what two texts have in common, both mostly choose."""
    size = len(hashes)
    near = hashes.copy() if size <= _FEW else hashes[hashes < 4 * count * (1 << BITS) // size]
    near.sort()
    found: list[int] = near[:count].tolist()
    if count < size and len(set(found)) < count:
        # A text that repeats itself must not fill the sample with one of its hashes; nor may chance leave it short.
        found = np.unique(hashes)[:count].tolist()
    return found


def constant(number: int, kind: type[np.uint64 | np.uint8] = np.uint64) -> npt.NDArray[Any]:
    """An operand: as an array without dimensions it spares numpy 0.2 µs each time that it would make one of it."""
    return np.array(number, kind)


def _begins(is_letter: Flags) -> Flags:
    """For each place but the first: whether a letter stands there and none before it."""
    begins: Flags = is_letter[1:] > is_letter[:-1]
    return begins


def _split_beyond_ascii(folded: Bytes) -> tuple[Bytes, Flags]:
    """The letters with separators beyond ASCII blanked, and where words begin."""
    letters = folded
    leads = (folded >= _FIRST_LEAD).nonzero()[0]
    # Each two bytes in a row as one number.
    couples = np.ndarray(len(folded) - 1, np.uint16, folded, 0, (1,))
    classes = _CLASSES.take(couples[leads])
    # No class, 0, is the highest once 1 is taken from it.
    separators = (classes - _ONE < _LAST_LENGTH).nonzero()[0]
    if len(separators):
        letters = folded.copy()
        places, lengths = leads[separators], classes[separators]
        letters[places] = letters[places + 1] = 0
        letters[places[lengths > 2] + 2] = 0
        letters[places[lengths > 3] + 3] = 0
    is_letter = letters != _SEPARATOR
    begins = _begins(is_letter)
    alone = (classes == _ALONE).nonzero()[0]
    if len(alone):
        before = leads[alone] - 1
        begins[before] = True
        before += 3
        begins[before] = is_letter[before + 1]
    return letters, begins


_PADDING = bytes(_SPARE)
_SEPARATOR, _FIRST_LEAD = constant(0, np.uint8), constant(0xC2, np.uint8)
_ONE, _LAST_LENGTH = constant(1, np.uint8), constant(_ALONE - 1, np.uint8)
_LOWEST = constant(64 - BITS)
_NONE: Hashes = np.empty(0, np.uint64)
_FEW = 256
"""Hashes up to which sorting them all is quickest."""
_running_sum = np.add.accumulate

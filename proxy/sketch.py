"""Owns keyed hashes of text: of words, of runs of words, of anything exactly. Knows neither requests nor dialects.

A word is a run of letters. ASCII case, digits, punctuation and white space between words make no difference to any hash
of words, so a template is the same with other numbers in it. In scripts that are written without spaces each character
is a word. Hashes have 60 bits; without the key nobody can tell a text from them, or make a text for a hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

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
_FOLD = bytes(
    byte | 0x20 if 65 <= byte <= 90 else byte if 97 <= byte <= 122 or byte >= 128 else 0 for byte in range(256)
)
_ALONE = 8
"""Class of a character that is a word of its own; classes below it are separators of as many bytes."""


def _classes() -> Bytes:
    """By the first two bytes of a UTF-8 sequence: what it is."""
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
    return classes


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
        weights = [self.exact(b"weight %d" % number) << 1 | 1 for number in range(3)]
        self._early, self._middle, root = (np.uint64(weight) for weight in weights)
        inverse = np.uint64(pow(int(root), -1, 2**64))
        self._powers = np.multiply.accumulate(np.full(longest + _SPARE + 1, root))
        self._inverses = np.multiply.accumulate(np.full(longest + _SPARE + 1, inverse))

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
        folded = b"\0" + text.translate(_FOLD) + bytes(_SPARE)
        letters = np.frombuffer(folded, np.uint8)
        if text.isascii():
            begins = _begins(letters)
        else:
            letters, begins = _split_beyond_ascii(letters)
        # What stands behind the last word begins a last, empty one, which is cut off again.
        begins[-1] = True
        starts = begins.nonzero()[0]
        # A polynomial over the bytes from each word's start: prefix sums once for all words, then shifted back.
        sums = np.add.accumulate(self._powers[: len(letters)] * letters)[starts]
        starts = starts[:-1]
        hashes = sums[1:] - sums[:-1]
        hashes *= self._inverses[starts]
        return Words(starts, hashes)

    def pairs(self, words: Words) -> Hashes:
        """The hash of each two words in a row, by the first one."""
        hashes = words.hashes[:-1] * self._early
        hashes += words.hashes[1:]
        return hashes

    def shingles(self, words: Words) -> Hashes:
        """The hash of every `WIDTH` words in a row, by the first one."""
        if len(words.hashes) < WIDTH:
            return _NONE
        pairs = self.pairs(words)
        hashes = pairs[:-2] * self._middle
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
    near = hashes.copy() if size <= _FEW else hashes[hashes < np.uint64(4 * count * (1 << BITS) // size)]
    near.sort()
    found: list[int] = near[:count].tolist()
    if len(set(found)) < count < size:
        # A text that repeats itself must not fill the sample with one of its hashes; nor may chance leave it short.
        found = np.unique(hashes)[:count].tolist()
    return found


def _begins(letters: Bytes) -> Flags:
    """For each place but the first: whether a letter stands there and none before it."""
    is_letter = letters != 0
    begins: Flags = is_letter[1:] > is_letter[:-1]
    return begins


def _split_beyond_ascii(folded: Bytes) -> tuple[Bytes, Flags]:
    """The letters with separators beyond ASCII blanked, and where words begin."""
    letters = folded.copy()
    leads = (folded >= 0xC2).nonzero()[0]
    classes = _CLASSES[folded[leads], folded[leads + 1]]
    # No class, 0, is the highest once 1 is taken from it.
    separates = (classes - _ONE) < _ALONE - 1
    if separates.any():
        places, lengths = leads[separates], classes[separates]
        letters[places] = letters[places + 1] = 0
        letters[places[lengths > 2] + 2] = 0
        letters[places[lengths > 3] + 3] = 0
    begins = _begins(letters)
    alone = leads[classes == _ALONE]
    begins[alone - 1] = True
    begins[alone + 2] = letters[alone + 3] != 0
    return letters, begins


_ONE = np.uint8(1)
_NONE: Hashes = np.empty(0, np.uint64)
_LOWEST = np.uint64(64 - BITS)
_FEW = 256
"""Hashes up to which sorting them all is quickest."""

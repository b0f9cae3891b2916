"""Owns the names of reasoning signatures: how a log calls them, and the ids under which both sides meet.

A request carries a signature as it was issued; a log names it by a hash. Knows no log and no request.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b, blake2s, md5, sha1, sha3_256, sha256, sha512
from typing import Any

from proxy.sketch import TextHash

MOST = 64
"""Signatures of one request or answer that are looked at: the last ones."""
_TELLING = 16
"""Hex digits of a hash that count, so that one that a log has cut short is the same."""
_HEX = re.compile(r"(?:[a-z0-9_]{2,10}[:=-])?([0-9a-f]{16,128})", re.IGNORECASE)
_DOMAIN = b"signature:"
_Hash = Callable[[bytes], Any]
_OFTEN_CUT: tuple[_Hash, ...] = (sha256, sha1, md5)  # noqa: S324 - somebody else's choice, not ours
_LIKELY: tuple[_Hash, ...] = (
    *_OFTEN_CUT,
    sha512,
    sha3_256,
    blake2s,
    *(partial(blake2b, digest_size=size) for size in (64, 32, 20, 16, 8)),
)


def name_of(signature: str) -> str:
    """What the exchange log of `serve` calls a signature: the SHA-256 of it in hex."""
    return sha256(signature.encode("utf-8", "surrogatepass")).hexdigest()


class SignatureIds:
    """Ids under one key.

    `foreign_names`: the log is another gateway's, which names signatures by a hash that nobody knows: all likely ones
    are tried, some 20 ids for each signature that a request carries.
    """

    def __init__(self, texts: TextHash, *, foreign_names: bool) -> None:
        self._texts = texts
        self._names_of: Callable[[str], Iterable[str]] = _likely_names if foreign_names else _own_name

    def carried(self, signatures: Iterable[str]) -> tuple[int, ...]:
        """Of signatures as a request carries them."""
        distinct = list(dict.fromkeys(signatures))[-MOST:]
        return tuple(dict.fromkeys([self._id(name) for one in distinct for name in self._names_of(one)]))

    def issued(self, names: Iterable[str | int]) -> tuple[int, ...]:
        """Of signatures as an answer's log names them; what is an id already stays."""
        distinct = list(dict.fromkeys(names))[-MOST:]
        return tuple(name if isinstance(name, int) else self._id(name) for name in distinct)

    def _id(self, name: str) -> int:
        cut = _HEX.fullmatch(name)
        told = cut[1][:_TELLING].lower() if cut else name.rstrip("=")
        return self._texts.exact(_DOMAIN + told.encode("utf-8", "surrogatepass"))


def _own_name(signature: str) -> tuple[str]:
    return (name_of(signature),)


def _likely_names(signature: str) -> Iterator[str]:
    yield signature
    data = signature.encode("utf-8", "surrogatepass")
    for hashed in _LIKELY:
        yield hashed(data).hexdigest()
    for hashed in _OFTEN_CUT:
        digest = hashed(data).hexdigest()
        yield from (digest[:length] for length in (8, 10, 12))
    digest = sha256(data).digest()
    yield b64encode(digest).decode()
    yield b64encode(digest, b"-_").decode()

"""Owns the decoding of what is compressed and read beside its relay, both ways. Knows no HTTP and no wire format."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

READABLE = ("gzip", "deflate")
"""What a peer is told that it may encode with."""
LARGEST_STEP = 16 * 1024 * 1024
"""Bytes that one chunk may grow to: 64 KiB of honest text never does, a bomb does at once."""
MOST_TIMES = 64
"""That what is decoded is longer than what came, of more than `ALWAYS`: honest JSON is ten times, or thirty."""
ALWAYS = 2 * 1024 * 1024
MOST_MEMBERS = 4096
"""Of one gzip file. Whoever packs in parallel makes one of 64 KiB; an empty one costs 20 bytes and 2 µs."""

_GZIP = zlib.MAX_WBITS | 16
_RAW_DEFLATE = -zlib.MAX_WBITS


class ContentDecoder(Protocol):
    """Decodes one body. Never raises: from the first fault on, nothing more comes out."""

    def feed(self, chunk: bytes) -> bytes:
        """What `chunk` adds to what is decoded."""


def decoder(encoding: str) -> ContentDecoder | None:
    """For a `content-encoding`; None where it is unknown, or more than one."""
    kind = _DECODERS.get(encoding.strip().lower())
    return None if kind is None else kind()


def is_known(encoding: str) -> bool:
    """Whether there is a decoder for it."""
    return encoding.strip().lower() in _DECODERS


def is_bomb(encoded: int, decoded: int) -> bool:
    """Whether nobody means so few bytes to become so many: to read them costs a thousand times what it does to send."""
    return decoded > ALWAYS and decoded > MOST_TIMES * encoded


class IdentityDecoder:
    """What is not encoded."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk


class GzipDecoder:
    """RFC 1952, of one member or several."""

    def __init__(self, largest_step: int = LARGEST_STEP) -> None:
        self._largest_step = largest_step
        self._inflate = zlib.decompressobj(_GZIP)
        self._members = 1
        self._failed = False

    def feed(self, chunk: bytes) -> bytes:
        decoded = bytearray()
        while chunk and not self._failed:
            if self._inflate.eof:
                self._members += 1
                if self._members > MOST_MEMBERS:
                    self._failed = True
                    break
                self._inflate = zlib.decompressobj(_GZIP)
            try:
                decoded += self._inflate.decompress(chunk, self._largest_step + 1)
            except zlib.error:
                self._failed = True
            if len(decoded) > self._largest_step:
                self._failed = True
                return b""
            chunk = self._inflate.unused_data
        return bytes(decoded)


class DeflateDecoder:
    """`deflate`, which RFC 9110 means as zlib (RFC 1950) and some servers send bare (RFC 1951)."""

    def __init__(self, largest_step: int = LARGEST_STEP) -> None:
        self._largest_step = largest_step
        self._start = b""
        self._inflate = zlib.decompressobj()
        self._started = False
        self._failed = False

    def feed(self, chunk: bytes) -> bytes:
        if self._failed or not chunk or self._inflate.eof:  # zlib would keep all that stands behind the end
            return b""
        if not self._started:
            self._start += chunk
            if len(self._start) < 2:
                return b""
            chunk = self._start
            self._started = True
            if not _is_zlib(chunk):
                self._inflate = zlib.decompressobj(_RAW_DEFLATE)
        try:
            decoded = self._inflate.decompress(chunk, self._largest_step + 1)
        except zlib.error:
            decoded = b""
            self._failed = True
        if len(decoded) > self._largest_step:
            self._failed = True
            return b""
        return decoded


def _is_zlib(start: bytes) -> bool:
    return start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0


_DECODERS: dict[str, Callable[[], ContentDecoder]] = {
    "gzip": GzipDecoder,
    "x-gzip": GzipDecoder,
    "deflate": DeflateDecoder,
    "": IdentityDecoder,
    "identity": IdentityDecoder,
}

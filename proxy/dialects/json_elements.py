"""Owns the framing of JSON that comes in pieces: a list's elements one by one, or the one object by itself. Reads none.

However the text is cut into chunks, the elements are the same. What is no JSON gives elements that are none either, or
nothing; it is for whoever reads them to tell.
"""

from __future__ import annotations

import re

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_BEFORE_VALUES = b" \t\r\n\xef\xbb\xbf"
"""Blanks, and a byte order mark."""


class JsonElements:
    """Incremental parser of one text. An element that grows beyond `largest` ends the parsing."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._pending = bytearray()
        self._list_depth = -1
        """How deep elements are; -1 before the text has begun."""
        self._depth = 0
        self._open = False
        self._in_string = False
        self._escaped = False
        self._is_lost = False
        self.is_whole = False
        """The text has come to its end."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The objects and lists that `chunk` completes."""
        if self._list_depth < 0 and not self._begins(chunk):
            return []
        found: list[bytes] = []
        start = at = 0
        while not (self.is_whole or self._is_lost) and (mark := self._next_mark(chunk, at)) is not None:
            at = mark.end()
            if mark[0] in (b"{", b"["):
                if self._depth == self._list_depth:
                    self._open, start = True, mark.start()
                self._depth += 1
                continue
            self._depth -= 1
            if self._open and self._depth == self._list_depth:
                self._take(chunk[start:at])
                if not self._is_lost:
                    found.append(bytes(self._pending))
                self._pending.clear()
                self._open = False
            self.is_whole = self._depth <= 0
        if self._open:
            self._take(chunk[start:])
        return found

    def _begins(self, chunk: bytes) -> bool:
        """Whether the text has begun with `chunk` as one that has elements."""
        first = chunk.lstrip(_BEFORE_VALUES)[:1]
        if first in (b"{", b"["):
            self._list_depth = 1 if first == b"[" else 0
        elif first:
            self._is_lost = True
        return self._list_depth >= 0

    def _take(self, part: bytes) -> None:
        """Of the element under way."""
        self._pending += part
        if len(self._pending) > self._largest:
            self._is_lost = True
            self._pending.clear()

    def _next_mark(self, chunk: bytes, at: int) -> re.Match[bytes] | None:
        """The first bracket from `at` on that is in no string."""
        while True:
            if self._escaped and at < len(chunk):
                self._escaped = False
                at += 1
            mark = (_INSIDE if self._in_string else _OUTSIDE).search(chunk, at)
            if mark is None:
                return None
            if mark[0] == b'"':
                self._in_string = not self._in_string
            elif self._in_string:
                self._escaped = True
            else:
                return mark
            at = mark.end()

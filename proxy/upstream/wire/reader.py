"""Owns the reading of answers from bytes, one after the other on one connection. Sans-I/O: no socket and no clock.

llhttp decides what HTTP is, in its strict mode: no folded lines, no bare line feeds, no two framings of one body.
Beyond that nothing passes here that the proxy could not pass on, and nothing that grows without end.
"""

from __future__ import annotations

import re
from operator import add

from httptools import HttpParserError, HttpResponseParser
from msgspec import Struct

from proxy.identity.header_names import HeadTable, paired, places_of

MOST_HEAD_BYTES = 2**16
"""Of a head with the interim ones before it; also of what is no body between two pieces of one (trailers, say)."""
MOST_LINE_BYTES = 2**15
MOST_FIELDS = 256
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class AnswerReader:
    """Reads the answers of one connection; `expect` before each, then `feed`, `eof` at the connection's end.

    `status` is 0 until a final head is whole. `pieces` is what came of the body since it was last emptied. `ended`:
    the answer is whole; `fault`: it never will be, and why. Neither can be undone by later bytes.
    """

    __slots__ = (
        "_bodiless",
        "_excess",
        "_fed_bytes",
        "_framed",
        "_keep_alive",
        "_names",
        "_parser",
        "_reason",
        "_values",
        "ended",
        "fault",
        "headers",
        "pieces",
        "status",
    )

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.headers = paired((), ())
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._parser: HttpResponseParser | None = None
        self._bodiless = False
        self.expect(bodiless=False)

    def expect(self, *, bodiless: bool) -> None:
        """From now on the next answer. `bodiless`: it is one to HEAD."""
        if self._parser is None or self._bodiless:
            # llhttp would still wait for the body that an answer to HEAD tells of.
            self._parser = HttpResponseParser(self)
        self._bodiless = bodiless
        self.status = 0
        self.fault = ""
        self.ended = self._keep_alive = self._excess = self._framed = False
        self._reason = b""
        self._fed_bytes = 0

    @property
    def reason(self) -> str:
        return self._reason.decode("utf-8", "replace")

    @property
    def reusable(self) -> bool:
        """Whether another answer may follow on this connection: the last one said so, and was followed by nothing."""
        return self.ended and self._keep_alive and not self._excess

    def feed(self, data: bytes | memoryview) -> None:
        """Reads on, and keeps nothing of `data` but copies."""
        assert self._parser is not None
        self._fed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as fault:
            self._excess = True
            if not self.ended and not self.fault:
                self.fault = str(fault)  # llhttp's own words, none of the answer's
        if self.pieces:
            self._fed_bytes = 0
            if self._bodiless:
                self._excess = True
                self.pieces.clear()
        elif self._fed_bytes > MOST_HEAD_BYTES and not self.ended and not self.fault:
            self.fault = "a head, or what stands between two pieces of a body, that is too long"

    def eof(self) -> None:
        """No byte will follow: the end of a body that nothing else delimits, of any other a fault."""
        if self.ended or self.fault:
            return
        if self.status and not self._framed:
            self.ended = True
        else:
            self.fault = "the connection ended " + ("within the body" if self.status else "within the head")

    def close(self) -> None:
        """Reads no more. Parser and reader know each other; this leaves no cycle for the garbage collector."""
        self._parser = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.ended:
            self._refuse("more than one answer")  # lest this one's head becomes the last one's
        self._names.clear()
        self._values.clear()
        self._reason = b""

    def on_status(self, part: bytes) -> None:
        self._reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of a head, which `on_headers_complete` looks at; or of the trailers, which end here."""
        self._names.append(name)
        self._values.append(value)

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return  # an interim one
        if status < 200 or _CONTROL.search(self._reason):
            self._refuse(f"an answer of status {status} that cannot be passed on")
        self._check_sizes()
        head = _HEADS[tuple(self._names)]
        self._find_framing(head)
        # llhttp leaves the blanks behind a value where they are.
        values = [value.rstrip(b" \t").decode("utf-8", "replace") for value in self._values]
        self.headers = paired(head.names, values)
        self.status = status
        if self._bodiless:
            self.ended = True

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.status:
            self.ended = True

    def _check_sizes(self) -> None:
        too_long = len(self._names) > MOST_FIELDS
        if self._fed_bytes > MOST_LINE_BYTES:
            sizes = [*map(add, map(len, self._names), map(len, self._values))]
            too_long = too_long or max(sizes, default=0) > MOST_LINE_BYTES or sum(sizes) > MOST_HEAD_BYTES
        if too_long:
            self._refuse("a head with too many lines, or too long ones")
        self._fed_bytes = 0

    def _find_framing(self, head: _Head) -> None:
        assert self._parser is not None
        codings = [self._values[place].strip().lower() for place in head.codings]
        if codings and codings != [b"chunked"]:
            self._refuse("a transfer coding other than chunked")
        self._framed = head.is_sized or bool(codings)
        # After an answer to HEAD, a last chunk that is wrongly sent could not be told from the next answer's bytes.
        self._keep_alive = self._parser.should_keep_alive() and not (self._bodiless and codings)

    def _refuse(self, fault: str) -> None:
        """Stops the parser, whatever it has still to read."""
        if not self.ended:
            self.fault = fault
        raise HttpParserError(fault)


class _Head(Struct, frozen=True):
    """What the names of a head tell."""

    names: tuple[str, ...]
    is_sized: bool
    codings: tuple[int, ...]
    """Where it says how the body is coded."""


def _head(raw_names: tuple[bytes, ...]) -> _Head:
    names = tuple([raw.decode("latin-1") for raw in raw_names])
    return _Head(names, bool(places_of(names, "content-length")), places_of(names, "transfer-encoding"))


_HEADS = HeadTable(_head)

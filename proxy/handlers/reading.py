"""Owns the reading of requests from the bytes of one connection, in llhttp's strict mode. Knows no socket and no clock.

What is bounded is bounded here: a head, its lines and their number, and what stands between the pieces of a body.
Bodies are bounded by whoever reads them.
"""

from __future__ import annotations

from operator import add
from typing import Protocol

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from proxy.handlers.body import RequestBody, Source
from proxy.handlers.request import MAX_HEAD_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MalformedError, Request

MOST_BETWEEN_BYTES = MAX_HEAD_BYTES
"""Of what is no body between two pieces of one, or behind the last: the extensions of a chunk, trailers."""


class Taker(Source, Protocol):
    """Who is told of requests, and is the source of their bodies."""

    def take(self, request: Request | MalformedError) -> None:
        """The head of the next request has come, or else what is wrong with it, and that is the last.

        MalformedError where a request is one too many.
        """

    def head_begun(self) -> None:
        """Some of the next head has come, and not all of it; told once."""

    def whole(self, request: Request) -> None:
        """All of it has come."""

    def broken(self) -> None:
        """The body that is being received will not be whole."""


class RequestReader:
    """Reads the requests of one connection. `peer_ip`: of the client."""

    __slots__ = (
        "_between_bytes",
        "_is_behind",
        "_is_done",
        "_line_bytes",
        "_names",
        "_parser",
        "_peer_ip",
        "_read_bytes",
        "_receiving",
        "_spans_reads",
        "_taker",
        "_target",
        "_values",
        "in_head",
    )

    def __init__(self, taker: Taker, peer_ip: str) -> None:
        self._taker = taker
        self._peer_ip = peer_ip
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self.in_head = False
        """A head has begun to come and is not whole."""
        self._is_done = self._spans_reads = self._is_behind = False
        self._target = b""
        self._names: list[bytes] = []
        self._values: list[bytes] = []
        self._read_bytes = self._line_bytes = self._between_bytes = 0
        self._receiving: Request | None = None

    def feed(self, data: bytes) -> None:
        """Reads on; what comes behind the last request is passed over."""
        if self._is_done or self._parser is None:
            return
        self._read_bytes = len(data)
        self._is_behind = self._receiving is not None
        self._between_bytes += len(data)
        try:
            self._parser.feed_data(data)
            if self.in_head:
                self._bound(data)
            elif self._between_bytes > MOST_BETWEEN_BYTES and self._receiving is not None:
                raise MalformedError
        except HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except (HttpParserError, MalformedError) as fault:
            if not self._is_done:
                self._is_done = True
                self._refuse(fault)

    def close(self) -> None:
        """Reads no more. A parser and what it calls know each other; this leaves nothing for the garbage collector."""
        self._is_done = True
        self._parser = None
        if self._receiving is not None:
            self._receiving.body.fail()
            self._receiving = None

    # What the parser calls

    def on_message_begin(self) -> None:
        self.in_head = True
        self._spans_reads = False
        self._line_bytes = 0
        self._target = b""
        self._names, self._values = [], []

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # trailers are nobody's
            self._names.append(name)
            self._values.append(value)

    def on_headers_complete(self) -> None:
        self.in_head = False
        parser, names, values = self._parser, self._names, self._values
        assert parser is not None
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise MalformedError
        self._check_number()
        if self._spans_reads or self._read_bytes > MAX_HEADER_BYTES:
            self._check_lengths()
        is_1_1 = version == "1.1"
        request = Request(
            parser.get_method().decode(), self._target, is_1_1, parser.should_keep_alive(), names, values, self._peer_ip
        )
        self._names, self._values = [], []
        length = request.content_length()
        exists = length is not None or request.has("transfer-encoding")
        expects = is_1_1 and request.noted("expect").lower() == "100-continue"
        request.body = RequestBody(self._taker, exists=exists, length=length, expects=expects)
        if exists and parser.should_upgrade():
            request.keep_alive = False
        self._between_bytes = 0
        self._taker.take(request)
        self._receiving = request

    def on_body(self, piece: bytes) -> None:
        assert self._receiving is not None
        self._between_bytes = 0
        self._receiving.body.feed(piece)

    def on_message_complete(self) -> None:
        request, parser = self._receiving, self._parser
        assert request is not None
        assert parser is not None
        if parser.should_upgrade() and request.body.exists:
            return  # what llhttp takes for the end is none, see `_stay`
        self._receiving = None
        self._is_behind = True
        self._is_done = not request.keep_alive
        request.body.end()
        self._taker.whole(request)

    def _stay(self, rest: bytes) -> None:
        """Goes on in HTTP/1.1 after a request that offers another protocol (RFC 9110, 7.8); `rest` is behind its head.

        llhttp leaves the body to the other protocol. It is made to read it behind a head that says no more than how
        long it is, and the connection ends with this request.
        """
        if self._receiving is not None:
            length = self._receiving.body.length
            framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
            self._parser = HttpRequestParser(_RestOfRequest(self))
            rest = f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode() + rest
        self.feed(rest)

    def _bound(self, data: bytes) -> None:
        """Counts what has come of a line that is not whole yet."""
        if not self._spans_reads:
            self._spans_reads = True
            self._taker.head_begun()
        newline = data.rfind(b"\n")
        begun = self._line_bytes if newline < 0 else 0
        # What stands before a head in the same read may be a body, of which nobody knows where it ends.
        self._line_bytes = 0 if self._is_behind else len(data) - newline - 1 + begun
        self._check_number()
        self._check_lengths(self._line_bytes)

    def _check_number(self) -> None:
        if len(self._names) > MAX_HEADERS:
            raise MalformedError(431, f"There are more than {MAX_HEADERS} header fields.")

    def _check_lengths(self, begun: int = 0) -> None:
        """`begun`: bytes of the line that is not whole yet."""
        lines = [*map(add, map(len, self._names), map(len, self._values)), begun]
        if len(self._target) > MAX_HEADER_BYTES:
            raise MalformedError(414, f"The request target is longer than {MAX_HEADER_BYTES // 1024} KiB.")
        if max(lines) > MAX_HEADER_BYTES:
            raise MalformedError(431, f"A header line is longer than {MAX_HEADER_BYTES // 1024} KiB.")
        if len(self._target) + sum(lines) > MAX_HEAD_BYTES:
            raise MalformedError(431, f"The head of the request is longer than {MAX_HEAD_BYTES // 1024} KiB.")

    def _refuse(self, fault: Exception) -> None:
        """What came is no request, and whatever comes behind it cannot be told from it."""
        # The parser wraps what a callback of ours has raised.
        raised = fault.__context__ if isinstance(fault, HttpParserCallbackError) else fault
        if self._receiving is None:
            self._taker.take(raised if isinstance(raised, MalformedError) else MalformedError())
            return
        self._receiving.body.fail()
        self._receiving = None
        self._taker.broken()


class _RestOfRequest:
    """Hears of a body and its end, and nothing else."""

    def __init__(self, reader: RequestReader) -> None:
        self.on_body = reader.on_body
        self.on_message_complete = reader.on_message_complete

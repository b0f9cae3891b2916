"""Owns the form of answers: their head, the framing of their body, and how few writes they go out in.

Nothing is invented but `Date` where there is none, `Connection`, and the framing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from proxy.handlers.request import Request

_BODILESS = frozenset({204, 304})
_LARGE = 2**14
"""A larger piece goes to the socket as it is: to copy it behind its head would cost more than to pass two."""
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Sink(Protocol):
    """Where an answer goes."""

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Never waits. What it returns is to be awaited before more is written; None while the client keeps up.

        ConnectionError, also of the waiting, where the client is gone.
        """

    def write_all(self, parts: Sequence[bytes]) -> Awaitable[None] | None:
        """As `write` of what they are together, without putting them together."""


class Answer:
    """One answer. Its head leaves at once where more may be long in coming, else with the first bytes of the body."""

    __slots__ = ("_chunked", "_has_body", "_head", "_sink", "is_framed", "keep_alive")

    def __init__(  # noqa: PLR0913 - facts of one answer
        self,
        sink: Sink,
        request: Request,
        status: int,
        reason: str | None,
        headers: Sequence[tuple[str, str]],
        *,
        close: bool,
        now_us: int,
    ) -> None:
        """`close`: no further request is read. `now_us` for `Date`. ConnectionError where the client is gone."""
        self._sink = sink
        self._has_body = request.method != "HEAD" and status not in _BODILESS
        dated = sized = False
        text = ""
        for name, value in headers:
            size = len(name)
            if size == 4:
                dated = dated or name.lower() == "date"
            elif size == 14 and name.lower() == "content-length":
                if status == 204:
                    continue
                sized = True
            text += f"{name}: {value}\r\n"
        self._chunked = self._has_body and not sized and request.is_1_1
        self.is_framed = sized or self._chunked or not self._has_body
        """False: its end is that of the connection."""
        self.keep_alive = request.keep_alive and not close and self.is_framed
        """Whether another request may follow on the connection."""
        if self._chunked:
            text += "Transfer-Encoding: chunked\r\n"
        if not dated:
            text += f"Date: {_http_date(now_us // 1_000_000)}\r\n"
        if self.keep_alive is not request.is_1_1:
            text += "Connection: keep-alive\r\n" if self.keep_alive else "Connection: close\r\n"
        if reason is None:
            reason = _PHRASES.get(status, "")
        version = "HTTP/1.1" if request.is_1_1 else "HTTP/1.0"
        self._head = f"{version} {status} {reason}\r\n{text}\r\n".encode()
        if not sized:
            self._leave()

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Sends a piece of the body, unless such an answer has none; what it returns is awaited before the next."""
        sink = self._sink
        if not data or not self._has_body:
            return None
        if len(data) > _LARGE:
            frame = (b"%x\r\n" % len(data), data, b"\r\n") if self._chunked else (data,)
            head, self._head = self._head, b""
            return sink.write_all((head, *frame) if head else frame)
        if self._chunked:
            return sink.write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._head:
            head, self._head = self._head, b""
            return sink.write(head + data)
        return sink.write(data)

    def end(self) -> None:
        """The body is whole."""
        self._leave()
        if self._chunked:
            self._sink.write(b"0\r\n\r\n")

    def _leave(self) -> None:
        if self._head:
            self._sink.write(self._head)
            self._head = b""


@lru_cache(maxsize=16)
def _http_date(epoch_s: int) -> str:
    return formatdate(epoch_s, usegmt=True)

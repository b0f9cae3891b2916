"""Owns the bytes of a request's head, and how its body is framed. Pure.

Order, case and repetitions of the fields stay as they are given. What would be read as more than was meant is refused.
"""

from __future__ import annotations

from proxy.upstream.protocol import HeaderList, UpstreamRequest

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""May be sent again where nobody knows whether they arrived (RFC 9110, 9.2.2)."""
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Without a body, of any other method it is said that there is none."""


def request_head(request: UpstreamRequest, prefix: str) -> tuple[bytes, int | None]:
    """The head, up to its blank line, and how many bytes of body it announces; None: the body goes out chunked.

    `prefix` goes before the target. The framing is that of `request.headers`, or else is added. ValueError for a line
    break or a null byte in any part, for a blank in the target, and for a length that is not the body's.
    """
    start = f"{request.method} {request.target if request.target == '*' else prefix + request.target} HTTP/1.1"
    length, own = _length(request)
    lines = [start, *map(": ".join, request.headers), *own]
    head = "\r\n".join(lines)
    breaks = len(lines) - 1
    if start.count(" ") != 2 or head.count("\r") != breaks or head.count("\n") != breaks or "\0" in head:
        raise ValueError("a blank, a line break or a null byte where the head of a request cannot have one")
    return f"{head}\r\n\r\n".encode(), length


def chunk(data: bytes) -> bytes:
    """`data`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def _length(request: UpstreamRequest) -> tuple[int | None, tuple[str, ...]]:
    """The length of the body, and the line that has to be added, if any, to say how it is framed."""
    body, announced = request.body, _announced(request.headers)
    if body is not None and not isinstance(body, bytes):
        return (None, ("Transfer-Encoding: chunked",)) if announced is None else (int(announced), ())
    length = len(body) if body else 0
    if announced is None:
        tells = body is not None or request.method not in _BODILESS
        return length, (f"Content-Length: {length}",) if tells else ()
    if announced != str(length):
        raise ValueError("the length that a request announces is not that of its body")
    return length, ()


def _announced(headers: HeaderList) -> str | None:
    for name, value in reversed(headers):  # the proxy puts it last
        if len(name) == 14 and name.lower() == "content-length":
            return value
    return None

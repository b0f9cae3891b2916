"""Owns a request as its head tells it: line, headers and form, and what is refused for their form alone.

Knows no connection, no policy, no account and no upstream.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import repeat

from msgspec import Struct

from proxy.dialects.llm import Fault
from proxy.handlers.body import RequestBody, RequestError
from proxy.identity.header_names import Headers, HeadTable, paired

MAX_HEADER_BYTES = 32 * 1024
"""Of one header line, and of the request line."""
MAX_HEAD_BYTES = 64 * 1024
"""Of all of them together: whoever sends a head is known to nobody yet, and may send many at once."""
MAX_HEADERS = 128
_READ_HERE = frozenset({"transfer-encoding", "content-length", "content-type", "content-encoding", "expect"})
_ONCE = frozenset({"host", "user-agent", "content-location", "content-range", "etag", "max-forwards", "server"})
"""What two readers of one request might understand differently where it stands twice (with most of `_READ_HERE`)."""
_NOTED = _READ_HERE | _ONCE | {"anthropic-version"}
_MANY = frozenset({"expect", "anthropic-version"})


class MalformedError(Exception):
    """What is no HTTP request, or one that two servers might read differently, or a head beyond all bounds."""

    def __init__(self, status: int = 400, message: str = "This is not valid HTTP (RFC 9112).") -> None:
        """What the client is told. It holds nothing of what was sent, which may be a key."""
        super().__init__(message)
        self.status = status
        self.message = message


class Request:
    """The head of one request, and where its body comes from."""

    __slots__ = ("_noted", "_values", "body", "headers", "is_1_1", "keep_alive", "method", "peer_ip", "target")

    def __init__(
        self,
        method: str,
        target: bytes,
        is_1_1: bool,
        keep_alive: bool,
        raw_names: Sequence[bytes],
        raw_values: Sequence[bytes],
        peer_ip: str,
    ) -> None:
        """MalformedError for a head that is none, and for TRACE. Names and values in wire order."""
        if method == "TRACE":
            # An upstream that answers it sends back what it was sent, its operator's key included.
            raise MalformedError(501, "This proxy does not forward TRACE requests.")
        self.method = method
        self.is_1_1 = is_1_1
        """False: HTTP/1.0."""
        self.keep_alive = keep_alive
        """The client would ask again on this connection."""
        self.peer_ip = peer_ip
        self.body: RequestBody
        self.target = _target(method, target)
        self.headers: Headers | None = None
        """In wire order and case; None where a value is not UTF-8."""
        readable = True
        try:
            values = [*map(bytes.decode, raw_values)]
        except UnicodeDecodeError:
            readable = False
            raw_names, values = _decodable(raw_names, raw_values)
        head = _HEADS[tuple(raw_names)]
        if head.is_ambiguous or (is_1_1 and "host" not in head.noted):
            raise MalformedError
        # llhttp leaves the blanks behind a value where they are.
        self._values = [*map(str.rstrip, values, repeat(" \t"))]
        self._noted = head.noted
        if readable:
            self.headers = paired(head.names, self._values)

    def noted(self, name: str) -> str:
        """The value of a header that is read here, '' where there is none. `name` in lower case."""
        place = self._noted.get(name)
        return "" if place is None else self._values[place]

    def has(self, name: str) -> bool:
        return name in self._noted

    def content_length(self) -> int | None:
        return int(self.noted("content-length")) if self.has("content-length") else None


class _Head(Struct, frozen=True):
    """What the names of a head tell."""

    names: tuple[str, ...]
    noted: dict[str, int]
    """Where what is read here stands, first of all, by its name in lower case."""
    is_ambiguous: bool
    """Something stands twice that must not."""


def _head(raw_names: tuple[bytes, ...]) -> _Head:
    names = tuple([raw.decode("ascii") for raw in raw_names])  # llhttp lets nothing else through
    noted: dict[str, int] = {}
    is_ambiguous = False
    for place, name in enumerate(map(str.lower, names)):
        if name in _NOTED:
            is_ambiguous = is_ambiguous or (name in noted and name not in _MANY)
            noted.setdefault(name, place)
    return _Head(names, noted, is_ambiguous)


_HEADS = HeadTable(_head)


def _decodable(raw_names: Sequence[bytes], raw_values: Sequence[bytes]) -> tuple[list[bytes], list[str]]:
    """The headers whose values are UTF-8."""
    names, values = [], []
    for name, value in zip(raw_names, raw_values, strict=True):
        with suppress(UnicodeDecodeError):
            values.append(value.decode())
            names.append(name)
    return names, values


def _target(method: str, raw: bytes) -> str:
    """Path and query of a request target, which a client may also send in absolute form (RFC 9112, 3.2.2)."""
    try:
        target = raw.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedError from None
    if target.startswith("/") or method == "CONNECT" or (target == "*" and method == "OPTIONS"):
        return target
    rest = target.partition("://")[2]
    if not rest or rest[0] in "/?#":
        raise MalformedError
    query = rest.find("?")
    slash = rest.find("/", 0, None if query < 0 else query)
    if slash >= 0:
        return rest[slash:]
    return "/" if query < 0 else "/" + rest[query:]


def check_form(request: Request) -> Headers:
    """The headers of a request of sound form. RequestError for what two readers might understand differently.

    So for a value that is not UTF-8: bytes that are lost on the way upstream would make one key of many that are hashed
    as different.
    """
    if request.method == "CONNECT":
        raise RequestError(Fault.BAD_REQUEST, "This proxy does not open tunnels (CONNECT).")
    if "#" in request.target:
        raise RequestError(Fault.BAD_REQUEST, "The request target must not have a fragment.")
    coding = request.noted("transfer-encoding")
    if request.has("transfer-encoding") and (coding.lower() != "chunked" or not request.is_1_1):
        raise RequestError(Fault.BAD_REQUEST, "The only transfer coding accepted is 'chunked', in HTTP/1.1.")
    if request.headers is None:
        raise RequestError(Fault.BAD_REQUEST, "Header fields must be UTF-8.")
    return request.headers

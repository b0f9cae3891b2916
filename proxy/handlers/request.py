"""Owns a request as its head tells it: line, headers and form, and what is refused for their form alone.

Knows no connection, no policy, no account and no upstream.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.dialects.content_encoding import decoder
from proxy.dialects.llm import Fault
from proxy.handlers.body import RequestBody, RequestError
from proxy.identity.header_names import Spellings

MAX_HEADER_BYTES = 32 * 1024
"""Of one header line, and of the request line."""
MAX_HEADERS = 128
_READ_HERE = frozenset({"transfer-encoding", "content-length", "content-type", "content-encoding", "expect"})
_ONCE = frozenset({"host", "user-agent", "content-location", "content-range", "etag", "max-forwards", "server"})
"""What two readers of one request might understand differently where it stands twice (with most of `_READ_HERE`)."""
_NOTED = _READ_HERE | _ONCE | {"anthropic-version"}
_MANY = frozenset({"expect", "content-encoding", "anthropic-version"})


class MalformedError(Exception):
    """What is no HTTP request, or one that two servers might read differently."""


class Request:
    """The head of one request, and where its body comes from."""

    __slots__ = ("_noted", "body", "headers", "is_1_1", "keep_alive", "method", "peer_ip", "target")

    def __init__(
        self,
        method: str,
        target: bytes,
        is_1_1: bool,
        keep_alive: bool,
        raw_headers: Sequence[tuple[bytes, bytes]],
        peer_ip: str,
    ) -> None:
        """MalformedError for a head that is none."""
        self.method = method
        self.is_1_1 = is_1_1
        """False: HTTP/1.0."""
        self.keep_alive = keep_alive
        """The client would ask again on this connection."""
        self.peer_ip = peer_ip
        self.body: RequestBody
        self.target = _target(method, target)
        self._noted: dict[str, str] = {}
        self.headers: list[tuple[str, str]] | None = self._decoded(raw_headers)
        """Names and values in wire order and case; None where a value is not UTF-8."""
        if is_1_1 and "host" not in self._noted:
            raise MalformedError

    def noted(self, name: str) -> str:
        """The value of a header that is read here, '' where there is none. `name` in lower case."""
        return self._noted.get(name, "")

    def has(self, name: str) -> bool:
        return name in self._noted

    def content_length(self) -> int | None:
        length = self._noted.get("content-length")
        return None if length is None else int(length)

    def _decoded(self, raw_headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]] | None:
        noted, names = self._noted, _NAMES
        headers: list[tuple[str, str]] = []
        readable = True
        for raw_name, raw_value in raw_headers:
            name, lower = names[raw_name]
            try:
                value = raw_value.decode()
            except UnicodeDecodeError:
                readable = False
                continue
            if value and value[-1] in " \t":
                value = value.rstrip(" \t")
            headers.append((name, value))
            if lower:
                if lower in noted and lower not in _MANY:
                    raise MalformedError
                noted.setdefault(lower, value)
        return headers if readable else None


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


def check_form(request: Request) -> list[tuple[str, str]]:
    """The headers of a request of sound form. RequestError for what two readers might understand differently.

    So for a value that is not UTF-8: bytes that are lost on the way upstream would make one key of many that are hashed
    as different.
    """
    if request.method == "CONNECT":
        raise RequestError(Fault.BAD_REQUEST, "This proxy opens no tunnels.")
    if "#" in request.target:
        raise RequestError(Fault.BAD_REQUEST, "The request target must not have a fragment.")
    coding = request.noted("transfer-encoding")
    if request.has("transfer-encoding") and (coding.lower() != "chunked" or not request.is_1_1):
        raise RequestError(Fault.BAD_REQUEST, "Of the transfer codings only 'chunked' is understood, in HTTP/1.1.")
    if request.headers is None:
        raise RequestError(Fault.BAD_REQUEST, "Header fields must be UTF-8.")
    return request.headers


def decoded(body: bytes, encoding: str) -> bytes:
    """What a body says, for reading only; one in an unknown encoding, or one that is a bomb, says nothing readable."""
    if not encoding:
        return body
    reader = decoder(encoding)
    return body if reader is None else reader.feed(body)


def _named(raw: bytes) -> tuple[str, str]:
    """A header's name as text, and in lower case where it is noted, else ''."""
    name = raw.decode("ascii")  # llhttp lets nothing else through
    lower = name.lower()
    return name, lower if lower in _NOTED else ""


_NAMES = Spellings(_named)

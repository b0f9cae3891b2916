"""Owns which headers cross the proxy and which end at it (RFC 9110, 7.6). Pure.

Hop-by-hop fields and those that `Connection` names are dropped in both directions; every other field keeps its place,
its case and its repetitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from proxy.dialects.llm import Family
from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.header_names import NameTable
from proxy.upstream.protocol import HeaderList
from proxy.upstream.verdict_header import VERDICT_HEADER

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",  # never standardised, still sent by old clients
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_READABLE_ENCODINGS = ("gzip", "deflate", "identity")
_CREDENTIALS = frozenset({"authorization", "x-api-key"})
_ANSWERED_HERE = frozenset({"host", "content-length", "expect", VERDICT_HEADER})
_TRUSTED_ONLY = ATTRIBUTE_HEADERS | {"x-forwarded-for", "forwarded"}
LIMIT_PREFIXES = ("anthropic-ratelimit-", "x-ratelimit-")
_PASSES, _ENDS, _CONNECTION, _ACCEPTED, _HOP, _LIMIT, _LENGTH = range(7)


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How requests are changed: `authority` is the upstream's host, `upstream_key` takes the place of the client's.

    `verdict_key` signs what the upstream is told of verdicts; without one it is told nothing.
    """

    authority: str
    upstream_key: str = ""
    verdict_key: bytes = field(default=b"", repr=False)


def request_headers(  # noqa: PLR0913 - facts of one exchange, by keyword
    headers: HeaderList,
    forwarding: Forwarding,
    *,
    peer_ip: str,
    peer_trusted: bool,
    family: Family,
    body_length: int | None,
    unencoded: bool,
    charged_key: bool,
    verdict: str | None = None,
) -> list[tuple[str, str]]:
    """The headers to send upstream for what came from `peer_ip`. `body_length` None: no body, or one of unknown length.

    `unencoded`: the answer has to come uncompressed, because something is to be taken out of it. `charged_key`: the
    account is known by its credential, so no other one may pass. `verdict`: of `verdict_header.signed_verdict`.

    Attributes and forwarding headers of an untrusted peer are dropped, because the upstream may trust this proxy.
    """
    own_credential = bool(forwarding.upstream_key) or charged_key
    passing, hops, encodings = _sorted(headers, _IN_REQUEST[peer_trusted, own_credential])
    hops.append(peer_ip)
    sent = [("Host", forwarding.authority), *passing, ("X-Forwarded-For", ", ".join(hops)), ("Via", "1.1 stillgate")]
    if encodings:
        sent.append(("Accept-Encoding", "identity" if unencoded else _readable(", ".join(encodings))))
    if own_credential:
        sent += [_credential(family, forwarding.upstream_key)] if forwarding.upstream_key else _charged(headers)
    if verdict is not None:
        sent.append((VERDICT_HEADER, verdict))
    if body_length is not None:
        sent.append(("Content-Length", str(body_length)))
    return sent


def response_headers(
    headers: HeaderList, own: Sequence[tuple[str, str]], *, keep_limits: bool, keep_length: bool = True
) -> list[tuple[str, str]]:
    """The headers to send downstream: the upstream's without its hop's, with `own` limits in place of its own.

    `keep_limits`: the upstream's own rate-limit headers stand (its 429 or 529 must tell its own limits). `keep_length`
    False: the body will be shorter than the upstream says.
    """
    keep_limits = keep_limits or not own
    sent, connection = [], []
    for pair in headers:
        role = _IN_ANSWER[pair[0]]
        if role == _PASSES or (role == _LIMIT and keep_limits) or (role == _LENGTH and keep_length):
            sent.append(pair)
        elif role == _CONNECTION:
            connection.append(pair[1])
    if connection:
        sent = _unnamed(sent, connection)
    return sent if keep_limits else [*sent, *own]


def _sorted(headers: HeaderList, roles: NameTable[int]) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Those that pass; the hops so far; the encodings accepted."""
    passing, hops, encodings, connection = [], [], [], []
    for pair in headers:
        role = roles[pair[0]]
        if role == _PASSES:
            passing.append(pair)
        elif role == _ACCEPTED:
            encodings.append(pair[1])
        elif role == _HOP:
            hops.append(pair[1])
        elif role == _CONNECTION:
            connection.append(pair[1])
    return _unnamed(passing, connection) if connection else passing, hops, encodings


def _roles_in_request(*, peer_trusted: bool, own_credential: bool) -> NameTable[int]:
    ending = HOP_BY_HOP | _ANSWERED_HERE
    if not peer_trusted:
        ending |= _TRUSTED_ONLY
    if own_credential:
        ending |= _CREDENTIALS
    given = {"accept-encoding": _ACCEPTED, "connection": _CONNECTION}
    if peer_trusted:
        given["x-forwarded-for"] = _HOP
    return NameTable(lambda name: given.get(name, _ENDS if name in ending else _PASSES))


def _role_in_answer(name: str) -> int:
    if name == "content-length":
        return _LENGTH
    if name == "connection":
        return _CONNECTION
    if name.startswith(LIMIT_PREFIXES):
        return _LIMIT
    return _ENDS if name in HOP_BY_HOP else _PASSES


_IN_REQUEST = {
    (trusted, own): _roles_in_request(peer_trusted=trusted, own_credential=own)
    for trusted in (True, False)
    for own in (True, False)
}
"""By whether the peer is trusted, and whether the credential is the proxy's to choose."""
_IN_ANSWER = NameTable(_role_in_answer)


def _unnamed(headers: list[tuple[str, str]], connection: Iterable[str]) -> list[tuple[str, str]]:
    """Without those that `Connection` names."""
    named = {token.strip().lower() for value in connection for token in value.split(",")} - HOP_BY_HOP
    return [pair for pair in headers if pair[0].lower() not in named] if named else headers


@lru_cache(maxsize=256)
def _readable(accepted: str) -> str:
    """What the client accepts, less what cannot be metered beside the relay (br, zstd); 'identity' if that is all."""
    kept = [
        part
        for item in accepted.split(",")
        if (part := item.strip()).partition(";")[0].strip().lower() in _READABLE_ENCODINGS
    ]
    return ", ".join(kept) or "identity"


def _charged(headers: HeaderList) -> list[tuple[str, str]]:
    """The credential that names the account (see `identity.credentials`): the first x-api-key, else authorization."""
    found = {name: pair for pair in reversed(headers) if (name := pair[0].lower()) in _CREDENTIALS}
    key = found.get("x-api-key")
    if key is None or not key[1].strip():
        key = found.get("authorization")
    return [] if key is None else [key]


def _credential(family: Family, key: str) -> tuple[str, str]:
    return ("x-api-key", key) if family is Family.ANTHROPIC else ("Authorization", f"Bearer {key}")

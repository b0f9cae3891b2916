"""Owns which headers cross the proxy and which end at it (RFC 9110, 7.6). Pure.

Hop-by-hop fields and those that `Connection` names are dropped in both directions; every other field keeps its place,
its case and its repetitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy.dialects.llm import Family
from proxy.identity.attributes import ATTRIBUTE_HEADERS
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
    dropped = _dropped(headers, peer_trusted=peer_trusted, own_credential=own_credential)
    sent = [("Host", forwarding.authority)]
    hops = []
    encodings = []
    for name, value in headers:
        lower = name.lower()
        if lower == "accept-encoding":
            encodings.append(value)
        elif lower == "x-forwarded-for" and peer_trusted:
            hops.append(value)
        elif lower not in dropped:
            sent.append((name, value))
    sent.append(("X-Forwarded-For", ", ".join([*hops, peer_ip])))
    sent.append(("Via", "1.1 stillgate"))
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
    headers: HeaderList, own: Iterable[tuple[str, str]], *, keep_limits: bool, keep_length: bool = True
) -> list[tuple[str, str]]:
    """The headers to send downstream: the upstream's without its hop's, with `own` in place of those of the same name.

    `keep_limits`: the upstream's own rate-limit headers stand (its 429 or 529 must tell its own limits). `keep_length`
    False: the body will be shorter than the upstream says.
    """
    mine = [] if keep_limits else list(own)
    dropped = _named_by_connection(headers) | HOP_BY_HOP | {name.lower() for name, _ in mine}
    if not keep_length:
        dropped |= {"content-length"}
    if mine:
        return [
            (n, v) for n, v in headers if (low := n.lower()) not in dropped and not low.startswith(LIMIT_PREFIXES)
        ] + mine
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _dropped(headers: HeaderList, *, peer_trusted: bool, own_credential: bool) -> frozenset[str]:
    dropped = _named_by_connection(headers) | HOP_BY_HOP | _ANSWERED_HERE
    if not peer_trusted:
        dropped |= _TRUSTED_ONLY
    return dropped | _CREDENTIALS if own_credential else dropped


def _named_by_connection(headers: HeaderList) -> frozenset[str]:
    return frozenset(
        token.strip().lower() for name, value in headers if name.lower() == "connection" for token in value.split(",")
    )


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

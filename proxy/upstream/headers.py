"""Owns which headers and keys cross the proxy and which end at it (RFC 9110, 7.6). Pure.

Hop-by-hop fields and those that `Connection` names are dropped in both directions; every other field keeps its place,
its case and its repetitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from msgspec import Struct

from proxy.dialects.content_encoding import READABLE
from proxy.dialects.llm import Family
from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.credentials import (
    CREDENTIAL_HEADERS,
    credential_in,
    credential_of,
    key_in_url,
    without_url_keys,
)
from proxy.identity.header_names import HeadTable, names_of, picker, places_of
from proxy.identity.headers import sort_headers
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
_OF_THE_BODY = frozenset({"content-encoding", "content-type"})
"""Never of one hop, whatever `Connection` says: the upstream has to read the body as it was read here."""
_LONGEST_REMEMBERED = 256
_READABLE_ENCODINGS = (*READABLE, "identity")
_ANSWERED_HERE = frozenset({"host", "content-length", "expect"})
_TRUSTED_ONLY = ATTRIBUTE_HEADERS | {"forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
_TRUSTED_PREFIX = "x-forwarded-"
"""Who the client is, how and to which host it came: an edge's to say."""
_KEY_HEADERS = {Family.ANTHROPIC: "x-api-key", Family.OPENAI: "Authorization", Family.GOOGLE: "x-goog-api-key"}
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

    Attributes and forwarding headers of an untrusted peer are dropped, because the upstream may trust this proxy; also
    where they are written with underscores, which CGI and its heirs cannot tell from hyphens.
    """
    own_credential = bool(forwarding.upstream_key) or charged_key
    head = _REQUESTS[peer_trusted, own_credential][names_of(headers)]
    passing: Sequence[tuple[str, str]] = head.passing(headers)
    if head.connection:
        passing = _unnamed(passing, _values(headers, head.connection))
    hops = ", ".join([*_values(headers, head.hops), peer_ip]) if head.hops else peer_ip
    sent = [("Host", forwarding.authority), *passing, ("X-Forwarded-For", hops), ("Via", "1.1 stillgate")]
    if head.encodings:
        accepted = ", ".join(_values(headers, head.encodings))
        sent.append(("Accept-Encoding", "identity" if unencoded else _readable(accepted)))
    if own_credential:
        sent += [_credential(family, forwarding.upstream_key)] if forwarding.upstream_key else _charged(headers, head)
    if verdict is not None:
        sent.append((VERDICT_HEADER, verdict))
    if body_length is not None:
        sent.append(("Content-Length", str(body_length)))
    return sent


def request_target(target: str, headers: HeaderList, forwarding: Forwarding, family: Family, charged_key: bool) -> str:
    """The target to send upstream. As with headers, no key in its query passes beside the one that counts; but Google's
    APIs none takes one from there.
    """
    if family is not Family.GOOGLE or "?" not in target or not (forwarding.upstream_key or charged_key):
        return target
    counts = not forwarding.upstream_key and key_in_url(target) and not credential_of(sort_headers(headers).values)
    return target if counts else without_url_keys(target)


def response_headers(
    headers: HeaderList, own: Sequence[tuple[str, str]], *, keep_limits: bool, keep_length: bool = True
) -> list[tuple[str, str]]:
    """The headers to send downstream: the upstream's without its hop's, with `own` limits in place of its own.

    `keep_limits`: the upstream's own rate-limit headers stand (its 429 or 529 must tell its own limits). `keep_length`
    False: the body will be shorter than the upstream says.
    """
    keep_limits = keep_limits or not own
    head = _ANSWERS[keep_limits, keep_length][names_of(headers)]
    sent: Sequence[tuple[str, str]] = head.passing(headers)
    if head.connection:
        sent = _unnamed(sent, _values(headers, head.connection))
    return [*sent] if keep_limits else [*sent, *own]


class _Request(Struct, frozen=True):
    """Where in the head of a request what stands."""

    passing: Callable[[HeaderList], tuple[tuple[str, str], ...]]
    """Takes out what passes unless `Connection` names it."""
    connection: tuple[int, ...]
    hops: tuple[int, ...]
    encodings: tuple[int, ...]
    credentials: tuple[tuple[str, int], ...]
    """Where each of `CREDENTIAL_HEADERS` stands first, in their order."""


class _Answer(Struct, frozen=True):
    """The same of an answer."""

    passing: Callable[[HeaderList], tuple[tuple[str, str], ...]]
    connection: tuple[int, ...]


def _request_table(*, peer_trusted: bool, own_credential: bool) -> HeadTable[str, _Request]:
    ending = HOP_BY_HOP | _ANSWERED_HERE | {"accept-encoding", "x-forwarded-for"}
    others = {VERDICT_HEADER}
    if not peer_trusted:
        others |= _TRUSTED_ONLY
    if own_credential:
        others |= {*CREDENTIAL_HEADERS}

    def passes(name: str) -> bool:
        read_as = name.replace("_", "-")
        spoofs = read_as in others or (not peer_trusted and read_as.startswith(_TRUSTED_PREFIX))
        return name not in ending and not spoofs

    def sort(names: tuple[str, ...]) -> _Request:
        return _Request(
            _picker_where(passes, names),
            places_of(names, "connection"),
            places_of(names, "x-forwarded-for") if peer_trusted else (),
            places_of(names, "accept-encoding"),
            tuple([(name, place) for name in CREDENTIAL_HEADERS for place in places_of(names, name)[:1]]),
        )

    return HeadTable(sort)


def _answer_table(*, keep_limits: bool, keep_length: bool) -> HeadTable[str, _Answer]:
    ending = HOP_BY_HOP if keep_length else HOP_BY_HOP | {"content-length"}
    prefixes = () if keep_limits else LIMIT_PREFIXES

    def passes(name: str) -> bool:
        return name not in ending and not name.startswith(prefixes)

    return HeadTable(lambda names: _Answer(_picker_where(passes, names), places_of(names, "connection")))


def _picker_where(
    passes: Callable[[str], bool], names: tuple[str, ...]
) -> Callable[[HeaderList], tuple[tuple[str, str], ...]]:
    """Of the fields whose names pass, which are told in lower case."""
    return picker([place for place, name in enumerate(map(str.lower, names)) if passes(name)])


_REQUESTS = {
    (trusted, own): _request_table(peer_trusted=trusted, own_credential=own)
    for trusted in (True, False)
    for own in (True, False)
}
"""By whether the peer is trusted, and whether the credential is the proxy's to choose."""
_ANSWERS = {
    (limits, length): _answer_table(keep_limits=limits, keep_length=length)
    for limits in (True, False)
    for length in (True, False)
}
"""By whether the upstream's own limits stand, and whether its length does."""


def _values(headers: HeaderList, places: tuple[int, ...]) -> list[str]:
    return [headers[place][1] for place in places]


def _unnamed(headers: HeaderList, connection: Iterable[str]) -> HeaderList:
    """Without those that `Connection` names."""
    named = {token.strip().lower() for value in connection for token in value.split(",")} - HOP_BY_HOP - _OF_THE_BODY
    return [pair for pair in headers if pair[0].lower() not in named] if named else headers


def _readable(accepted: str) -> str:
    """What the client accepts, less what cannot be metered beside the relay (br, zstd); 'identity' if that is all."""
    return _remembered(accepted) if len(accepted) <= _LONGEST_REMEMBERED else _read_here(accepted)


def _read_here(accepted: str) -> str:
    kept = [
        part
        for item in accepted.split(",")
        if (part := item.strip()).partition(";")[0].strip().lower() in _READABLE_ENCODINGS
    ]
    return ", ".join(kept) or "identity"


_remembered = lru_cache(maxsize=256)(_read_here)


def _charged(headers: HeaderList, head: _Request) -> list[tuple[str, str]]:
    """The credential that names the account, see `identity.credentials`."""
    if len(head.credentials) == 1:
        return [headers[head.credentials[0][1]]]  # if there is no key in it, it does no harm
    for name, place in head.credentials:
        if credential_in(name, headers[place][1]):
            return [headers[place]]
    return []


def _credential(family: Family, key: str) -> tuple[str, str]:
    return _KEY_HEADERS[family], f"Bearer {key}" if family is Family.OPENAI else key

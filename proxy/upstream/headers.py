"""Owns the headers that are sent on, to the upstream and to the client, and the keys in them and in the target. Pure.

What `crossing` has end here and what `Connection` names are dropped, in both directions; every other field keeps its
place, its case and its repetitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from proxy.dialects.content_encoding import READABLE
from proxy.dialects.llm import Family
from proxy.identity.credentials import credential_in, credential_of, key_in_url, without_url_keys
from proxy.identity.header_names import names_of
from proxy.identity.headers import sort_headers
from proxy.upstream.crossing import HOP_BY_HOP, RequestHead, answer_table, request_table
from proxy.upstream.protocol import HeaderList
from proxy.upstream.verdict_header import VERDICT_HEADER

_OF_THE_BODY = frozenset({"content-encoding", "content-type"})
"""Never of one hop, whatever `Connection` says: the upstream has to read the body as it was read here."""
_VIA = ("Via", "1.1 stillgate")
_LONGEST_REMEMBERED = 256
_READABLE_ENCODINGS = (*READABLE, "identity")
_KEY_HEADERS = {Family.ANTHROPIC: "x-api-key", Family.OPENAI: "Authorization", Family.GOOGLE: "x-goog-api-key"}


class Forwarding:
    """How exchanges are changed on their way."""

    __slots__ = ("answers", "authority", "requests", "tells_addresses", "upstream_key", "verdict_key")

    def __init__(
        self,
        authority: str,
        upstream_key: str = "",
        verdict_key: bytes = b"",
        *,
        passes_attributes: bool = False,
        tells_addresses: bool = True,
    ) -> None:
        """`authority` is the upstream's host, `upstream_key` takes the place of the client's.

        `verdict_key` signs what the upstream is told of verdicts; without one it is told nothing. `passes_attributes`:
        it sees what a trusted peer tells of accounts; `tells_addresses`: and from which addresses a request came.
        """
        self.authority = authority
        self.upstream_key = upstream_key
        self.verdict_key = verdict_key
        self.tells_addresses = tells_addresses
        lends_key = bool(upstream_key)
        self.requests = {
            (trusted, charged): request_table(
                peer_trusted=trusted,
                own_credential=charged or lends_key,
                lends_key=lends_key,
                passes_attributes=passes_attributes,
                tells_addresses=tells_addresses,
            )
            for trusted in (True, False)
            for charged in (True, False)
        }
        """By whether the peer is trusted, and whether the account is known by its credential."""
        self.answers = {
            (limits, length): answer_table(keep_limits=limits, keep_length=length, lends_key=lends_key)
            for limits in (True, False)
            for length in (True, False)
        }
        """By whether the upstream's own limits stand, and whether its length does."""


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
    head = forwarding.requests[peer_trusted, charged_key][names_of(headers)]
    passing: Sequence[tuple[str, str]] = head.passing(headers)
    if head.connection:
        passing = _unnamed(passing, _values(headers, head.connection))
    sent = [("Host", forwarding.authority), *passing]
    if forwarding.tells_addresses:
        hops = ", ".join([*_values(headers, head.hops), peer_ip]) if head.hops else peer_ip
        sent.append(("X-Forwarded-For", hops))
    sent.append(_VIA)
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


def response_headers(  # noqa: PLR0913 - facts of one answer, by keyword
    headers: HeaderList,
    forwarding: Forwarding,
    *,
    limits: Sequence[tuple[str, str]],
    own_id: tuple[str, str],
    keep_limits: bool,
    keep_length: bool = True,
) -> list[tuple[str, str]]:
    """The headers to send downstream: the upstream's without its hop's, with our own `limits` in place of its own.

    `own_id`: what the client knows the answer by where the upstream has given it no id. `keep_limits`: the upstream's
    own rate-limit headers stand (its 429 or 529 must tell its own limits). `keep_length` False: the body will be
    shorter than the upstream says.
    """
    keep_limits = keep_limits or not limits
    head = forwarding.answers[keep_limits, keep_length][names_of(headers)]
    passing: Sequence[tuple[str, str]] = head.passing(headers)
    if head.connection:
        passing = _unnamed(passing, _values(headers, head.connection))
    sent = [*passing] if keep_limits else [*passing, *limits]
    if not head.has_id:
        sent.append(own_id)
    return sent


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


def _charged(headers: HeaderList, head: RequestHead) -> list[tuple[str, str]]:
    """The credential that names the account, see `identity.credentials`."""
    if len(head.credentials) == 1:
        return [headers[head.credentials[0][1]]]  # if there is no key in it, it does no harm
    for name, place in head.credentials:
        if credential_in(name, headers[place][1]):
            return [headers[place]]
    return []


def _credential(family: Family, key: str) -> tuple[str, str]:
    return _KEY_HEADERS[family], f"Bearer {key}" if family is Family.OPENAI else key

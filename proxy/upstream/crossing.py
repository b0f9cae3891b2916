"""Owns which header fields cross the proxy, by their names alone, and which end at it (RFC 9110, 7.6). Pure.

What one head's names say is worked out once for all heads that have them, see `identity.header_names`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.credentials import CREDENTIAL_HEADERS
from proxy.identity.header_names import HeadTable, picker, places_of
from proxy.upstream.answer_id import ID_HEADERS
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
_ANSWERED_HERE = frozenset({"host", "content-length", "expect"})
_ADDRESSES = frozenset(
    {
        "forwarded",
        "x-forwarded-for",
        "x-original-forwarded-for",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "x-azure-clientip",
        "x-azure-socketip",
        "true-client-ip",
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "fastly-client-ip",
        "fly-client-ip",
    }
)
"""Where edges say which address a request came from."""
_TRUSTED_ONLY = ATTRIBUTE_HEADERS | _ADDRESSES
_TRUSTED_PREFIX = "x-forwarded-"
"""Who the client is, how and to which host it came: an edge's to say."""
_ACCOUNT_PREFIX = "x-account-"
_QUALIFYING = frozenset({"openai-organization", "openai-project", "x-goog-user-project", "cookie"})
"""Whose budget and limits a credential is used under: with our own no client's to choose."""
_TELLING = frozenset({"openai-organization", "openai-project", "anthropic-organization-id", "set-cookie"})
"""Whose credential it was that an answer was given for."""
LIMIT_PREFIXES = ("anthropic-ratelimit-", "x-ratelimit-")


class RequestHead(Struct, frozen=True):
    """Where in the head of a request what stands."""

    passing: Callable[[HeaderList], tuple[tuple[str, str], ...]]
    """Takes out what passes unless `Connection` names it."""
    connection: tuple[int, ...]
    hops: tuple[int, ...]
    encodings: tuple[int, ...]
    credentials: tuple[tuple[str, int], ...]
    """Where each of `CREDENTIAL_HEADERS` stands first, in their order."""


class AnswerHead(Struct, frozen=True):
    """The same of an answer."""

    passing: Callable[[HeaderList], tuple[tuple[str, str], ...]]
    connection: tuple[int, ...]
    has_id: bool
    """The upstream has given it one."""


def request_table(
    *, peer_trusted: bool, own_credential: bool, lends_key: bool, passes_attributes: bool, tells_addresses: bool
) -> HeadTable[str, RequestHead]:
    """`own_credential`: which one goes up is the proxy's to choose; `lends_key`: it is the operator's."""
    ending = HOP_BY_HOP | _ANSWERED_HERE | {"accept-encoding", "x-forwarded-for"}
    others = {VERDICT_HEADER}
    prefixes: tuple[str, ...] = ()
    if not peer_trusted:
        others |= _TRUSTED_ONLY
        prefixes += (_TRUSTED_PREFIX,)
    if not passes_attributes:
        others |= ATTRIBUTE_HEADERS
        prefixes += (_ACCOUNT_PREFIX,)
    if not tells_addresses:
        others |= _ADDRESSES
    if own_credential:
        others |= {*CREDENTIAL_HEADERS}
    if lends_key:
        others |= _QUALIFYING

    def passes(name: str) -> bool:
        read_as = name.replace("_", "-")
        return name not in ending and read_as not in others and not read_as.startswith(prefixes)

    def sort(names: tuple[str, ...]) -> RequestHead:
        return RequestHead(
            _picker_where(passes, names),
            places_of(names, "connection"),
            places_of(names, "x-forwarded-for") if peer_trusted else (),
            places_of(names, "accept-encoding"),
            tuple([(name, place) for name in CREDENTIAL_HEADERS for place in places_of(names, name)[:1]]),
        )

    return HeadTable(sort)


def answer_table(*, keep_limits: bool, keep_length: bool, lends_key: bool) -> HeadTable[str, AnswerHead]:
    """`lends_key`: the credential that it was given for is the operator's."""
    ending = HOP_BY_HOP | (_TELLING if lends_key else frozenset())
    if not keep_length:
        ending |= {"content-length"}
    prefixes = () if keep_limits else LIMIT_PREFIXES

    def passes(name: str) -> bool:
        return name not in ending and not name.startswith(prefixes)

    def sort(names: tuple[str, ...]) -> AnswerHead:
        has_id = any(name.lower() in ID_HEADERS for name in names)
        return AnswerHead(_picker_where(passes, names), places_of(names, "connection"), has_id)

    return HeadTable(sort)


def _picker_where(
    passes: Callable[[str], bool], names: tuple[str, ...]
) -> Callable[[HeaderList], tuple[tuple[str, str], ...]]:
    """Of the fields whose names pass, which are told in lower case."""
    return picker([place for place, name in enumerate(map(str.lower, names)) if passes(name)])

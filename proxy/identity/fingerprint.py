"""Owns the fingerprint of the client software: header names in their order and case, product names, SDK and platform.

The same software gives the same fingerprint whatever it asks for, whoever runs it and whichever edge it came through;
so no value but a product's or a platform's name goes in, and no name of a header that an edge adds or one call varies.
The hash has no key: a fingerprint is not a secret, and deployments may compare theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b

PLATFORM_HEADERS = ("x-stainless-lang", "x-stainless-os", "x-stainless-runtime")
"""Names of language, system and runtime, as the official SDKs send them."""

UNMARKED_HEADERS = frozenset(
    {
        # hop by hop, RFC 9110 section 7.6.1
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # added by edges
        "via",
        "x-real-ip",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-request-id",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        # different from call to call of one program
        "content-length",
        "cookie",
        "idempotency-key",
        "traceparent",
        "tracestate",
        "x-stainless-helper-method",
        "x-stainless-read-timeout",
        "x-stainless-retry-count",
        "x-stainless-stream-helper",
        "x-stainless-timeout",
    }
)
"""In lower case; beside them the forwarding and the attribute headers leave no mark."""

_LANG, _OS, _RUNTIME = PLATFORM_HEADERS
_MOST_REMEMBERED_NAMES = 32
_LONGEST_REMEMBERED = 2048
"""Of all names together: they are the client's to make up."""
_MAX_USER_AGENT = 256
_MAX_PLATFORM = 32
_PARENTHESIS = re.compile(r"([()])")
_VERSION = re.compile(r"(?:^|/)v?[0-9][^/]*")


def fingerprint(names: tuple[str, ...], user_agent: str, values: Mapping[str, str]) -> str:
    """12 hex digits. `names` are those that leave a mark, in wire order and case; `values` holds PLATFORM_HEADERS."""
    get = values.get
    platform = (get(_LANG, "")[:_MAX_PLATFORM], get(_OS, "")[:_MAX_PLATFORM], get(_RUNTIME, "")[:_MAX_PLATFORM])
    if len(names) > _MOST_REMEMBERED_NAMES or sum(map(len, names)) > _LONGEST_REMEMBERED:
        return _hash(user_agent[:_MAX_USER_AGENT], platform, names)
    return _remembered(user_agent[:_MAX_USER_AGENT], platform, names)


def _hash(user_agent: str, platform: tuple[str, ...], names: Sequence[str]) -> str:
    marks = "\n".join((_products(user_agent), *platform, *names)).encode("utf-8", "surrogatepass")
    return blake2b(marks, digest_size=6, person=b"stillgate-client").hexdigest()


_remembered = lru_cache(maxsize=1024)(_hash)


@lru_cache(maxsize=1024)
def _products(user_agent: str) -> str:
    """`Anthropic/Python 0.84.0` gives `Anthropic/Python`, `curl/8.5.0 (x86)` gives `curl`."""
    words = (_VERSION.sub("", word) for word in _without_comments(user_agent).split())
    return " ".join(word for word in words if word)


def _without_comments(user_agent: str) -> str:
    """Comments nest, RFC 9110 section 5.6.5; one that is left open reaches to the end."""
    depth = 0
    kept = []
    for part in _PARENTHESIS.split(user_agent):
        if part == "(":
            depth += 1
        elif part == ")":
            depth = max(depth - 1, 0)
        elif depth == 0:
            kept.append(part)
    return " ".join(kept)

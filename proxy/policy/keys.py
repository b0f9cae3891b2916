"""Owns the names of buckets: how a principal's and a request's values become part of a key.

No text that a client makes can collide with another's or bloat the store: a value that is long, holds anything but
printable ASCII, or looks like what stands for absent or hashed values, is replaced by a hash of itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b

from proxy.admission.quota import Unit
from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.paths import plain_path
from proxy.policy.spec import Dimension

Part = Callable[[Principal, LlmRequest, str], str | None]
"""A dimension's part of a bucket's key, `|` and the value; None where the exchange has none and the quota stays out."""

ABSENT = "-"
"""Stands for a model or tier that is absent."""
_ABSENT_PART = "|" + ABSENT
_UNNAMED = frozenset({Unit.TOTAL_TOKENS, Unit.CONCURRENT})
_is_plain = re.compile(r"(?!h-|-\Z)[ -{}~]{0,64}").fullmatch


def bucket_of(quota_id: str, unit: Unit | None) -> str:
    """What the names of a quota's buckets begin with: another unit is another bucket, as 1,000 tokens are no requests.

    Total tokens, which most budgets are in, go without their name: so an update of stillgate from a version that named
    no unit gives nobody's budget back. Slots are kept apart from all else by the stores.
    """
    return quota_id if unit in _UNNAMED else f"{quota_id}:{unit}"


def part_of(value: str) -> str:
    """`|` and the value, or `|h-` and 24 hexadecimal digits of its hash."""
    if _is_plain(value):
        return "|" + value
    return "|h-" + blake2b(value.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _optional(value: str | None) -> str | None:
    return None if value is None else part_of(value)


PARTS: Mapping[Dimension, Part] = {
    Dimension.ACCOUNT: lambda principal, request, tier: part_of(principal.account),
    Dimension.ORG: lambda principal, request, tier: _optional(principal.org),
    Dimension.END_USER: lambda principal, request, tier: _optional(request.end_user),
    Dimension.NETWORK: lambda principal, request, tier: part_of(principal.network),
    Dimension.ADDRESS: lambda principal, request, tier: part_of(str(principal.address)),
    Dimension.ASN: lambda principal, request, tier: None if principal.asn is None else f"|{principal.asn}",
    Dimension.COUNTRY: lambda principal, request, tier: _optional(principal.country),
    Dimension.TIER: lambda principal, request, tier: "|" + tier,
    Dimension.MODEL: lambda principal, request, tier: _ABSENT_PART if request.model is None else part_of(request.model),
    Dimension.PATH: lambda principal, request, tier: part_of(plain_path(request.path)),
    Dimension.CLIENT: lambda principal, request, tier: part_of(principal.client),
}

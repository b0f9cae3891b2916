"""Owns the header that tells the upstream of a verdict on a request, so that a model server can respond by itself.

    x-stillgate-verdict: v=1;level=confirmed;campaign=c-0123456789ab;ts=1776816000;request=req_…;sig=<64 hex digits>

`level` is `suspected` or `confirmed`, `ts` the second of arrival since the Unix epoch, `request` the id that the
client is given too. `sig` is the HMAC-SHA256, under the key of `--verdict-key`, of all that stands before `;sig=`. To
check it:

    told, _, sig = value.rpartition(";sig=")
    genuine = hmac.compare_digest(sig, hmac.new(key, told.encode(), "sha256").hexdigest())

and then that `ts` is of the last minutes and `request` was not seen before. Whatever a client sends under this name
ends at the proxy, so that a request without the header is one without a verdict.
"""

from __future__ import annotations

import hmac

from proxy.verdict.snapshot import Match

VERDICT_HEADER = "x-stillgate-verdict"


def signed_verdict(key: bytes, match: Match, ts_us: int, request_id: str) -> str:
    """The header's value for a request that arrived at `ts_us`."""
    told = f"v=1;level={match.level};campaign={match.campaign};ts={ts_us // 1_000_000};request={request_id}"
    return f"{told};sig={hmac.new(key, told.encode(), 'sha256').hexdigest()}"

"""Owns what stillgate is measured against: two judges that need no detection, as others have them.

Both say what they refuse under scope `campaign`, so that they are scored like the pipeline.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.clock import US_PER_SECOND
from proxy.simulate.lines import Recorded
from proxy.simulate.traffic.engine import ALLOWED, Judged

PREAMBLE = 64
"""Characters."""
SHARERS = 5
"""Accounts that share a preamble before all of them are flagged."""
_FREE = (60, 60)
_TIERS = {"build": (500, 100), "scale": (4000, 500)}
"""Requests a minute and burst."""


class AccountBucket:
    """A bucket of requests for each account, as generous as the one of policies/strict.yaml, and nothing else."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, int]] = {}

    def judge(self, recorded: Recorded) -> Judged:
        account, tier = _who(recorded.headers)
        per_minute, capacity = _TIERS.get(tier, _FREE)
        rate = per_minute / 60 / US_PER_SECOND
        left, since_us = self._buckets.get(account, (float(capacity), recorded.ts_us))
        left = min(capacity, left + (recorded.ts_us - since_us) * rate)
        if left < 1:
            self._buckets[account] = (left, recorded.ts_us)
            return Judged("throttle", 429, (1 - left) / rate / US_PER_SECOND, "account-bucket", "campaign", "busy")
        self._buckets[account] = (left - 1, recorded.ts_us)
        return ALLOWED


class _Turn(msgspec.Struct, gc=False):
    role: str = ""
    content: Any = None


class _Prompt(msgspec.Struct, gc=False):
    system: Any = None
    messages: list[_Turn] = msgspec.field(default_factory=list)


class SharedPreamble:
    """Blocks whatever begins like the requests of `SHARERS` accounts: by the system prompt, else the first turn."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(_Prompt).decode
        self._sharers: dict[str, set[str] | None] = {}

    def judge(self, recorded: Recorded) -> Judged:
        preamble = self._preamble(recorded.body or b"{}")
        if not preamble:
            return ALLOWED
        sharers = self._sharers.setdefault(preamble, set())
        if sharers is not None:
            sharers.add(_who(recorded.headers)[0])
            if len(sharers) < SHARERS:
                return ALLOWED
            self._sharers[preamble] = None
        return Judged("block", 403, None, "shared-preamble", "campaign", preamble)

    def _preamble(self, body: bytes) -> str:
        try:
            prompt = self._decode(body)
        except msgspec.DecodeError:
            return ""
        text = _text(prompt.system)
        for turn in prompt.messages:
            if text:
                break
            text = _text(turn.content)
        return text[:PREAMBLE]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return next((str(part["text"]) for part in content if isinstance(part, dict) and "text" in part), "")
    return ""


def _who(headers: list[tuple[str, str]]) -> tuple[str, str]:
    """The account, by its id where it is passed and by its key elsewhere; its tier, '' where nobody says."""
    account = key = tier = ""
    for name, value in headers:
        if name == "x-account-id":
            account = value
        elif name == "x-account-tier":
            tier = value
        elif name in ("x-api-key", "authorization"):
            key = value
    return account or key, tier

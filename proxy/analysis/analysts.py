"""Owns where an analyser's analysts come from, and for how long their campaigns last, which the policy says.

The policy is read anew when it is told to, on SIGHUP; a bad one leaves the last good one's word in force.
"""

from __future__ import annotations

import asyncio
import logging

from proxy.clock import Clock
from proxy.policy.campaigns import expiry_of
from proxy.policy.reload import PolicySource, Refused
from proxy.policy.shipped import default_policy
from proxy.verdict.analyst import Analyst

log = logging.getLogger("stillgate.policy")


class PolicyAnalysts:
    """Analysts whose campaigns last as long as the policy says. PolicyError where it cannot be served."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._source = PolicySource(path or default_policy())
        self._clock = clock
        self._expires_after_us = expiry_of(self._source.load(clock.wall_us()))
        self._analyst: Analyst | None = None
        """The last one that was asked for: there is only one at a time."""
        self._reloading = asyncio.Lock()

    def begin(self) -> Analyst:
        self._analyst = Analyst(self._expires_after_us)
        return self._analyst

    def restored(self, state: bytes) -> Analyst:
        self._analyst = Analyst.restored(state, self._expires_after_us)
        return self._analyst

    async def reload(self) -> None:
        """Reads the policy again, and tells what came of it."""
        async with self._reloading:
            outcome = await asyncio.to_thread(self._source.reload, self._clock.wall_us())
        if isinstance(outcome, Refused):
            issues = [str(issue) for issue in outcome.issues]
            log.error("policy refused, the last good one stays", extra={"issues": issues})
            return
        self._expires_after_us = expiry_of(outcome.policy)
        if self._analyst is not None:
            self._analyst.expires_after_us = self._expires_after_us
        log.info("policy in force", extra={"policy": outcome.policy.name, "sha256": outcome.policy.sha256})

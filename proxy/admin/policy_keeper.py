"""Owns the policy of a running process: when it is read again, who is told, what metrics and log say of it.

How files become a policy is `policy`'s. Reloads come one after the other, so that the last to end has read last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from proxy.clock import Clock
from proxy.metrics.exchanges import Metrics
from proxy.policy.files import FileSign
from proxy.policy.match import Policy
from proxy.policy.reload import PolicySource, Reloaded

log = logging.getLogger("stillgate.policy")
_LARGE_BYTES = 256 * 1024
"""Of which nobody would see for a second or more that they are being read."""
_LENT_TO_ANYBODY = (
    "the upstream key serves whoever connects, and a made-up API key is a new account with quotas of its own: put an "
    "edge that authenticates before this proxy and name it, and nothing else, in the policy's trusted_proxies"
)


class PolicyKeeper:
    """Keeps the policy of `source`. `load` comes first."""

    def __init__(self, source: PolicySource, metrics: Metrics, clock: Clock, *, lends_key: bool = False) -> None:
        """`lends_key`: clients go upstream with the proxy's key, so somebody before it has to authenticate them."""
        self._source = source
        self._metrics = metrics
        self._clock = clock
        self._followers: list[Callable[[Policy], None]] = []
        self._reloading = asyncio.Lock()
        self._lends_key = lends_key
        self._shown: tuple[str, str] | None = None

    @property
    def current(self) -> Policy:
        """The policy in force."""
        return self._source.current

    def load(self) -> None:
        """The first policy. PolicyError where the files cannot be served."""
        before = self._source.signature()
        _tell_beginning(before)
        policy = self._source.load(self._clock.wall_us())
        loaded = self._source.signature()
        # What changed while it was first read is a change to the first look of `watch`.
        self._signature = loaded if set(before) <= set(loaded) else before
        self._tell()
        self._tell_change(policy)

    def follow(self, follower: Callable[[Policy], None]) -> None:
        """Tells `follower` of the policy in force, now and whenever another one takes over."""
        self._followers.append(follower)
        follower(self.current)

    async def reload(self) -> bool:
        """Reads the files again; False where the old policy stays because they cannot be served."""
        async with self._reloading:
            self._signature = await asyncio.to_thread(self._source.signature)
            _tell_beginning(self._signature)
            outcome = await asyncio.to_thread(self._source.reload, self._clock.wall_us())
            self._tell()
            if isinstance(outcome, Reloaded):
                self._tell_change(outcome.policy)
            return self._source.status.success

    async def watch(self, seconds: float) -> None:
        """For ever: looks every so many seconds whether the files have changed, and reloads."""
        while True:
            await asyncio.sleep(seconds)
            if await asyncio.to_thread(self._source.signature) != self._signature:
                await self.reload()

    def told(self) -> dict[str, Any]:
        """For /readyz."""
        policy, status = self.current, self._source.status
        return {
            "name": policy.name,
            "sha256": policy.sha256,
            "last_reload_successful": status.success,
            "issues": [str(issue) for issue in status.issues],
            "warnings": len(policy.warnings),
        }

    def _tell(self) -> None:
        metrics, told = self._metrics, self.told()
        accepted = told["last_reload_successful"]
        metrics.policy_reloads.labels("accepted" if accepted else "refused").inc()
        metrics.policy_reload_ok.set(int(accepted))
        if accepted:
            log.info("policy in force", extra={"policy": told["name"], "sha256": told["sha256"]})
        else:
            log.error("policy refused, the last good one stays", extra={"issues": told["issues"]})

    def _tell_change(self, policy: Policy) -> None:
        metrics = self._metrics
        self._show(policy.name, policy.sha256[:12])
        metrics.policy_loaded_at.set(self._source.status.loaded_at_us / 1e6)
        for kind, rules in (("quota", policy.quotas), ("access", policy.access)):
            metrics.policy_rules.labels(kind).set(len(rules))
        _start_at_zero(policy, metrics)
        for follower in self._followers:
            follower(policy)
        if policy.warnings:
            issues = [str(issue) for issue in policy.warnings]
            log.warning("policy in force has warnings", extra={"issues": issues})
        if self._lends_key and not policy.trusted_proxies.named:
            log.warning(_LENT_TO_ANYBODY)

    def _show(self, name: str, sha256: str) -> None:
        """The old policy's series goes to 0 and stays: what workers tell together cannot lose a series."""
        policy_info, old = self._metrics.policy_info, self._shown
        self._shown = (name, sha256)
        policy_info.labels(name, sha256).set(1)
        if old is not None and old != self._shown:
            policy_info.labels(*old).set(0)


def _tell_beginning(signature: tuple[FileSign, ...]) -> None:
    size = sum(file.size for file in signature)
    if size >= _LARGE_BYTES:
        log.info("reading a large policy", extra={"bytes": size})


def _start_at_zero(policy: Policy, metrics: Metrics) -> None:
    """Gives every rule its series before it refuses anybody, so that `rate()` sees the first refusal."""
    for quota in policy.quotas:
        mode = "shadow" if quota.shadow else "enforce"
        metrics.denials.labels(quota.id, quota.unit.value, quota.scope, mode)
        metrics.used_ratio.labels(quota.id)
    for rule in policy.access:
        if rule.denies:
            metrics.access_denials.labels(rule.id, "shadow" if rule.shadow else "enforce")

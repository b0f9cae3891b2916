"""Owns the verdicts that a test states: they are in force as if detection had found them, and nothing is detected."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detection import Noted
from proxy.simulate.policytest.language import VerdictSpec
from proxy.verdict.campaign import Campaign
from proxy.verdict.snapshot import NOBODY, Snapshot

_NEVER_US = 2**62


class StatedVerdicts:
    """A `Detection` whose verdicts a test's steps state."""

    reads_content = True
    sketches = False

    def __init__(self) -> None:
        self._snapshot = NOBODY

    def state(self, verdicts: Iterable[VerdictSpec]) -> None:
        """Puts these verdicts in force, and no other."""
        self._snapshot = Snapshot(map(_campaign, verdicts))

    def snapshot(self, now_us: int) -> Snapshot:
        return self._snapshot

    def note(self, noted: Noted) -> None:
        """Nobody draws conclusions from it."""


def _campaign(verdict: VerdictSpec) -> Campaign:
    members = tuple(account.turn(index) for account in verdict.accounts for index in range(account.count))
    return Campaign(
        id=verdict.id,
        level=verdict.level,
        score=0.0,
        first_us=0,
        detected_us=0,
        last_us=0,
        expires_us=_NEVER_US,
        accounts=len(members),
        members=members,
        whole=members,
    )

"""Owns what the pipeline sees of detection: verdicts to look up, and somebody to tell what happened."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from proxy.events.event import Event
from proxy.verdict.analyst import Analyst
from proxy.verdict.campaign import Campaign
from proxy.verdict.snapshot import NOBODY, Snapshot


class Detection(Protocol):
    """Detection as one process has it."""

    reads_content: bool
    """False: nobody looks at content, so no sketch need be made."""

    def snapshot(self, now_us: int) -> Snapshot:
        """The verdicts in force for an exchange that arrives at `now_us`."""

    def note(self, event: Event) -> None:
        """Takes in what happened; never waits, never fails."""


class NoDetection:
    """Where nobody detects."""

    reads_content = False

    def snapshot(self, now_us: int) -> Snapshot:
        return NOBODY

    def note(self, event: Event) -> None:
        """Forgets it."""


PERIOD_US = 1_000_000
"""How often verdicts are renewed."""


class LocalDetection:
    """The analyst in this process, on a fixed schedule of event time: the same in `serve` and in `replay`.

    Events wait until somebody drains them; at each full second all that came before it is judged, so that an exchange
    meets the verdicts of the last full second, never later ones.
    """

    reads_content = True

    def __init__(self, analyst: Analyst) -> None:
        self.analyst = analyst
        self._waiting: deque[Event] = deque()
        self._due_us = 0
        self._snapshot = NOBODY

    def snapshot(self, now_us: int) -> Snapshot:
        if now_us >= self._due_us:
            self._judge(now_us)
        return self._snapshot

    def note(self, event: Event) -> None:
        self._waiting.append(event)

    def drain(self, most: int) -> int:
        """Takes in up to `most` waiting events ahead of the schedule, which changes no verdict; how many still wait."""
        waiting, observe = self._waiting, self.analyst.observe
        for _ in range(min(most, len(waiting))):
            observe(waiting.popleft())
        return len(waiting)

    def renew(self) -> None:
        """Has an operator's word in force at once."""
        self._snapshot = Snapshot(self.analyst.verdicts())

    def campaigns(self, now_us: int) -> list[Campaign]:
        """Every campaign as it stands with all that has been noted."""
        self._judge(now_us)
        return self.analyst.campaigns()

    def _judge(self, now_us: int) -> None:
        self.drain(len(self._waiting))
        if self.analyst.judge(now_us - now_us % PERIOD_US):
            self.renew()
        self._due_us = now_us - now_us % PERIOD_US + PERIOD_US

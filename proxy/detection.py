"""Owns what the pipeline sees of detection: verdicts to look up, and somebody to tell what happened."""

from __future__ import annotations

from typing import Protocol

from proxy.events.event import Event
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

"""Owns the analyst that lives in a serving process: fed between requests, and no exchange suffers from its faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from proxy.admission.bucket import DAY_US
from proxy.detection import LocalDetection
from proxy.events.event import Event
from proxy.quiet import Reads, quiet
from proxy.verdict.analyst import Analyst
from proxy.verdict.campaign import Campaign

log = logging.getLogger("stillgate.detection")
FEED_SECONDS = 0.005
SLICE = 4
"""Events taken in without a pause, some 25 µs each; more only where many wait."""
_SHARE = 8
"""What part of those that wait is taken in at once then, lest they all are still there when the period is over."""


class ServingAnalyst(Analyst):
    """An analyst that fails nobody: an event or a judgement that it cannot digest is told of and passed over."""

    def __init__(self, expires_after_us: int = 7 * DAY_US) -> None:
        super().__init__(expires_after_us)
        self.observed = 0
        """Events taken in."""
        self.last_us = 0
        """The last one's moment."""
        self.faults = 0
        self._found: list[Campaign] = []
        self._seconds: Callable[[], float] = lambda: 0.0
        self._on_judged: Callable[[float], None] = lambda seconds: None

    def watch(self, seconds: Callable[[], float], on_judged: Callable[[float], None]) -> None:
        """Has `on_judged` told how long each judgement takes by the stopwatch `seconds`."""
        self._seconds, self._on_judged = seconds, on_judged

    def observe(self, event: Event) -> None:
        """Takes in one event."""
        self.observed += 1
        self.last_us = event.moment_us
        try:
            super().observe(event)
        except Exception as fault:
            self._failed(fault)

    def judging(self, now_us: int) -> Iterator[None]:
        """Weighs what has changed, as far as it can."""
        steps, took = super().judging(now_us), 0.0
        while True:
            began = self._seconds()
            try:
                next(steps)
            except StopIteration:
                break
            except Exception as fault:
                self._failed(fault)
                break
            finally:
                took += self._seconds() - began
            yield
        self._on_judged(took)

    def campaigns(self) -> list[Campaign]:
        """Every campaign as it stands, or as it last could be told."""
        return self._told_of(super().campaigns)

    def verdicts(self) -> list[Campaign]:
        """Every campaign as it was judged last, or as it last could be told."""
        return self._told_of(super().verdicts)

    def _told_of(self, found: Callable[[], list[Campaign]]) -> list[Campaign]:
        try:
            self._found = found()
        except Exception as fault:
            self._failed(fault)
        return self._found

    def _failed(self, fault: Exception) -> None:
        if not self.faults:
            log.error("the analyst failed; further faults are only counted", exc_info=fault)
        self.faults += 1


async def feed(detection: LocalDetection, on_fed: Callable[[], None], reads: Reads) -> None:
    """For ever: takes in what waits, a slice at a time and between exchanges, so that little is left at a period's end.

    `on_fed` is told whenever nothing waits any more.
    """
    waiting = 0
    while True:
        waiting = detection.drain(max(SLICE, waiting // _SHARE))
        if waiting:
            await quiet(reads)
        else:
            on_fed()
            await asyncio.sleep(FEED_SECONDS)

"""Owns what the pipeline sees of detection: verdicts to look up, and somebody to tell what happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from msgspec.structs import replace

from proxy.events.event import Event
from proxy.events.sketching import Sketcher, Unsketched
from proxy.verdict.analyst import Analyst
from proxy.verdict.campaign import Campaign
from proxy.verdict.snapshot import NOBODY, Snapshot

Noted = Event | Unsketched


class Detection(Protocol):
    """Detection as one process has it."""

    reads_content: bool
    """False: nobody looks at content, so no sketch need be made."""
    sketches: bool
    """It makes sketches itself of what it is told `Unsketched`; else it is told events only."""

    def snapshot(self, now_us: int) -> Snapshot:
        """The verdicts in force for an exchange that arrives at `now_us`."""

    def note(self, noted: Noted) -> None:
        """Takes in what happened; never waits, never fails."""


class NoDetection:
    """Where nobody detects."""

    reads_content = sketches = False

    def snapshot(self, now_us: int) -> Snapshot:
        return NOBODY

    def note(self, noted: Noted) -> None:
        """Forgets it."""


PERIOD_US = 250_000
"""How often verdicts are renewed; two of these pass at most before what happened is in force."""
_BYTES_AN_EVENT = 512
"""Of bodies to sketch, for each event that might be taken in instead: they take as long, 30 µs a KB."""


class LocalDetection:
    """The analyst in this process, on a fixed schedule of event time: the same in `serve` and in `replay`.

    Events wait until somebody drains them. What came before a period began is taken in and judged while it lasts, and
    comes into force at its end, so that nobody ever waits for a judgement, and none looks ahead. Only where nobody
    drained for a period is it done as the next one begins.
    """

    reads_content = True

    def __init__(self, analyst: Analyst, sketcher: Sketcher | None = None) -> None:
        """`sketcher` is None where whoever notes events sketches them."""
        self.analyst = analyst
        self.sketches = sketcher is not None
        self._sketcher = sketcher
        self._waiting: deque[Noted] = deque()
        self._earlier: deque[Noted] = deque()
        """What waited when the period began: to be taken in before it is judged, as all else after that."""
        self._period_us = 0
        """When the period began that was begun last."""
        self._steps: Iterator[None] | None = None
        """What is left to judge of what came before it; None for nothing."""
        self._snapshot = self._next = NOBODY

    def snapshot(self, now_us: int) -> Snapshot:
        if now_us >= self._period_us + PERIOD_US:
            self._turn(now_us - now_us % PERIOD_US)
        return self._snapshot

    def note(self, noted: Noted) -> None:
        self._waiting.append(noted)

    def drain(self, most: int) -> int:
        """Does some work ahead of the schedule, which changes no verdict; how much waits still, 0 for nothing.

        Up to `most` waiting events are sketched, or taken in, or one cluster is judged, whatever comes next.
        """
        if self._earlier:
            self._take_in(self._earlier, most)
        elif self._steps is not None:
            self._judge(self._steps)
        else:
            self._take_in(self._waiting, most)
        return len(self._earlier) + (self._steps is not None) + len(self._waiting)

    @property
    def judged(self) -> Snapshot:
        """The verdicts as they were judged last, in force already or with the next period."""
        return self._next

    def renew(self) -> None:
        """Has an operator's word in force at once."""
        self._snapshot = self._next = Snapshot(self.analyst.verdicts(), self._next)

    def campaigns(self, now_us: int) -> list[Campaign]:
        """Every campaign as it stands with all that has been noted."""
        self._turn(now_us - now_us % PERIOD_US)
        self._finish()
        return self.analyst.campaigns()

    def _turn(self, period_us: int) -> None:
        """A period has begun: the verdicts on what came before the last one are in force."""
        self._finish()
        if period_us > self._period_us + PERIOD_US:
            # Nobody came for a while; what had come before that has been judged long since.
            self._begin(period_us - PERIOD_US)
            self._finish()
        self._snapshot = self._next
        self._begin(period_us)

    def _begin(self, period_us: int) -> None:
        # Judging reads nothing before its first step, so what came earlier may be taken in until then.
        self._period_us, self._steps = period_us, self.analyst.judging(period_us)
        self._earlier, self._waiting = self._waiting, self._earlier

    def _finish(self) -> None:
        while self._earlier:
            self._take_in(self._earlier, len(self._earlier))
        while self._steps is not None:
            self._judge(self._steps)

    def _take_in(self, waiting: deque[Noted], most: int) -> None:
        """The first of those that wait, up to one that is to be sketched; then that one is, and some behind it."""
        observe = self.analyst.observe
        for _ in range(min(most, len(waiting))):
            noted = waiting[0]
            if isinstance(noted, Unsketched):
                self._sketch(waiting, most)
                return
            waiting.popleft()
            observe(noted)

    def _sketch(self, waiting: deque[Noted], most: int) -> None:
        """Makes the content of some that wait: many at once take half of the time."""
        assert self._sketcher is not None
        found: list[tuple[int, Unsketched]] = []
        size = 0
        for place, noted in enumerate(islice(waiting, 2 * most)):
            if isinstance(noted, Unsketched):
                found.append((place, noted))
                size += noted.text_bytes
                if size > most * _BYTES_AN_EVENT:
                    break
        contents = self._sketcher.contents([noted.conversation for _, noted in found])
        for (place, noted), content in zip(found, contents, strict=True):
            waiting[place] = replace(noted.asked, content=content)

    def _judge(self, steps: Iterator[None]) -> None:
        """One cluster, or none: then all are, and their verdicts are kept for the period's end."""
        if next(steps, self) is self:
            self._steps = None
            if self.analyst.has_news(self._period_us):
                self._next = Snapshot(self.analyst.verdicts(), self._next)

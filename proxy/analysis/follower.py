"""Owns one analyst's way along the stream: what it observes in which order, when it judges, what it has missed. Pure.

Its time is the stream's: each entry's moment on Redis's clock, which leader and standby read alike. Replicas send what
they saw a little later, and not in one order; so a second is judged once `HOLD_US` more have passed, after the events
of that second in the order of their moments, just as an analyst does that lives in the only replica.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

import msgspec
from msgspec.structs import replace

from proxy.analysis.wire import Entry, Said, events_of
from proxy.events.event import Event
from proxy.verdict.campaign import Campaign, Word

log = logging.getLogger("stillgate.analyser")
JUDGE_EVERY_US = 1_000_000
HOLD_US = 300_000
"""Time for a replica's batch to arrive; what comes later still is observed late."""
MOST_HELD = 50_000
"""Events that are held at most; if more come, all are observed before their second has ended."""
FUTURE_US = 5_000_000
"""An event further ahead of the stream comes from a replica whose clock is wrong; it is taken at the stream's time."""
START = "0-0"

_moment = attrgetter("moment_us")


class Analyst(Protocol):
    """What turns events into campaigns; synchronous, and told the time."""

    def observe(self, event: Event) -> None: ...

    def judge(self, now_us: int) -> bool:
        """Whether any campaign is not what it was when `campaigns` was last asked."""

    def campaigns(self) -> list[Campaign]: ...

    def say(self, campaign_id: str, word: Word | None) -> bool:
        """False where there is no campaign of that id."""

    def state(self) -> bytes:
        """All that a successor needs."""


@dataclass(slots=True)
class Tally:
    """What happened on the way, by number."""

    observed: int = 0
    lost: int = 0
    """Events that were appended and never seen: gone before they could be read, or not to be understood."""
    faults: int = 0
    """Events and judgements that the analyst failed on."""


class Follower:
    """An analyst at a place in the stream. `seconds` reads a stopwatch; `on_judged` is told how long each took."""

    def __init__(
        self,
        analyst: Analyst,
        position: str = START,
        events: int = 0,
        tally: Tally | None = None,
        *,
        held: Iterable[Event] = (),
        seconds: Callable[[], float] = lambda: 0.0,
        on_judged: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.analyst = analyst
        self.position = position
        """The last entry that it has taken in."""
        self.events = events
        """Events ever appended up to there."""
        self.held = list(held)
        """Events taken in whose second has not been judged."""
        self.moment_us = 0
        self.tally = tally or Tally()
        self._seconds = seconds
        self._on_judged = on_judged
        self._due_us = 0

    def take(self, entries: Iterable[Entry]) -> bool:
        """Takes the entries in, judging each second that has ended; whether any campaign is not what it was."""
        changed = False
        for entry in entries:
            changed |= self.reach(entry.moment_us)
            self._hold(entry)
            self.position = entry.id
        return changed

    def reach(self, now_us: int) -> bool:
        """Judges if a second has ended; all entries before `now_us` have been taken. Whether that changed anything."""
        self.moment_us = max(self.moment_us, now_us)
        if now_us < self._due_us:
            return False
        ended_us = now_us - HOLD_US
        ended_us -= ended_us % JUDGE_EVERY_US
        self._due_us = ended_us + JUDGE_EVERY_US + HOLD_US
        self._observe_before(ended_us)
        return self._judge(ended_us)

    def say(self, words: Mapping[str, Said]) -> None:
        """Tells the analyst what operators say of its campaigns, where that is news to it."""
        news = [
            (campaign.id, said.word)
            for campaign in self.analyst.campaigns()
            if (said := words.get(campaign.id)) is not None and said.word is not campaign.word
        ]
        for name, word in news:
            self.analyst.say(name, word)

    def restart(self) -> None:
        """The stream began anew: goes to its start."""
        self.position, self.events = START, 0

    def _hold(self, entry: Entry) -> None:
        try:
            events: Sequence[Event] = events_of(entry.batch)
        except msgspec.MsgspecError as fault:
            log.warning("a batch of events cannot be read", extra={"fault": str(fault)})
            events = ()
        if 0 < self.events < entry.total:  # else it has just begun, or the stream has begun anew
            self.tally.lost += entry.total - self.events - len(events)
        self.events = entry.total
        latest_us = entry.moment_us + FUTURE_US
        self.held += [
            event if event.moment_us <= latest_us else replace(event, moment_us=entry.moment_us) for event in events
        ]
        if len(self.held) > MOST_HELD:
            due, self.held = self.held, []
            self._observe(due)

    def _observe_before(self, end_us: int) -> None:
        held = self.held
        self.held = [event for event in held if event.moment_us >= end_us]
        self._observe([event for event in held if event.moment_us < end_us])

    def _observe(self, due: list[Event]) -> None:
        due.sort(key=_moment)
        observe = self.analyst.observe
        for event in due:
            try:
                observe(event)
            except Exception as fault:
                # One event that it cannot digest must not end leader and standby one after the other.
                self._failed(fault)
        self.tally.observed += len(due)

    def _judge(self, now_us: int) -> bool:
        began = self._seconds()
        try:
            return self.analyst.judge(now_us)
        except Exception as fault:
            self._failed(fault)
            return False
        finally:
            self._on_judged(self._seconds() - began)

    def _failed(self, fault: Exception) -> None:
        if not self.tally.faults:
            log.error("the analyst failed; further faults are only counted", exc_info=fault)
        self.tally.faults += 1

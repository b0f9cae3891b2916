"""An analyst and a policy that acts on its verdicts: refuses what is confirmed, probes now and then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from proxy.events.event import Asked
from proxy.verdict.analyst import Analyst
from proxy.verdict.campaign import Campaign, Level, Word
from proxy.verdict.snapshot import Match, Snapshot

_PROBED = 10
"""Of so many requests, one."""


class ClosedLoop:
    """Verdicts are renewed after each event. Without `probes` nothing is refused until it is confirmed."""

    def __init__(self, analyst: Analyst | None = None, probes: bool = True) -> None:
        self.analyst = Analyst() if analyst is None else analyst
        self._probes = probes
        self.admitted = 0
        self.asked = 0
        self._snapshot = Snapshot(self.analyst.campaigns())

    def play(self, events: Iterable[Asked], successors: Sequence[str] = ()) -> ClosedLoop:
        """What is refused is asked at once by the next of the `successors`, who are in turn."""
        for number, event in enumerate(events):
            if not self.ask(event) and successors:
                successor = successors[number % len(successors)]
                self.ask(replace(event, account=successor, network=f"net of {successor}"))
        return self

    def ask(self, event: Asked) -> bool:
        """Whether it was admitted."""
        self.asked += 1
        match = self._snapshot.match(event.account, event.content)
        refused = match is not None and self._refuses(match)
        self.analyst.observe(
            replace(
                event,
                action="throttle" if refused else "allow",
                by_verdict=refused,
                campaign=None if match is None else match.campaign,
            )
        )
        if self.analyst.judge(event.moment_us):
            self._snapshot = Snapshot(self.analyst.campaigns())
        self.admitted += not refused
        return not refused

    def say(self, word: Word | None) -> None:
        """An operator's word on the only campaign, in force at once."""
        self.analyst.say(self.campaign.id, word)
        self._snapshot = Snapshot(self.analyst.campaigns())

    @property
    def campaign(self) -> Campaign:
        """The only one."""
        (campaign,) = self.analyst.campaigns()
        return campaign

    def _refuses(self, match: Match) -> bool:
        return match.level is Level.CONFIRMED or (self._probes and match.probing and self.asked % _PROBED == 0)

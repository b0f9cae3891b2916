"""Owns the scene: virtual time, whose turn it is, and what a request of a party looks like on the wire.

One heap for all parties; each has a random source of its own, so that one party's draws do not depend on what another
was answered. Memory grows with what is scheduled, not with what was sent. Knows no policy: a `Judge` answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from enum import StrEnum
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Protocol

import msgspec

from proxy.clock import US_PER_SECOND
from proxy.events.record import Response
from proxy.simulate.lines import Recorded
from proxy.simulate.traffic.actor import Actor, Reply, Sent

PEER = "10.0.0.1"
"""The edge that every exchange comes through: private, so trusted by the policies that ship."""


class Passed(StrEnum):
    """How much the edge passes of what it knows of an account."""

    FULL = "full"
    PARTIAL = "partial"  # its id, its tier and when it was created
    ABSENT = "absent"  # the API key alone


_PARTIAL = ("x-account-tier", "x-account-created")


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A decision, as far as the proving ground needs it; the fields as in the exchange log."""

    action: str = "allow"
    status: int = 200
    retry_after_s: float | None = None
    rule: str | None = None
    scope: str | None = None
    campaign: str | None = None


ALLOWED = Judged()


class Judge(Protocol):
    """Whatever decides: the pipeline, a baseline, or nobody."""

    def judge(self, recorded: Recorded) -> Judged:
        """The decision on the next exchange; they come in the order of time."""


class NullJudge:
    """Lets everything through."""

    def judge(self, recorded: Recorded) -> Judged:
        return ALLOWED


Watch = Callable[[Recorded, Sent, Judged], None]
"""Told of each exchange as the log has it, with what is true of it and what was decided."""


class Stage:
    """Runs the parties of one world against one judge."""

    def __init__(self, judge: Judge, passed: Passed, span_us: tuple[int, int], watches: Iterable[Watch]) -> None:
        """`span_us`: the first moment and the one at which the scene ends, in microseconds since the epoch."""
        self.now_us, self._end_us = span_us
        self.sent = 0
        self._judge = judge
        self._passed = passed
        self._watches = tuple(watches)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._acts = 0

    def run(self, actors: Iterable[Actor], seed: int, progress: Callable[[int], None] | None = None) -> None:
        """Plays the scene to its end. `progress` is told the virtual moment, about once a virtual minute."""
        for number, actor in enumerate(actors):
            actor.begin(_Seat(self, Random(f"{seed}:{number}")))  # noqa: S311 - a simulation
        told_us = self.now_us
        while self._due:
            self.now_us, _, act = heapq.heappop(self._due)
            if progress is not None and self.now_us >= told_us:
                progress(self.now_us)
                told_us = self.now_us + 60 * US_PER_SECOND
            act()

    def at(self, moment_us: int, act: Callable[[], None]) -> None:
        moment_us = max(moment_us, self.now_us)
        if moment_us < self._end_us:
            self._acts += 1
            heapq.heappush(self._due, (moment_us, self._acts, act))

    def send(self, sent: Sent) -> Reply:
        recorded = self._recorded(sent)
        judged = self._judge.judge(recorded)
        for watch in self._watches:
            watch(recorded, sent, judged)
        if judged.action != "allow":
            return Reply(judged.status, judged.retry_after_s)
        return Reply(recorded.response.status if recorded.response is not None else 200)

    def _recorded(self, sent: Sent) -> Recorded:
        self.sent += 1
        return Recorded(
            f"e-{self.sent}",
            self.now_us,
            "POST",
            sent.path,
            PEER,
            wire_headers(sent, self._passed),
            msgspec.json.encode(sent.body),
            None if sent.response is None else msgspec.convert(sent.response, Response),
            None,
        )


def wire_headers(sent: Sent, passed: Passed) -> list[tuple[str, str]]:
    """The request's headers as the proxy gets them: the client's, its credential, and what the edge adds."""
    anthropic = sent.path.startswith("/v1/messages")
    credential = ("x-api-key", sent.api_key) if anthropic else ("authorization", f"Bearer {sent.api_key}")
    headers = [*sent.headers, credential, ("x-forwarded-for", sent.address)]
    if passed is Passed.ABSENT:
        return headers
    headers.append(("x-account-id", sent.account))
    if passed is Passed.FULL:
        headers.extend(sent.attributes.items())
    else:
        headers.extend((name, sent.attributes[name]) for name in _PARTIAL if name in sent.attributes)
    return headers


class _Seat:
    """One party's view of the scene."""

    def __init__(self, stage: Stage, rng: Random) -> None:
        self._stage = stage
        self._rng = rng
        self.at = stage.at
        self.send = stage.send

    @property
    def now_us(self) -> int:
        return self._stage.now_us

    @property
    def rng(self) -> Random:
        return self._rng

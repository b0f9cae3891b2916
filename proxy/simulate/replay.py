"""Owns the run through a log: each line to a world, each decision to whoever listens, the counts to a report."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from proxy.detection import LocalDetection
from proxy.errors import StillgateError
from proxy.exchange import Exchange, Recalled
from proxy.pipeline import FixedPolicy
from proxy.policy.match import Policy
from proxy.simulate.lines import BadLineError, LineReader, Recorded
from proxy.simulate.report import DecisionLine, Report, decision_line, encode
from proxy.simulate.world import World
from proxy.verdict.analyst import Analyst
from proxy.verdict.campaign import Campaign

HASH_KEY = b"stillgate replay"
"""Names accounts that a raw log knows by API key only; fixed, so that the same log gives the same bytes."""
_BLOCK = 64
_BLOCK_BYTES = 2**20
"""Lines that are read at once, and of how many bytes."""


def spare_the_collector() -> None:
    """For a process that only replays: what lives long there is kept by design, and a collector that walks it all at
    every turn takes a third of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


class BadAnswer(msgspec.Struct, frozen=True):
    """What a driver gets for a line that the format does not allow."""

    id: str | None
    error: str


@dataclass(slots=True)
class Replay:
    """One log under one policy, in virtual time."""

    policy: Policy
    hash_key: bytes = HASH_KEY
    reader: LineReader = field(default_factory=LineReader)
    detection: LocalDetection | None = field(init=False)
    world: World = field(init=False)
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.detection = None
        if (rules := self.policy.campaigns) is not None:
            self.detection = LocalDetection(Analyst(rules.expires_after_us))
        self.world = World(FixedPolicy(self.policy), self.hash_key, detection=self.detection)
        self.report = Report(self.policy.sha256)

    def campaigns(self) -> list[Campaign]:
        """Every campaign found in all that was read."""
        if self.detection is None:
            return []
        return self.detection.campaigns(self.world.clock.now_us)

    def read(self, line: bytes) -> Recorded:
        """The next line. BadLineError, counted."""
        try:
            return self.reader.read(line)
        except BadLineError as fault:
            self.report.count_bad(fault)
            raise

    def decide(self, recorded: Recorded, read: Recalled | None = None) -> Exchange:
        """The decision on the next exchange; `read` as `World.arrive` has it."""
        exchange = self.world.arrive(recorded, read)
        self.report.count(exchange)
        return exchange

    def recorded(self, lines: Iterable[bytes], *, skip_bad_lines: bool) -> Iterator[Recorded]:
        """Each exchange of a log; empty lines are passed over. BadLineError, unless such lines are skipped."""
        for line in lines:
            if line.isspace():
                self.reader.number += 1
                continue
            try:
                recorded = self.read(line)
            except BadLineError:
                if not skip_bad_lines:
                    raise
                continue
            yield recorded

    def run(self, lines: Iterable[bytes], *, skip_bad_lines: bool) -> Iterator[DecisionLine]:
        """The decision on each exchange of a log."""
        for block in _blocks(self.recorded(lines, skip_bad_lines=skip_bad_lines)):
            for recorded, read in zip(block, self.world.read_ahead(block), strict=True):
                yield decision_line(recorded.id, self.decide(recorded, read))

    def converse(self, lines: Iterable[bytes], answer: Callable[[bytes], None]) -> None:
        """Answers every line before it takes the next one; a bad line is answered with what is wrong with it."""
        for line in lines:
            try:
                recorded = self.read(line)
                answer(encode(decision_line(recorded.id, self.decide(recorded))))
            except BadLineError as fault:
                answer(encode(BadAnswer(fault.exchange_id, str(fault))))


def _blocks(recorded: Iterable[Recorded]) -> Iterator[list[Recorded]]:
    """Lines to be read at once. Where the log breaks off, what came before goes out first."""
    block: list[Recorded] = []
    size = 0
    try:
        for line in recorded:
            block.append(line)
            size += len(line.body or b"")
            if len(block) >= _BLOCK or size >= _BLOCK_BYTES:
                yield block
                block, size = [], 0
    except StillgateError:
        yield block
        raise
    yield block

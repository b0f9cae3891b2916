"""Owns one run of the proving ground: which parties, from when to when, against whom.

A run is a matter of its seed: the same seed, parties and judge give the same exchanges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251 - seeded here

from proxy.clock import US_PER_SECOND
from proxy.policy.match import Policy
from proxy.simulate.lines import Recorded
from proxy.simulate.replay import Replay
from proxy.simulate.traffic.actor import Actor
from proxy.simulate.traffic.benign.table import BENIGN
from proxy.simulate.traffic.campaigns.operator import Campaign
from proxy.simulate.traffic.campaigns.presets import plan_of
from proxy.simulate.traffic.engine import Judge, Judged, Passed, Stage, Watch
from proxy.simulate.traffic.score import Score, Scorer
from proxy.simulate.traffic.texts.texts import Texts

_EPOCH_S = 1_776_816_000
"""22 April 2026, 00:00 UTC; runs begin within the 40 days after it."""
_DAYS = 40


class PipelineJudge:
    """The pipeline that `serve` and `replay` run, on one policy, in this process."""

    def __init__(self, policy: Policy) -> None:
        self._replay = Replay(policy)

    def judge(self, recorded: Recorded) -> Judged:
        decision = self._replay.decide(recorded).decision
        retry_us = decision.retry_after_us
        return Judged(
            decision.action.value,
            decision.status,
            None if retry_us is None else retry_us / US_PER_SECOND,
            decision.rule,
            decision.scope,
            decision.campaign,
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played, whoever judges."""

    campaigns: tuple[tuple[str, float], ...]
    """Names that `plan_of` knows, each with its scale."""
    benign: tuple[tuple[str, float], ...]
    """Names in BENIGN, each with its scale."""
    hours: float
    seed: int
    passed: Passed = Passed.FULL
    corpora: Path | None = None

    def span_us(self) -> tuple[int, int]:
        """The first moment and the one at which the run ends; the weekday and the hour are the seed's."""
        start_s = _EPOCH_S + Random(f"start:{self.seed}").randrange(_DAYS * 86_400)  # noqa: S311 - a simulation
        return start_s * US_PER_SECOND, round((start_s + self.hours * 3600) * US_PER_SECOND)


def play(
    setting: Setting,
    judge: Judge,
    watches: Sequence[Watch] = (),
    progress: Callable[[int], None] | None = None,
) -> Score:
    """Runs it once. `progress` is told the virtual moment in microseconds from time to time."""
    texts = Texts.open(setting.corpora)
    campaigns = [Campaign(plan_of(name).scaled(scale), texts) for name, scale in setting.campaigns]
    scorer = Scorer(campaigns)
    stage = Stage(judge, setting.passed, setting.span_us(), (scorer, *watches))
    stage.run(_parties(setting, texts, campaigns), setting.seed, progress)
    return scorer.score()


def _parties(setting: Setting, texts: Texts, campaigns: Iterable[Actor]) -> list[Actor]:
    benign = [BENIGN[name](texts, scale) for name, scale in setting.benign]
    return [*benign, *campaigns]

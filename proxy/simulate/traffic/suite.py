"""Owns the suite of `make scenarios`: which worlds are played, against whom, and what counts as falling behind.

The trials are a table. Each is played thrice from one seed: against the policy and against both baselines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass

from proxy.policy.load import load_policy
from proxy.simulate.replay import spare_the_collector
from proxy.simulate.traffic.baselines import AccountBucket, SharedPreamble
from proxy.simulate.traffic.benign.table import BENIGN, POPULATION
from proxy.simulate.traffic.campaigns.knobs import Plan
from proxy.simulate.traffic.campaigns.presets import PRESETS
from proxy.simulate.traffic.campaigns.unseen import unseen
from proxy.simulate.traffic.engine import Judge, Passed
from proxy.simulate.traffic.run import PipelineJudge, Setting, play
from proxy.simulate.traffic.score import BenignScore, Score

OURS = "stillgate"
JUDGES = (OURS, "account bucket", "shared preamble")
"""In the order of the tables."""
DEFAULT_SEED = 11
_ROTATION = tuple(Passed)
_MOST_ACCOUNTS, _FEWEST_ACCOUNTS = 600, 60
_MOST_HOURS, _LEAST_HOURS = 8.0, 2.0
_HOURLY = 3000
_EXCHANGES = 6000
"""Useful exchanges that a campaign of the suite sets out to make, about; no more than `_HOURLY` in an hour."""
_PEOPLE = 130_000
"""Exchanges that the plain population makes in an hour at scale 1, about."""
_BESIDE = 18_000
"""Of them, beside a campaign, over the whole trial."""
_UNSEEN = 5
"""Campaigns that are no presets, others for each seed."""
_TRAPS_BESIDE = 3
_TRAPS_BESIDE_SCALE = 0.1
_TRAPS_HOURS = 4.0
_TRAPS_SCALE = 0.25


@dataclass(frozen=True, slots=True)
class Trial:
    """One world of the suite."""

    name: str
    setting: Setting


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one trial against one judge."""

    trial: str
    judge: str
    score: Score


def trials(seed: int, scale: float = 1.0) -> list[Trial]:
    """The suite: every preset, and some campaigns that are none, in a benign world with traps; then the traps alone.

    `scale`: of everybody's number; what is small is fast and says little.
    """
    traps = [name for name in BENIGN if name != POPULATION]
    found = []
    plans = [*PRESETS.values(), *(unseen(seed * _UNSEEN + number) for number in range(_UNSEEN))]
    for number, plan in enumerate(plans):
        accounts, hours = _size(plan)
        beside = [traps[(number * _TRAPS_BESIDE + at) % len(traps)] for at in range(_TRAPS_BESIDE)]
        population = scale * _BESIDE / _PEOPLE / hours
        setting = Setting(
            campaigns=((plan.name, scale * accounts / plan.accounts),),
            benign=(
                (POPULATION, population),
                *((trap, scale * _TRAPS_BESIDE_SCALE) for trap in beside),
            ),
            hours=hours,
            seed=seed + number,
            passed=_ROTATION[number % len(_ROTATION)],
        )
        found.append(Trial(plan.name, setting))
    for number, passed in enumerate(_ROTATION):
        people = (POPULATION, scale * _BESIDE / _PEOPLE / _TRAPS_HOURS)
        benign = (people, *((trap, scale * _TRAPS_SCALE) for trap in traps))
        found.append(Trial(f"traps-{passed}", Setting((), benign, _TRAPS_HOURS, seed + 100 + number, passed)))
    return found


def _size(plan: Plan) -> tuple[int, float]:
    """How many accounts of a plan are played, for how many hours, so that it makes some thousands of exchanges."""
    hourly = plan.daily / 24
    accounts = round(min(plan.accounts, _MOST_ACCOUNTS, max(_FEWEST_ACCOUNTS, _HOURLY / hourly)))
    return accounts, min(_MOST_HOURS, max(_LEAST_HOURS, _EXCHANGES / (accounts * hourly)))


def play_against(trial: Trial, judge: str, policy: str) -> Played:
    """Plays one trial against one of `JUDGES`. PolicyError, should the policy not load."""
    spare_the_collector()
    return Played(trial.name, judge, play(trial.setting, judge_of(judge, policy)))


def judge_of(name: str, policy: str) -> Judge:
    """A new judge, which has seen nothing yet."""
    if name == OURS:
        return PipelineJudge(load_policy(policy))
    return AccountBucket() if name == JUDGES[1] else SharedPreamble()


def run_all(suite: Sequence[Trial], policy: str, executor: Executor) -> Iterator[Played]:
    """Plays all of it, each as it comes."""
    # The pipeline's runs take longest, so they are begun first.
    tasks = [executor.submit(play_against, trial, judge, policy) for judge in JUDGES for trial in suite]
    for task in as_completed(tasks):
        yield task.result()


def together(played: Sequence[Played], judge: str) -> Score:
    """What one judge did to each benign scenario in all trials; each trial's accounts are others."""
    found: dict[str, BenignScore] = {}
    exchanges = 0
    for each in played:
        if each.judge != judge:
            continue
        exchanges += each.score.exchanges
        for benign in each.score.benign:
            found[benign.name] = found.get(benign.name, BenignScore(benign.name)).added(benign)
    return Score(exchanges, [], [found[name] for name in sorted(found)], None, None)

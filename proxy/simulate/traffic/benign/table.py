"""Owns the table of the benign world: every scenario by name, at the size that it has at scale 1."""

from __future__ import annotations

from collections.abc import Callable

from proxy.simulate.traffic.actor import Actor
from proxy.simulate.traffic.benign.agents import PopularAgent
from proxy.simulate.traffic.benign.automation import CiRunners, Timers
from proxy.simulate.traffic.benign.crowds import Hackathon, SchoolClass, ViralPrompt
from proxy.simulate.traffic.benign.evaluation import NightlyEvaluation, ReleaseDay
from proxy.simulate.traffic.benign.explaining import Audits, Tutoring
from proxy.simulate.traffic.benign.failover import FailingOver
from proxy.simulate.traffic.benign.gateway import Gateway
from proxy.simulate.traffic.benign.jobs import BatchJob, Job
from proxy.simulate.traffic.benign.plain import Population, SharedAddress, Travellers
from proxy.simulate.traffic.benign.tenants import BringYourOwnKey, Load
from proxy.simulate.traffic.texts.texts import Texts

POPULATION = "population"
"""The one that is no trap."""


def _sized(scale: float, size: int, least: int) -> int:
    """A size at a scale, never below what makes the trap one."""
    return max(least, round(size * scale))


BENIGN: dict[str, Callable[[Texts, float], Actor]] = {
    POPULATION: lambda texts, scale: Population(texts, _sized(scale, 20_000, 100)),
    "popular-agent": lambda texts, scale: PopularAgent(texts, _sized(scale, 5000, 80)),
    "popular-agent-lazy": lambda texts, scale: PopularAgent(
        texts, _sized(scale, 3000, 80), lazy=True, name="popular-agent-lazy"
    ),
    "tenants": lambda texts, scale: BringYourOwnKey(texts, _sized(scale, 2000, 80)),
    "tenants-even": lambda texts, scale: BringYourOwnKey(texts, _sized(scale, 1000, 80), Load.EVEN, "tenants-even"),
    "tenants-nightly": lambda texts, scale: BringYourOwnKey(
        texts, _sized(scale, 1500, 80), Load.NIGHTLY, "tenants-nightly"
    ),
    "gateway": lambda texts, scale: Gateway(texts, _sized(scale, 5000, 100)),
    "shared-address": lambda texts, scale: SharedAddress(texts, _sized(scale, 1500, 100)),
    "class-room": lambda texts, scale: SchoolClass(texts, _sized(scale, 300, 30), name="class-room"),
    "class-at-home": lambda texts, scale: SchoolClass(
        texts, _sized(scale, 300, 30), at_home=True, name="class-at-home"
    ),
    "class-essays": lambda texts, scale: SchoolClass(
        texts, _sized(scale, 300, 30), own_texts=True, name="class-essays"
    ),
    "hackathon": lambda texts, scale: Hackathon(texts, _sized(scale, 250, 25)),
    "viral-prompt": lambda texts, scale: ViralPrompt(texts, _sized(scale, 5000, 100)),
    "batch-classification": lambda texts, scale: BatchJob(
        texts, Job.CLASSIFICATION, 6000 * max(scale, 0.05), name="batch-classification"
    ),
    "batch-backfill": lambda texts, scale: BatchJob(
        texts, Job.BACKFILL, 3000 * max(scale, 0.05), name="batch-backfill"
    ),
    "batch-synthetic": lambda texts, scale: BatchJob(
        texts, Job.SYNTHESIS, 3000 * max(scale, 0.05), name="batch-synthetic"
    ),
    "batch-grading": lambda texts, scale: BatchJob(texts, Job.GRADING, 3000 * max(scale, 0.05), name="batch-grading"),
    "batch-keys": lambda texts, scale: BatchJob(
        texts, Job.SYNTHESIS, 6000 * max(scale, 0.05), _sized(scale, 20, 5), "batch-keys"
    ),
    "nightly-evaluation": lambda texts, scale: NightlyEvaluation(texts, _sized(scale, 120, 12), _sized(scale, 500, 40)),
    "release-day": lambda texts, scale: ReleaseDay(texts, _sized(scale, 400, 25), _sized(scale, 300, 30)),
    "ci-runners": lambda texts, scale: CiRunners(texts, _sized(scale, 600, 30)),
    "cron": lambda texts, scale: Timers(texts, _sized(scale, 1500, 80)),
    "failover": lambda texts, scale: FailingOver(texts, _sized(scale, 40, 3), 3000),
    "tutoring": lambda texts, scale: Tutoring(texts, _sized(scale, 2000, 80)),
    "audit": lambda texts, scale: Audits(texts, _sized(scale, 200, 15)),
    "travel": lambda texts, scale: Travellers(texts, _sized(scale, 800, 50)),
}
"""Name: its making from texts and a scale."""


def everything(texts: Texts, scale: float) -> list[Actor]:
    """The whole benign world."""
    return [make(texts, scale) for make in BENIGN.values()]

"""Owns the arithmetic of the table: medians of rounds, ratios within a round, and whether a goal is met. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Round = Mapping[str, float]
"""What one round of an experiment measured: figures by name; a name is absent where its peer was."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on a row's ratio or, where that is what was promised, on its figure."""

    bound: Literal["<=", ">="]
    limit: float
    on: Literal["ratio", "figure"] = "ratio"

    def is_met(self, value: float) -> bool:
        return value <= self.limit if self.bound == "<=" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.bound == '<=' else '≥'} {self.limit:,g}{' ×' if self.on == 'ratio' else ''}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of the table: the figure called `subject`, in `unit`, against the one called `reference`, if any."""

    what: str
    unit: str
    subject: str
    reference: str | None = None
    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A row with its figures, medians over the rounds. A ratio is taken within each round; None where there is none."""

    comparison: Comparison
    figure: float | None
    reference_figure: float | None
    ratio: float | None
    ratios: tuple[float, ...]

    @property
    def met(self) -> bool | None:
        goal = self.comparison.goal
        value = None if goal is None else self.ratio if goal.on == "ratio" else self.figure
        return None if goal is None or value is None else goal.is_met(value)


def compared(comparison: Comparison, rounds: Sequence[Round]) -> Compared:
    """The row over all rounds that have what it needs."""
    subject, reference = comparison.subject, comparison.reference
    ratios: list[float] = []
    if reference is not None:
        ratios = [each[subject] / each[reference] for each in rounds if subject in each and each.get(reference)]
    return Compared(
        comparison,
        _median(each[subject] for each in rounds if subject in each),
        None if reference is None else _median(each[reference] for each in rounds if reference in each),
        _median(ratios),
        tuple(ratios),
    )


def quantiles(prefix: str, latencies_ns: Sequence[int]) -> dict[str, float]:
    """The nearest-rank `p50` and `p99` of at least one latency, in microseconds, their names behind `prefix`."""
    ranked = sorted(latencies_ns)
    return {f"{prefix}p{percent}": ranked[math.ceil(len(ranked) * percent / 100) - 1] / 1000 for percent in (50, 99)}


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None

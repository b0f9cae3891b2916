"""Owns the table: which experiments there are, the rows that each fills, and what was promised for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench import rounds
from tests.bench.figures import Comparison, Goal
from tests.bench.rounds import Say
from tests.bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Experiment:
    """`round` gives one round's figures, by the names that `rows` compare. One not `by_default` must be asked for."""

    name: str
    round: Callable[[Stage, Say], dict[str, float]]
    rows: tuple[Comparison, ...]
    by_default: bool = True


def _at_most(limit: float) -> Goal:
    return Goal("<=", limit)


def _figure_at_most(limit: float) -> Goal:
    return Goal("<=", limit, "figure")


EXPERIMENTS = (
    Experiment(
        "plain",
        rounds.plain,
        (
            Comparison("1 KB request, memory store", "µs", "stillgate", "bare", _at_most(0.45)),
            Comparison("1 KB request, Redis store", "µs", "on Redis", "bare", _at_most(0.60)),
            Comparison("Redis: scripts run, an exchange", "", "scripts", None, _figure_at_most(1)),
        ),
    ),
    Experiment(
        "redis",
        rounds.redis,
        (Comparison("Redis: client, a decision and settlement", "µs", "client", None, _figure_at_most(25)),),
    ),
    Experiment(
        "stream",
        rounds.stream,
        (
            Comparison("SSE event, metered", "µs", "stillgate", "nginx", _at_most(1.0)),
            Comparison("SSE event, metered", "µs", "stillgate", "bare", _at_most(0.4)),
            Comparison("SSE event, metered", "µs", "stillgate", "HAProxy"),
            Comparison("reads an event; 1: each one at once", "", "stillgate, reads an event", "nginx, reads an event"),
        ),
    ),
    Experiment("agent", rounds.agent, (Comparison("200 KB agent request", "µs", "stillgate", "bare", _at_most(1.5)),)),
    Experiment(
        "latency",
        rounds.latency,
        (
            Comparison("added at half load, p50", "ms", "added p50", None, _figure_at_most(0.5)),
            Comparison("added at half load, p99", "ms", "added p99", None, _figure_at_most(3)),
            Comparison("added to first byte, p50", "ms", "added first p50", None, _figure_at_most(0.5)),
            Comparison("added to first byte, p99", "ms", "added first p99", None, _figure_at_most(3)),
        ),
    ),
    Experiment(
        "memory",
        rounds.memory,
        (Comparison("open stream, memory", "KiB", "stillgate", "bare", _figure_at_most(40)),),
    ),
    Experiment(
        "workers",
        rounds.workers,
        (Comparison("1 KB request, two workers", "µs", "two", "one", _at_most(1.1)),),
    ),
    Experiment(
        "replay",
        rounds.replay,
        (Comparison("replay, detection on", "1/s", "replay", None, Goal(">=", 15_000, "figure")),),
    ),
    Experiment(
        "detection",
        rounds.detection,
        (
            Comparison("features of a 2 KB prompt", "µs", "2 KB", None, _figure_at_most(40)),
            Comparison("features of a 200 KB request", "µs", "200 KB", None, _figure_at_most(600)),
            Comparison("analyser, events taken in", "1/s", "events", None, Goal(">=", 20_000, "figure")),
            Comparison("memory of each of a million accounts", "KB", "account", None, _figure_at_most(2)),
        ),
    ),
    Experiment(
        "litellm",
        rounds.litellm,
        (Comparison("requests a CPU second, Redis", "1/s", "on Redis", "LiteLLM", Goal(">=", 50)),),
        by_default=False,
    ),
)

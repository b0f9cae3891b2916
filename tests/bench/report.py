"""Owns how a run is told: one table of ratios for people, one JSON object for programs."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.figures import Compared

_LIBRARIES = ("stillgate", "aiohttp", "uvloop", "httptools", "redis", "hiredis", "msgspec", "numpy")
_PROGRAMS = {"nginx": "-v", "haproxy": "-v", "redis-server": "--version"}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "programs": {name: told for name, flag in _PROGRAMS.items() if (told := _version_of(name, flag))},
    }


def table(rows: Sequence[tuple[Compared, str]]) -> Table:
    """The rows, each with the reason why it has no figures, or ''."""
    shown = Table("what", "stillgate", "reference", "ratio", "from – to", "goal", "met")
    for column in shown.columns[1:5]:
        column.justify = "right"
    for row, note in rows:
        comparison, goal = row.comparison, row.comparison.goal
        peer = None if comparison.reference is None else comparison.reference.partition(",")[0]
        reference = "–" if peer is None else f"{peer} {_number(row.reference_figure)}"
        shown.add_row(
            comparison.what,
            f"{_number(row.figure)} {comparison.unit}".rstrip(),
            note or reference,
            _number(row.ratio),
            f"{_number(min(row.ratios))} – {_number(max(row.ratios))}" if row.ratios else "–",
            "–" if goal is None else str(goal),
            "–" if row.met is None else "yes" if row.met else "no",
        )
    return shown


def as_json(
    rows: Sequence[tuple[Compared, str]],
    rounds: Mapping[str, Sequence[Mapping[str, float]]],
    faults: Mapping[str, str],
    load_average: float,
) -> dict[str, Any]:
    """The rows, all figures of all rounds, and the experiments that failed, by name; the load before the run."""
    return {
        "schema": 1,
        "machine": {**machine(), "load_average_before": load_average},
        "rows": [_row(*row) for row in rows],
        "rounds": rounds,
        "faults": faults,
    }


def _row(row: Compared, note: str) -> dict[str, Any]:
    comparison = row.comparison
    return {
        "what": comparison.what,
        "unit": comparison.unit,
        "figure": row.figure,
        "reference": comparison.reference,
        "reference_figure": row.reference_figure,
        "ratio": row.ratio,
        "ratios": row.ratios,
        "goal": None if comparison.goal is None else str(comparison.goal),
        "met": row.met,
        "note": note,
    }


def _number(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _version_of(program: str, flag: str) -> str | None:
    try:
        told = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return (told.stdout + told.stderr).strip().partition("\n")[0]

"""Owns the figures of the suite that are kept: what they are, and when a new run falls behind them.

A figure may swing a little with every change of the code; how much is allowed stands in one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.errors import UsageError
from proxy.simulate.traffic.score import Score

Figures = dict[str, float | None]


class Recorded(msgspec.Struct):
    """The file: one seed, at one scale of the suite, and the figures of each trial."""

    seed: int
    scale: float
    trials: dict[str, Figures]


@dataclass(frozen=True, slots=True)
class _Allowed:
    """By how much a figure may be worse than it was: a share of what it was, and so much besides."""

    better: int
    """1: more is better; -1: less is."""
    share: float
    more: float
    never: float
    """What None counts as: nothing was detected."""


_ALLOWED = {
    "leaked": _Allowed(-1, 0.10, 25, 0),
    "minutes_to_detect": _Allowed(-1, 0.20, 1, 1e9),
    "acted_on_at_first_percent": _Allowed(1, 0.0, 2, 0),
    "recall_percent": _Allowed(1, 0.0, 2, 0),
    "precision_percent": _Allowed(1, 0.0, 0.5, 0),
    "benign_blocked": _Allowed(-1, 0.0, 0, 0),
    "benign_throttled": _Allowed(-1, 0.0, 0, 0),
}


def figures_of(score: Score) -> Figures:
    """What is kept of one trial; of a campaign only where it had one."""
    kept: Figures = {
        "benign_blocked": sum(benign.blocked for benign in score.benign),
        "benign_throttled": sum(benign.throttled for benign in score.benign),
    }
    for campaign in score.campaigns:
        kept["precision_percent"] = score.precision_percent
        kept["leaked"] = campaign.leaked
        kept["minutes_to_detect"] = campaign.minutes_to_detect
        kept["acted_on_at_first_percent"] = campaign.acted_on_at_first_percent
        kept["recall_percent"] = campaign.recall_percent
    return kept


def behind(before: Mapping[str, Figures], now: Mapping[str, Figures]) -> Iterable[str]:
    """What is worse now than it was, beyond what is allowed, one line each."""
    for trial, old in before.items():
        if trial not in now:
            yield f"{trial}: was recorded and is not played any more"
            continue
        for name, allowed in _ALLOWED.items():
            if name in old and _worse(old[name], now[trial].get(name), allowed):
                yield f"{trial}: {name} is {now[trial].get(name)}, recorded is {old[name]}"


def _worse(old: float | None, new: float | None, allowed: _Allowed) -> bool:
    was, has = (allowed.never if value is None else value for value in (old, new))
    return allowed.better * (was - has) > abs(was) * allowed.share + allowed.more


def read(path: Path) -> Recorded | None:
    """The recorded figures; None where none were recorded yet. UsageError: the file cannot be read."""
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Recorded)
    except (OSError, msgspec.DecodeError) as fault:
        raise UsageError(f"{path}: cannot be read: {fault}") from fault


def write(path: Path, recorded: Recorded) -> None:
    """Keeps the figures. UsageError: the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(recorded, order="sorted"), indent=2) + b"\n")
    except OSError as fault:
        raise UsageError(f"{path}: cannot be written: {fault.strerror or fault}") from fault

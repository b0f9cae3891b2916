"""Owns what every signal is weighed with: evidence in nats, within bounds. Pure arithmetic."""

from __future__ import annotations

from math import log

from proxy.verdict.campaign import Evidence

LEAST_PAYERS = 12
"""Fewer accounts share a template in any team that nobody has told us of."""


def evidence(family: str, signal: str, weight: float, detail: str) -> Evidence:
    """`weight` in nats, for a campaign above zero."""
    return Evidence(family, signal, round(weight, 2), detail)


def capped(weight: float, least: float, most: float) -> float:
    """Within bounds, so that no single signal decides."""
    return max(least, min(weight, most))


def leaning(hits: int, trials: int, dealt: float, people: float) -> float:
    """Log likelihood ratio of `hits` among `trials` for two rates."""
    return hits * log(dealt / people) + (trials - hits) * log((1 - dealt) / (1 - people))

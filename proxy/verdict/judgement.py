"""Owns when evidence is enough: two independent families at least, and a margin before a level is given up again."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.verdict.campaign import Evidence, Level

CONFIRM = 11.0
"""Nats: 60,000 to 1, because nearly all templates that many accounts share are shared by honest people."""
CONFIRM_UNTESTED = 14.5
"""Where no refusal and no replayed signature has told a pool from customers."""
SUSPECT = 6.0
NEAR = 6.5
"""From here on a few refusals are worth their harm: who picks them up tells a pool from customers."""
MARGIN = 4.0
"""A level is kept until the score falls by so much."""
_DECISIVE = frozenset({"reaction", "replay"})
_COUNTS = 1.5
"""Nats from which a family counts as a witness."""


def score_of(evidence: Sequence[Evidence]) -> float:
    """The sum of all that speaks for and against, in nats."""
    return round(sum(each.weight for each in evidence), 2)


def families(evidence: Sequence[Evidence]) -> set[str]:
    """The families whose signals together speak for a campaign."""
    sums: dict[str, float] = {}
    for each in evidence:
        sums[each.family] = sums.get(each.family, 0.0) + each.weight
    return {family for family, weight in sums.items() if weight >= _COUNTS}


def level_of(evidence: Sequence[Evidence], before: Level | None) -> Level | None:
    """The level that the evidence allows, given the level before; None: nothing to tell."""
    score = score_of(evidence)
    witnesses = families(evidence)
    if len(witnesses) < 2:
        return None
    enough = CONFIRM if witnesses & _DECISIVE else CONFIRM_UNTESTED
    if score >= enough - MARGIN * (before is Level.CONFIRMED):
        return Level.CONFIRMED
    others = round(sum(each.weight for each in evidence if each.family != "balance"), 2)
    if max(score, others + 1.0) >= SUSPECT - MARGIN * (before is not None):
        return Level.SUSPECTED
    return None

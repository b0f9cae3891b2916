"""Owns when evidence is enough: two independent families at least, and a margin before a level is given up again."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.events.content import Target
from proxy.verdict.campaign import Evidence, Level

CONFIRM = 11.0
"""Nats: 60,000 to 1, because nearly all templates that many accounts share are shared by honest people."""
CONFIRM_UNTESTED = 12.5
"""Where no refusal and no replayed signature has told a pool from customers."""
PLENTY = 500
"""Openings that it takes for that: fewer look dealt out by chance."""
OVERWHELMING = 17.0
"""What is enough untested before there are so many: more than all that a popular product's customers show."""
SUSPECT = 6.0
"""From here on a few refusals are worth their harm: who picks them up tells a pool from customers."""
MARGIN = 4.0
"""A level is kept until the score falls by so much."""
_DECISIVE = ("reaction", "replay")
_DECIDES = 4.0
"""Nats from which such a family decides: no single coincidence reaches it."""
AIMS = (Target.REASONING, Target.GRADING, Target.CLEANING)
"""What is worth copying; each is a signal of the same name."""
SHARED_EXITS, SHARED_PAYMENT = "shared-exits", "shared-payment"
"""Signals of what ties accounts besides what they ask."""
CONVERSATIONS = "conversations"
"""A signal of people, which agents give as well whose steps are words."""
CREATED_IN_BURSTS = "created-in-bursts"
"""A signal that a class gives as well as a pool: all of it came on one day."""
_COUNTS = 1.5
"""Nats from which a family counts as a witness."""


def score_of(evidence: Sequence[Evidence]) -> float:
    """The sum of all that speaks for and against, in nats."""
    return round(sum(each.weight for each in evidence), 2)


def score_without(evidence: Sequence[Evidence], family: str) -> float:
    """The sum without one family, such as balance, in which a careful pool looks like people."""
    return score_of([each for each in evidence if each.family != family])


def families(evidence: Sequence[Evidence]) -> dict[str, float]:
    """The families whose signals together speak for a campaign, with their weight."""
    sums: dict[str, float] = {}
    for each in evidence:
        sums[each.family] = sums.get(each.family, 0.0) + each.weight
    # Rounded, so that the order of the signals does not tell in the last digit.
    return {family: rounded for family, weight in sums.items() if (rounded := round(weight, 2)) >= _COUNTS}


def level_of(evidence: Sequence[Evidence], before: Level | None, openings: int = PLENTY) -> Level | None:
    """The level that the evidence of so many openings allows, given the level before; None: nothing to tell."""
    score = score_of(evidence)
    witnesses = families(evidence)
    if len(witnesses) < 2:
        return None
    if score >= _enough(witnesses, openings) - MARGIN * (before is Level.CONFIRMED):
        return Level.CONFIRMED
    if max(score, score_without(evidence, "balance") + 1.0) >= SUSPECT - MARGIN * (before is not None):
        return Level.SUSPECTED
    return None


def is_tested(evidence: Sequence[Evidence]) -> bool:
    """Whether something speaks for it that customers never do: a refusal taken up, a signature replayed."""
    return _decides(families(evidence))


def _decides(witnesses: dict[str, float]) -> bool:
    return any(witnesses.get(family, 0.0) >= _DECIDES for family in _DECISIVE)


def _enough(witnesses: dict[str, float], openings: int) -> float:
    if _decides(witnesses):
        return CONFIRM
    return OVERWHELMING if openings < PLENTY else CONFIRM_UNTESTED

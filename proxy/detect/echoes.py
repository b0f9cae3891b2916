"""Owns in whose words something is asked: what a payer was refused a short time ago, under whatever wrapper it comes.

A pool words its wrapper anew and moves its instructions about; the words of what it wants answered come again. What
was let pass is waited for as well, as a control: so often they come again by chance. Knows no cluster and no rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.detect.conversations import ECHO_US, TEST_US, Relation
from proxy.detect.found import Found
from proxy.events.event import Asked
from proxy.generations import Generations

ALIKE = 4
"""Pieces, and two thirds of all that nobody shares, that make one request much like another."""
_FEWEST, _SHARE = 3, 0.5
"""Of the pieces that are a request's own, or the other one's: so many come again with it under another wrapper."""
_LATEST = 50_000
_WAITED_FOR = 100_000


class Trial(Struct, gc=False):
    """One request of a campaign whose own words are waited for."""

    group: int
    """The payer that asked it."""
    campaign: str
    at_us: int
    refused: bool
    """By a verdict; else it is a control."""
    pieces: int
    is_over: bool = False


class Refusal(Struct, frozen=True, gc=False):
    """The last request of a payer that was refused."""

    at_us: int
    by_verdict: bool
    network: str


class Echoes:
    """What was refused last, and what is waited for; bounded by payers and by pieces."""

    def __init__(self) -> None:
        self._refused: Generations[int, Refusal] = Generations(_LATEST)
        """By payer: the last one."""
        self._trials: Generations[int, Trial] = Generations(_WAITED_FOR)
        """By piece."""

    def decided(self, asked: Asked, group: int) -> None:
        """Remembers that a payer was refused, if it was."""
        if asked.refused:
            self._refused.put(group, Refusal(asked.moment_us, asked.by_verdict, asked.network))

    def refusal_of(self, group: int) -> Refusal | None:
        """The last refusal of a payer."""
        return self._refused.get(group)

    def alike(self, found: Found, related: bool, at_us: int) -> tuple[Relation, int]:
        """How a request stands whose words were another's: a pool words its wrapper anew, others have their own.

        `related`: its cluster is the other one's, or may be the new wording of an older one.
        """
        if not related or found.refused < ALIKE or found.refused * 3 < found.lone * 2:
            return Relation.SIMILAR, 0
        refusal = self.refusal_of(found.other)
        if refusal is None or at_us - refusal.at_us > ECHO_US:
            return Relation.SIMILAR, 0
        return (Relation.TESTED_ECHO if refusal.by_verdict else Relation.ECHO), found.other

    def wait_for(self, own: Sequence[int], trial: Trial) -> bool:
        """Waits for the pieces that are a request's own; whether these are enough to know it by."""
        if len(own) < _FEWEST:
            return False
        for piece in own:
            self._trials.put(piece, trial)
        return True

    def met(self, pieces: Sequence[int], at_us: int) -> list[Trial]:
        """Whose words come again, once for each piece; nothing where too few of them do."""
        young, old = self._trials.young, self._trials.old
        met = (young.keys() & pieces) | (old.keys() & pieces)
        if len(met) < _FEWEST:
            return []
        trials = [young.get(piece) or old[piece] for piece in pieces if piece in met]
        return [trial for trial in trials if not trial.is_over and at_us - trial.at_us <= TEST_US]

    def heard(self, met: Sequence[Trial], own: int) -> Trial | None:
        """The request that comes again with what `met` it, `own` of whose pieces are its own; it is over then."""
        pieces: dict[int, int] = {}
        for trial in met:
            pieces[id(trial)] = pieces.get(id(trial), 0) + 1
        best = max(met, key=lambda trial: pieces[id(trial)], default=None)
        if best is None or pieces[id(best)] < max(_FEWEST, _SHARE * min(best.pieces, own)):
            return None
        best.is_over = True
        return best

"""Owns which pieces of text are shared: by how many unrelated payers, of which cluster they are, how well they tell it.

A piece that one payer alone says is most likely what a person wrote; one that several say is part of a template.
Knows no rule of judgement.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detect.cluster import MOST_TEMPLATES, Cluster
from proxy.detect.found import Found
from proxy.detect.template import MOST_PIECES, TRIAL, Template
from proxy.generations import Generations

PAYERS = 4
"""So many unrelated payers make a piece a shared one."""
PROVEN = 3
"""Requests of its cluster that make a piece one of the marks of a campaign."""
_LONE = 1_500_000
_SHARED = 150_000
_ELSEWHERE = 12
_MOVES = 4
_STRANGERS = 3
FEW = 0.25
"""Of a campaign's members: so many strangers are chance, more are how it hides."""
_WINDOW = 400
"""Requests of its template after which what was counted of a piece counts half: wordings change."""
UNTRIED = 0.5
"""The weight of a piece until then."""
_RARE = 0.01


class Shared:
    """A piece that more than one payer has said."""

    __slots__ = (
        "generic",
        "groups",
        "hits",
        "joined_at",
        "left",
        "moves",
        "piece",
        "said",
        "stranger",
        "strangers",
        "template",
        "weight",
    )

    def __init__(self, piece: int, first: int, second: int) -> None:
        self.piece = piece
        self.groups: set[int] | None = {first, second}
        """Who said it, until there are enough of them; None from then on."""
        self.template: Template | None = None
        self.weight = 0.0
        """How well it tells its template: its share of the template's requests, less where others say it.

        No more than its share: of a wrapper that is put together of interchangeable parts each is in few requests."""
        self.said = 0
        """Requests that had it since it belongs to a template."""
        self.hits = 0
        """Of these, requests of its cluster."""
        self.joined_at = 0
        """Requests of the template when it joined."""
        self.strangers = 0
        """How often a payer said it that says mostly other things than its cluster; `stranger` is the last one."""
        self.stranger = 0
        self.left: Template | None = None
        """The template that it was too rare in."""
        self.moves = 0
        """How often it has left a cluster because others say it more."""
        self.generic = False
        """Of no cluster: a phrase of the language, or of what people ask about."""

    @property
    def cluster(self) -> Cluster | None:
        """The cluster whose template it is of; one that is no more has none."""
        return None if self.template is None or self.template.cluster.gone else self.template.cluster

    @property
    def strength(self) -> float:
        """Its weight; while it is on trial less where it is rare so far, and so most likely what somebody asks."""
        template = self.template
        if template is None or not self.weight:
            return 0.0
        # Asked for each piece of every request; so it calls nothing.
        if template.weighed - self.joined_at >= TRIAL:
            return self.weight
        return min(self.weight, (self.hits + 1) / (template.requests - self.joined_at + 2))

    @property
    def vote(self) -> float:
        """What it has to say for its cluster: a request is of it from 1 on."""
        return 0.0 if self.template is None else self.strength / self.template.least

    @property
    def mark(self) -> float:
        """The same as a mark of a campaign, whose traffic is refused: less as soon as others say it."""
        template = self.template
        if template is None:
            return 0.0
        if template.weighed - self.joined_at < TRIAL:
            return self.vote * self.precision
        return min(self.weight, self.hits / (template.requests - self.joined_at) * self.precision) / template.least

    @property
    def since(self) -> int:
        """Requests of its template since it is of it."""
        return 0 if self.template is None else self.template.requests - self.joined_at

    @property
    def precision(self) -> float:
        """How much more its cluster says it than others do: the square of its cluster's share."""
        return (self.hits / self.said) ** 2

    def join(self, template: Template) -> None:
        """Becomes one of the template's pieces, if there is room and it has not been tried there."""
        if len(template.pieces) < MOST_PIECES and template is not self.left and not self.generic:
            self.template, self.said, self.hits, self.joined_at = template, 1, 1, template.requests
            self.weight = UNTRIED if template.requests < TRIAL else 0.0
            template.pieces[self.piece] = None

    def leave(self, *, generic: bool) -> None:
        """Is no longer of its template; `generic`: nor ever of another one."""
        if self.template is not None:
            self.template.pieces.pop(self.piece, None)
        self.left = self.template
        self.template, self.generic, self.weight = None, generic, 0.0

    def fade(self, since: int) -> None:
        """Has what was counted long ago count half, as if it had joined at the request `since`."""
        self.hits, self.said, self.joined_at = (self.hits + 1) // 2, (self.said + 1) // 2, since

    def told_by(self, group: int) -> None:
        """One more payer has said it, while it is not a shared one yet."""
        assert self.groups is not None
        self.groups.add(group)
        if len(self.groups) >= PAYERS:
            self.groups = None

    def told_by_stranger(self, group: int) -> None:
        """A payer that has little to do with its campaign says it as well: enough of these, and it is anybody's.

        Where most payers are strangers to a cluster, it is the cluster that is a fragment of something.
        """
        if group != self.stranger and self.cluster is not None:
            self.stranger = group
            self.strangers += 1
            if _STRANGERS <= self.strangers < FEW * len(self.cluster.members):
                self.leave(generic=True)

    def missed(self) -> None:
        """It was said in a request that is not of its cluster; another one may take it."""
        if self.cluster is not None and self.said >= _ELSEWHERE and self.hits * 2 < self.said:
            self.moves += 1
            self.leave(generic=self.moves >= _MOVES)


class Pieces:
    """Every piece that is remembered. Bounded: lone ones by count, shared ones by use."""

    def __init__(self, lone: int = _LONE, shared: int = _SHARED) -> None:
        self._lone: Generations[int, int] = Generations(lone)
        """Twice the payer that said it, and one more where it did so again; below zero where that was refused."""
        self._shared: Generations[int, Shared] = Generations(shared)

    def __len__(self) -> int:
        return len(self._lone) + len(self._shared)

    def shared(self, piece: int) -> Shared | None:
        """The record of a shared piece."""
        return self._shared.get(piece)

    def remembered(self, pieces: Iterable[int]) -> list[Shared]:
        """The records of those that are shared."""
        young, old = self._shared.young, self._shared.old
        return [shared for piece in pieces if (shared := young.get(piece) or old.get(piece)) is not None]

    def adopt(self, piece: int, template: Template, weight: float) -> None:
        """Makes `piece` one of `template`'s from the start, as a verdict that was kept over a restart has it."""
        shared = Shared(piece, 0, 0)
        shared.groups = None
        shared.join(template)
        shared.weight, shared.joined_at = weight, 0
        # As if it had been counted from the template's first request on, so that it goes on weighing what it weighed.
        shared.said = shared.hits = max(round(weight * template.requests), PROVEN)
        self._shared.put(piece, shared)

    def move(self, before: Cluster, now: Cluster) -> None:
        """Makes the wordings of one cluster those of another one, which has taken over its counts."""
        for template in before.templates:
            template.cluster = now
        now.templates += before.templates
        before.templates = []
        now.keep(MOST_TEMPLATES)

    def fold(self, before: Cluster, now: Cluster) -> None:
        """Makes the pieces of one cluster those of another one's commonest wording: the same requests have both."""
        template = max(now.templates, key=lambda each: each.requests, default=None) or now.worded()
        for old in before.templates:
            for piece in old.pieces:
                shared = self._shared.get(piece)
                if shared is not None and shared.template is old and len(template.pieces) < MOST_PIECES:
                    # As old as it was before, so that it is as common in its new template.
                    shared.template, shared.joined_at = template, template.requests - shared.since
                    template.pieces[piece] = None
        before.templates = []
        self.weigh(template)

    def weigh(self, template: Template) -> None:
        """Tells a wording from what people ask with it, by how common each piece is within it."""
        typical = 0.0
        template.weighed = template.requests
        for piece in list(template.pieces):
            shared = self._shared.get(piece)
            if shared is None or shared.template is not template:
                del template.pieces[piece]
                continue
            since = shared.since
            if since < TRIAL:
                continue
            rate = min(shared.hits / since, 1.0)
            if since >= _WINDOW:
                shared.fade(template.requests - since // 2)
            if rate < _RARE:
                shared.leave(generic=False)
            else:
                shared.weight = rate * shared.precision
                typical += rate * shared.weight
        if typical:
            template.typical = typical

    def meet(self, pieces: tuple[int, ...], group: int, refused: bool) -> Found:
        """Takes in the pieces of one request of the payer `group`; `refused`: it was not admitted."""
        found = Found()
        young, old = self._shared.young, self._shared.old
        # Some fifty look-ups a request: a call for each would cost as much again.
        lone, older = self._lone.young, self._lone.old
        mark = -2 * group if refused else 2 * group
        for piece in pieces:
            shared = young.get(piece)
            if shared is None and (shared := old.get(piece)) is not None:
                self._shared.put(piece, shared)
                young, old = self._shared.young, self._shared.old
            if shared is not None:
                if shared.groups is None:
                    shared.said += 1
                    found.shared.append(shared)
                else:
                    shared.told_by(group)
                continue
            found.lone += 1
            said_by = lone.get(piece)
            if said_by is None and (said_by := older.get(piece)) is None:
                lone[piece] = mark
            elif (whose := abs(said_by) >> 1) == group:
                if said_by & 1:
                    found.habits.append(piece)
                else:
                    found.again += 1
                    lone[piece] = said_by + 1 if said_by > 0 else said_by - 1
            else:
                found.of_another(whose, said_by < 0)
                self._shared.put(piece, Shared(piece, whose, group))
                young, old = self._shared.young, self._shared.old
        self._lone.turn()
        return found

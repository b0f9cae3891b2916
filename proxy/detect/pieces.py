"""Owns which pieces of text are shared: by how many unrelated payers, of which cluster they are, how well they tell it.

A piece that one payer alone says is most likely what a person wrote; one that several say is part of a template.
Knows no rule of judgement.
"""

from __future__ import annotations

from proxy.detect.cluster import MOST_PIECES, Cluster
from proxy.detect.generations import Generations

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
_TRIAL = 48
"""Requests of its cluster after which a piece's share of them is known."""
_WINDOW = 400
"""Requests of its cluster after which what was counted of a piece counts half: wordings change."""
_UNTRIED = 0.5
"""The weight of a piece until then."""
_RARE = 0.01


class Shared:
    """A piece that more than one payer has said."""

    __slots__ = (
        "cluster",
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
        "weight",
    )

    def __init__(self, piece: int, first: int, second: int) -> None:
        self.piece = piece
        self.groups: set[int] | None = {first, second}
        """Who said it, until there are enough of them; None from then on."""
        self.cluster: Cluster | None = None
        self.weight = 0.0
        """How well it tells its cluster: its share of the cluster's requests, less where others say it too."""
        self.said = 0
        """Requests that had it since it belongs to a cluster."""
        self.hits = 0
        """Of these, requests of its cluster."""
        self.joined_at = 0
        """Requests of the cluster when it joined."""
        self.strangers = 0
        """How often a payer said it that says mostly other things than its cluster; `stranger` is the last one."""
        self.stranger = 0
        self.left: Cluster | None = None
        """The cluster that it was too rare in."""
        self.moves = 0
        """How often it has left a cluster because others say it more."""
        self.generic = False
        """Of no cluster: a phrase of the language, or of what people ask about."""

    def join(self, cluster: Cluster) -> None:
        """Becomes one of the cluster's pieces, if there is room and it has not been tried there."""
        if len(cluster.pieces) < MOST_PIECES and cluster is not self.left and not self.generic:
            self.cluster, self.said, self.hits, self.joined_at = cluster, 1, 1, cluster.requests
            self.weight = _UNTRIED if cluster.requests < _TRIAL else 0.0
            cluster.pieces[self.piece] = None

    def leave(self, *, generic: bool) -> None:
        """Is no longer of its cluster; `generic`: nor ever of another one."""
        if self.cluster is not None:
            self.cluster.pieces.pop(self.piece, None)
        self.left = self.cluster
        self.cluster, self.generic, self.weight = None, generic, 0.0

    def fade(self, since: int) -> None:
        """Has what was counted long ago count half, as if it had joined at the request `since`."""
        self.hits, self.said, self.joined_at = (self.hits + 1) // 2, (self.said + 1) // 2, since

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


class Found:
    """What the pieces of one request tell."""

    __slots__ = ("again", "lone", "other", "others", "refused", "shared")

    def __init__(self) -> None:
        self.shared: list[Shared] = []
        """Its shared pieces, by PAYERS or more."""
        self.lone = 0
        """Pieces nobody or only one payer has said before."""
        self.again = 0
        """Of these, pieces that this payer has said before."""
        self.others = 0
        """Of these, pieces that only one other payer has said before."""
        self.refused = 0
        """Of these, pieces of refused requests of the payer `other`."""
        self.other = 0


class Pieces:
    """Every piece that is remembered. Bounded: lone ones by count, shared ones by use."""

    def __init__(self, lone: int = _LONE, shared: int = _SHARED) -> None:
        self._lone: Generations[int] = Generations(lone)
        self._shared: Generations[Shared] = Generations(shared)

    def __len__(self) -> int:
        return len(self._lone) + len(self._shared)

    def shared(self, piece: int) -> Shared | None:
        """The record of a shared piece."""
        return self._shared.get(piece)

    def adopt(self, piece: int, cluster: Cluster, weight: float) -> None:
        """Makes `piece` one of `cluster`'s from the start, as a verdict that was kept over a restart has it."""
        shared = Shared(piece, 0, 0)
        shared.groups = None
        shared.join(cluster)
        shared.weight, shared.joined_at = weight, 0
        # As if it had been counted from the cluster's first request on, so that it goes on weighing what it weighed.
        shared.said = shared.hits = max(round(weight * cluster.requests), PROVEN)
        self._shared.put(piece, shared)

    def move(self, before: Cluster, now: Cluster) -> None:
        """Makes the pieces of one cluster those of another one, which has taken over its counts."""
        for piece in before.pieces:
            shared = self._shared.get(piece)
            if shared is not None and shared.cluster is before and len(now.pieces) < MOST_PIECES:
                shared.cluster, shared.joined_at = now, max(now.requests - _WINDOW, 0)
                now.pieces[piece] = None
        before.pieces.clear()
        self.weigh(now)

    def weigh(self, cluster: Cluster) -> None:
        """Tells the cluster's template from what people ask with it, by how common each piece is within it."""
        typical = 0.0
        for piece in list(cluster.pieces):
            shared = self._shared.get(piece)
            if shared is None or shared.cluster is not cluster:
                del cluster.pieces[piece]
                continue
            since = cluster.requests - shared.joined_at
            if since < _TRIAL:
                continue
            rate = min(shared.hits / since, 1.0)
            if since >= _WINDOW:
                shared.fade(cluster.requests - since // 2)
            if rate < _RARE:
                shared.leave(generic=False)
            else:
                shared.weight = rate * (shared.hits / shared.said) ** 2
                typical += rate * shared.weight
        if typical:
            cluster.typical = typical

    def meet(self, pieces: tuple[int, ...], group: int, refused: bool) -> Found:
        """Takes in the pieces of one request of the payer `group`; `refused`: it was not admitted."""
        found = Found()
        young, old = self._shared.young, self._shared.old
        lone, mark = self._lone, -group if refused else group
        for piece in pieces:
            shared = young.get(piece)
            if shared is None and (shared := old.get(piece)) is not None:
                self._shared.put(piece, shared)
                young, old = self._shared.young, self._shared.old
            if shared is not None:
                if (groups := shared.groups) is not None:
                    groups.add(group)
                    if len(groups) >= PAYERS:
                        shared.groups = None
                else:
                    shared.said += 1
                    found.shared.append(shared)
                continue
            said_by = lone.get(piece)
            found.lone += 1
            if said_by is None:
                lone.put(piece, mark)
            elif said_by in (group, -group):
                found.again += 1
            else:
                found.others += 1
                if said_by < 0 and (not found.refused or found.other == -said_by):
                    found.other = -said_by
                    found.refused += 1
                self._shared.put(piece, Shared(piece, abs(said_by), group))
                young, old = self._shared.young, self._shared.old
        return found

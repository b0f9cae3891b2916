"""Owns which pieces of text are shared: by how many unrelated payers, and of which cluster they are.

A piece that one payer alone says is most likely what a person wrote; one that several say is part of a template.
Knows no rule of judgement.
"""

from __future__ import annotations

from proxy.detect.cluster import MOST_PIECES, Cluster
from proxy.detect.generations import Generations

PAYERS = 4
"""So many unrelated payers make a piece a shared one."""
_LONE = 1_500_000
_SHARED = 150_000
_GENERIC_AFTER = 12
_TRIAL = 100
"""Requests of its cluster after which a piece must have proved to be of the template."""
_COMMON = 0.03


class Shared:
    """A piece that more than one payer has said."""

    __slots__ = ("cluster", "generic", "groups", "hits", "joined_at", "piece", "said")

    def __init__(self, piece: int, first: int, second: int) -> None:
        self.piece = piece
        self.groups: set[int] | None = {first, second}
        """Who said it, until there are enough of them; None from then on."""
        self.cluster: Cluster | None = None
        self.said = 0
        """Requests that had it since it belongs to a cluster."""
        self.hits = 0
        """Of these, requests of its cluster."""
        self.joined_at = 0
        """Requests of the cluster when it joined."""
        self.generic = False
        """Of no cluster: a phrase of the language, or of what people ask about."""

    def join(self, cluster: Cluster) -> None:
        """Becomes one of the cluster's pieces, if there is room."""
        if len(cluster.pieces) < MOST_PIECES:
            self.cluster, self.said, self.hits, self.joined_at = cluster, 1, 1, cluster.requests
            cluster.pieces[self.piece] = None

    def leave(self) -> None:
        """Is of no cluster from now on."""
        if self.cluster is not None:
            self.cluster.pieces.pop(self.piece, None)
        self.cluster, self.generic = None, True

    def missed(self) -> None:
        """It was said in a request that is not of its cluster."""
        if self.cluster is not None and self.said >= _GENERIC_AFTER and self.hits * 2 < self.said:
            self.leave()


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
        self.other = 0
        """The group of the last such payer."""
        self.refused = 0
        """Of `others`, pieces of a request that was refused."""


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

    def prune(self, cluster: Cluster) -> None:
        """Has the pieces leave that only a few of the cluster's requests have: what people ask about, not how."""
        for piece in list(cluster.pieces):
            shared = self._shared.get(piece)
            if shared is None or shared.cluster is not cluster:
                del cluster.pieces[piece]
            elif (since := cluster.requests - shared.joined_at) >= _TRIAL and shared.hits < _COMMON * since:
                shared.leave()

    def adopt(self, piece: int, cluster: Cluster) -> None:
        """Makes `piece` one of `cluster`'s from the start, as a verdict that was kept over a restart has it."""
        shared = Shared(piece, 0, 0)
        shared.groups = None
        shared.join(cluster)
        self._shared.put(piece, shared)

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
                found.other = abs(said_by)
                found.refused += said_by < 0
                self._shared.put(piece, Shared(piece, abs(said_by), group))
                young, old = self._shared.young, self._shared.old
        return found

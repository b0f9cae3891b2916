"""Owns whom of a cluster's members a verdict means: those from whom all is acted on, and those that are let alone.

Counts only; knows no event and no policy. Where a pool shares its words with customers, see `mixture`.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.detect.cluster import Cluster
from proxy.detect.engine import Engine
from proxy.detect.payers import Payer
from proxy.detect.pieces import FEW

_LITTLE_ELSE = 0.6
"""Of an account's requests, that are the campaign's: what is left may be wordings of it that are not known yet."""
_MUCH = 0.25
"""Of an account's requests, that are the campaign's: so many are no accident, though it says other things as well."""
_PROVEN_REQUESTS = 4


def members_of(engine: Engine, cluster: Cluster) -> list[Payer]:
    """The cluster's members that are remembered, in the order in which they joined."""
    return engine.payers.remembered(cluster.members)


def whole_accounts(members: Sequence[Payer], cluster: Cluster) -> tuple[str, ...]:
    """Members from whom little else comes, seen often enough to say so."""
    return tuple(payer.account for payer in members if _says(payer, cluster, _LITTLE_ELSE))


def known_accounts(members: Sequence[Payer], cluster: Cluster) -> tuple[str, ...]:
    """Members of whose requests many are its own, and those that took over what a verdict had refused, or had it taken
    over."""
    pool = cluster.pairs.pool
    return tuple(payer.account for payer in members if payer.group in pool or _says(payer, cluster, _MUCH))


def _says(payer: Payer, cluster: Cluster, share: float) -> bool:
    requests = cluster.members[payer.account]
    return requests >= _PROVEN_REQUESTS and requests >= share * payer.events


def excused_accounts(members: Sequence[Payer], cluster: Cluster) -> tuple[str, ...]:
    """Members that say mostly other things, and those that ask again at once what a verdict refused them.

    Where more of them do, that is how this campaign hides, or what its clients are like.
    """
    strangers = [payer.account for payer in members if cluster.is_strange(payer)]
    excused = set(strangers) if len(strangers) < FEW * len(cluster.members) else set()
    refused, soon = cluster.refused_groups, cluster.pairs.prompt - cluster.pairs.pool
    if len(refused & soon) < FEW * len(refused):
        excused.update(payer.account for payer in members if payer.group in soon)
    return tuple(sorted(excused))

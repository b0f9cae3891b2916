"""Owns whom a campaign means that shares its words with customers: some fail over when they are refused, others return.

A pool that uses a popular product says what all its customers say. Counts only; knows no event and no policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from proxy.detect.cluster import Cluster
from proxy.detect.networks import Networks
from proxy.detect.payers import Payer
from proxy.verdict.campaign import Evidence
from proxy.verdict.judgement import is_tested

_FEWEST_RETURNED, _FEW_RETURNED, _MOST_RETURNED = 5, 0.03, 0.8
"""Payers that came back by themselves, at least, and their share of all whose reaction is known: fewer are chance, and
where nearly all do it is the pool that tries again."""
_MOSTLY_ONCE = 0.7
"""Of its questions begin a conversation, where those who go on with theirs are customers of what a pool imitates."""
_TURNS, _MOST_CONVERSING = 3, 0.5
"""With which such a customer goes on for each conversation begun; and of all accounts, so many are no customers."""
_AT_LEAST, _PER_TURN = 2, 4
"""Conversations that an account began, in all and for each time it went on with one, and is of the pool."""
_EXIT = 2
"""Accounts of a pool that make the network they come from one of its exits."""


def is_mixed(cluster: Cluster, evidence: Sequence[Evidence]) -> bool:
    """Whether a campaign that was confirmed on this evidence shares its words with customers, who come back.

    Where it was confirmed though all came back, who comes back is no customer.
    """
    if not cluster.has_text or not is_tested(evidence):
        return False
    returned = len(cluster.pairs.customers)
    both = returned + len(cluster.pairs.pool)
    return returned >= _FEWEST_RETURNED and _FEW_RETURNED * both <= returned <= _MOST_RETURNED * both


def asks_once(cluster: Cluster) -> bool:
    """Whether so many of its questions begin a conversation that those who go on with theirs are customers."""
    return cluster.dealt.asks_once(_MOSTLY_ONCE)


def is_imitation(cluster: Cluster, evidence: Sequence[Evidence]) -> bool:
    """Whether a campaign that asks once, and was confirmed on this evidence, shares its words with customers, who have
    conversations."""
    return cluster.has_text and not is_tested(evidence) and _some_converse(cluster)


def _some_converse(cluster: Cluster) -> bool:
    dealt = cluster.dealt
    least = max(_FEWEST_RETURNED, _FEW_RETURNED * len(dealt.shares))
    if dealt.conversing < least or not asks_once(cluster):
        return False
    conversing = sum(share.turns >= _TURNS * max(share.openings, 1) for share in dealt.shares.values())
    return least <= conversing <= _MOST_CONVERSING * len(dealt.shares)


def pool_accounts(members: Sequence[Payer], cluster: Cluster, around: Networks) -> tuple[str, ...]:
    """Members that took over from another one what a verdict had refused, or were taken over from.

    Also those that come out of the same exits as several of these, or are paid for by the same purse. `around`: where
    all accounts come from.
    """
    known = [payer for payer in members if payer.group in cluster.pairs.pool]
    customers = cluster.pairs.customers
    exits = Counter(payer.network for payer in known if not around.is_common(payer.network))
    innocent = {payer.network for payer in members if payer.group in customers}
    purses = {payer.payment for payer in known} - {None}
    found = known + [
        payer
        for payer in members
        if payer.group not in cluster.pairs.pool
        and payer.group not in customers
        and (payer.payment in purses or (exits[payer.network] >= _EXIT and payer.network not in innocent))
    ]
    return tuple(payer.account for payer in found)


def asking_once(members: Sequence[Payer], cluster: Cluster) -> list[str]:
    """Members that begin conversations rather than going on with some, where customers have conversations."""
    shares = ((payer, cluster.dealt.shares.get(payer.number)) for payer in members)
    return [
        payer.account
        for payer, share in shares
        if share is not None and share.openings >= max(_AT_LEAST, _PER_TURN * share.turns)
    ]

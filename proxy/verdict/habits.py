"""Owns what honest traffic does and campaigns have no use for: it talks its matters over, or starts by the clock.

Speaks against a campaign, never for one. Counts only; knows no event and no policy.
"""

from __future__ import annotations

from proxy.detect.cluster import Cluster
from proxy.verdict.campaign import Evidence
from proxy.verdict.judgement import CONVERSATIONS
from proxy.verdict.nats import evidence

_AGAINST = -3.0
_SOME_TALK, _MUCH_TALK = 0.1, 1 / 3
"""Of all questions, from which it is likely that people talk, and as sure as that ever is."""
_AT_ONE_TIME, _IN_ONE_HOUR = 0.6, 0.7
"""Of all requests, in the same five minutes of the hour; and of these at most, in one hour."""


def habits(cluster: Cluster) -> list[Evidence]:
    """What speaks for people and for jobs."""
    return [*_conversations(cluster), *_by_the_clock(cluster)]


def _conversations(cluster: Cluster) -> list[Evidence]:
    """Campaigns: who wants answers to train on asks once, and agents go on with what a tool has found."""
    share = cluster.dealt.talked / max(cluster.dealt.questions, 1)
    if share < _SOME_TALK or not cluster.has_text:
        return []
    detail = f"{share:.0%} of its questions go on with a conversation in words"
    return [evidence("partition", CONVERSATIONS, _AGAINST * min(share / _MUCH_TALK, 1.0), detail)]


def _by_the_clock(cluster: Cluster) -> list[Evidence]:
    """Campaigns: a pool has no reason to work for minutes of an hour only, as strangers' jobs do."""
    share, in_one_hour = cluster.timeline.by_the_clock()
    if share < _AT_ONE_TIME or in_one_hour > _IN_ONE_HOUR:
        return []
    detail = f"{share:.0%} of its requests come in the same five minutes of the hour"
    return [evidence("partition", "by-the-clock", _AGAINST, detail)]

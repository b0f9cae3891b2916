"""Two clusters that have counted some of the same requests, in any order and from any start, tell each once as one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.counted import Counted
from proxy.detect.dealt import Again
from proxy.detect.payers import Payers
from proxy.events.content import Content
from tests.unit.detect.traffic_by_hand import T0, asked

REQUESTS = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.sampled_from(Relation),
        st.sampled_from(["allow", "throttle"]),
        st.sampled_from([(0,), (1,), (2,), (0, 1), (1, 2)]),
        st.integers(0, 10**10),
    ),
    max_size=60,
)
"""Of which account, how it stands, what became of it, which of three clusters count it, and how long after the last."""


def told(cluster: Cluster) -> tuple[object, ...]:
    dealt = cluster.dealt
    kinds = (cluster.members, cluster.models, cluster.shapes, cluster.relations)
    shares = {account: share.openings for account, share in dealt.shares.items()}
    return (
        *(cluster.requests, cluster.admitted, cluster.prevented, cluster.targets),
        *({kind: times for kind, times in counted.items() if times} for counted in kinds),
        *(dealt.openings, dealt.turns, dealt.total.others, shares),
        *(sum(cluster.timeline.admitted), sum(cluster.timeline.prevented), sum(cluster.timeline.twelfths.values())),
    )


@settings(max_examples=100)
@given(REQUESTS, st.permutations(range(3)))
def test_each_request_is_told_once_of_clusters_that_have_become_one(
    requests: list[tuple[int, Relation, str, tuple[int, ...], int]], order: list[int]
) -> None:
    counted, payers = Counted(), Payers()
    clusters = [Cluster(number, T0 + number) for number in range(3)]
    together, at_us = Cluster(9, T0), T0
    for account, relation, action, counting, later_us in requests:
        at_us += later_us
        event = asked(f"a{account}", Content(targets=account, shape=account), at_us, action=action)
        payer = payers.seen(event)
        counts = [clusters[number] for number in counting]
        if len(counts) > 1:
            counts.append(counted.twice(counts[0], counts[1]))
        for cluster in (*counts, together):
            cluster.asked(event, payer, relation, again=Again.NO, whose=0)
    one, other, third = (clusters[number] for number in order)
    for whole, part in ((other, third), (one, other)):
        counted.unite(whole, part)
        whole.absorb(part)
    assert told(one) == told(together)
    assert len(counted) == 0
    fall = one.dealt.total
    assert 0 <= fall.soon <= fall.returns
    assert all(0 <= share.soon <= share.returns for share in one.dealt.shares.values())
    assert min((*one.timeline.admitted, *one.timeline.prevented)) >= 0

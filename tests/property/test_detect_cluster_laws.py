"""What two clusters have counted, the one that takes over the other has counted; and it stays bounded."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detect.cluster import MOST_KINDS, Cluster
from proxy.detect.conversations import Relation
from proxy.detect.dealt import Again
from proxy.detect.payers import Payers
from proxy.events.content import Content
from proxy.events.event import Answered
from tests.unit.detect.traffic_by_hand import T0, asked


@dataclass(frozen=True)
class Request:
    account: int
    relation: Relation
    action: str
    model: str
    targets: int
    tokens: int
    again: Again


REQUESTS = st.lists(
    st.builds(
        Request,
        st.integers(1, 9),
        st.sampled_from(Relation),
        st.sampled_from(["allow", "throttle", "block"]),
        st.sampled_from(["m-1", "m-2"]),
        st.integers(0, 31),
        st.integers(0, 100),
        st.sampled_from(Again),
    ),
    max_size=25,
)


def counted(requests: list[Request], payers: Payers, start_us: int) -> Cluster:
    cluster = Cluster(1, start_us)
    for number, request in enumerate(requests):
        event = asked(
            f"a{request.account}",
            Content(targets=request.targets, shape=request.targets),
            start_us + number * 90_000_000,
            action=request.action,
            by_verdict=request.action == "throttle",
            model=request.model,
            payment=f"p{request.account % 3}",
            created_us=start_us,
        )
        cluster.asked(event, payers.seen(event), request.relation, request.again, whose=100)
        cluster.answered(Answered(event.moment_us, event.account, input_tokens=request.tokens))
    return cluster


def added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {*one, *other}}


def told(cluster: Cluster) -> dict[str, int]:
    """Every count of it under a name."""
    found = {
        name: getattr(cluster, name)
        for name in ("requests", "admitted", "prevented", "probes", "input_tokens", "output_tokens")
    }
    found |= {f"relation {relation}": count for relation, count in cluster.relations.items()}
    found |= {f"target {bit}": count for bit, count in enumerate(cluster.targets)}
    total = cluster.dealt.total
    found |= {name: getattr(total, name) for name in ("openings", "returns", "soon", "own", "others")}
    found |= {"created": len(cluster.ages)}
    found |= {"admitted slices": sum(cluster.timeline.admitted), "prevented slices": sum(cluster.timeline.prevented)}
    for kind, counts in (
        ("model", cluster.models),
        ("shape", cluster.shapes),
        ("client", cluster.clients),
        ("member", cluster.members),
        ("dealt to", {account: share.openings for account, share in cluster.dealt.shares.items()}),
    ):
        found |= {f"{kind} {key}": count for key, count in counts.items()}
    return found


@settings(max_examples=40)
@given(REQUESTS, REQUESTS, st.integers(0, 10**9))
def test_taking_over_another_cluster_conserves_every_count(
    one: list[Request], other: list[Request], later_us: int
) -> None:
    payers = Payers()
    mine, theirs = counted(one, payers, T0), counted(other, payers, T0 + later_us)
    expected = added(told(mine), told(theirs))
    mine.absorb(theirs)
    assert told(mine) == expected


@settings(max_examples=40)
@given(REQUESTS, REQUESTS)
def test_accounts_that_are_in_both_clusters_do_not_seem_to_share_a_network_or_a_payment_with_themselves(
    one: list[Request], other: list[Request]
) -> None:
    payers = Payers()
    mine, theirs = counted(one, payers, T0), counted(other, payers, T0)
    together = counted([*one, *other], payers, T0)
    both = [payers.find(account) for account in mine.members.keys() & theirs.members.keys()]
    mine.absorb(theirs, [payer for payer in both if payer is not None])
    assert (mine.networks, mine.payments) == (together.networks, together.payments)


@settings(max_examples=40)
@given(REQUESTS, REQUESTS)
def test_taking_over_another_cluster_keeps_everybody_that_either_knew(one: list[Request], other: list[Request]) -> None:
    payers = Payers()
    mine, theirs = counted(one, payers, T0), counted(other, payers, T0)
    ties = {name: getattr(mine.pairs, name) | getattr(theirs.pairs, name) for name in ("echoes", "tested", "handovers")}
    refused = mine.refused_groups | theirs.refused_groups
    mine.absorb(theirs)
    assert {name: getattr(mine.pairs, name) for name in ties} == ties
    assert mine.refused_groups == refused
    dealt = mine.dealt
    assert sum(dealt.total.histogram.values()) == len(dealt.shares)
    shares = sum(share.openings for share in dealt.shares.values())
    assert sum(count * accounts for count, accounts in dealt.total.histogram.items()) == shares


@settings(max_examples=40)
@given(REQUESTS, REQUESTS)
def test_taking_over_another_cluster_reaches_from_the_first_to_the_last(
    one: list[Request], other: list[Request]
) -> None:
    payers = Payers()
    mine, theirs = counted(one, payers, T0 + 5), counted(other, payers, T0)
    expected = min(mine.first_us, theirs.first_us), max(mine.last_us, theirs.last_us)
    mine.absorb(theirs)
    assert (mine.first_us, mine.last_us) == expected


def test_however_many_it_takes_over_what_it_holds_is_bounded() -> None:
    payers, whole = Payers(), Cluster(1, T0)
    for number in range(60):
        part = Cluster(2 + number, T0)
        for each in range(30):
            event = asked(
                f"{number}-{each}",
                Content(shape=number * 30 + each + 1),
                action="block",
                model=f"m {number} {each}",
                client=f"c {number} {each}",
            )
            part.asked(event, payers.seen(event), Relation.ECHO, again=Again.NO, whose=10**6 + number * 30 + each)
        whole.absorb(part)
    assert whole.requests == len(whole.members) == 1800
    assert max(len(whole.models), len(whole.clients), len(whole.shapes)) <= MOST_KINDS
    assert len(whole.pairs.echoes) < 1800
    assert len(whole.refused_groups) < 1800

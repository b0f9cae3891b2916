"""Components of tied payers: union, sizes, and the clusters that are one from now on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.detect.cluster import Cluster
from proxy.detect.ties import BRIDGES, Ties, largest_component
from tests.unit.detect.traffic_by_hand import T0

_PAIRS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=40)


def counted_apart() -> tuple[Ties, Cluster, Cluster]:
    """The payers 0 to 4 and 10 to 14, each counted in a cluster of its own."""
    ties, one, other = Ties(), Cluster(1, T0), Cluster(2, T0)
    for first, cluster in ((0, one), (10, other)):
        for number in range(first, first + 4):
            ties.tie(number, number + 1)
        ties.clusters[ties.component(first)[0]] = cluster
    return ties, one, other


def components(pairs: list[tuple[int, int]]) -> list[set[int]]:
    """The sets that the pairs join, the plain way."""
    found: list[set[int]] = []
    for one, other in pairs:
        if one != other:
            meeting = [each for each in found if each & {one, other}]
            found = [each for each in found if each not in meeting] + [{one, other}.union(*meeting)]
    return found


@given(_PAIRS)
def test_payers_are_in_one_component_where_ties_lead_from_one_to_the_other(pairs: list[tuple[int, int]]) -> None:
    ties = Ties()
    for one, other in pairs:
        ties.tie(one, other)
    of = {group: each for each in components(pairs) for group in each}
    for one in range(1, 13):
        root, size = ties.component(one)
        assert size == len(of.get(one, {one}))
        for other in range(1, 13):
            assert (ties.component(other)[0] == root) == (one == other or of.get(one, {one}) == of.get(other, {other}))
    assert ties.largest() == largest_component(pairs) == max(map(len, of.values()), default=0)


@given(_PAIRS)
def test_a_payers_degree_is_how_often_it_was_tied_to_another_one(pairs: list[tuple[int, int]]) -> None:
    ties = Ties()
    for one, other in pairs:
        ties.tie(one, other)
    for group in range(1, 13):
        assert ties.degree.get(group, 0) == sum(group in pair and pair[0] != pair[1] for pair in pairs)


@given(_PAIRS, st.integers(2, 6))
def test_no_more_payers_are_tied_than_its_bound(pairs: list[tuple[int, int]], most: int) -> None:
    ties = Ties(most)
    for one, other in pairs:
        ties.tie(one, other)
    assert sum(ties.component(group)[1] > 1 for group in range(1, 13)) <= most + 1
    assert len(ties.degree) <= most + 1


def test_when_two_components_become_one_their_clusters_are_told_to_be_merged() -> None:
    ties, one, other = counted_apart()
    for number in range(BRIDGES - 1):
        assert ties.tie(number, 10 + number) is None
    pair = ties.tie(BRIDGES - 1, 9 + BRIDGES)
    assert pair is not None
    assert set(pair) == {one, other}
    assert list(ties.clusters.values()) == [pair[0]]
    assert ties.clusters.get(ties.component(14)[0]) is pair[0]


@given(st.lists(st.tuples(st.integers(0, 4), st.just(10)), max_size=40))
def test_what_only_one_account_ties_stays_apart(pairs: list[tuple[int, int]]) -> None:
    ties, *clusters = counted_apart()
    for pair in pairs:
        assert ties.tie(*pair) is None
    assert set(ties.clusters.values()) == set(clusters)


def test_a_component_without_a_cluster_takes_over_that_of_the_one_it_joins() -> None:
    for joined in ((1, 5), (5, 1)):
        ties, cluster = Ties(), Cluster(1, T0)
        ties.tie(1, 2)
        for other in (6, 7, 8):
            ties.tie(5, other)
        ties.clusters[ties.component(1)[0]] = cluster
        assert ties.tie(*joined) is None
        assert ties.clusters == {ties.component(8)[0]: cluster}


def test_a_merged_clusters_component_is_counted_in_the_one_that_took_it_over() -> None:
    ties, before, now = Ties(), Cluster(1, T0), Cluster(2, T0)
    ties.tie(1, 2)
    ties.clusters[ties.component(1)[0]] = before
    ties.renamed(before, now)
    assert list(ties.clusters.values()) == [now]

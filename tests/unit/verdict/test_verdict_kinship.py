"""When two clusters are one: the same payers, or one work that goes on in both."""

from __future__ import annotations

import pytest

from proxy.detect.cluster import Cluster, meet
from proxy.verdict.kinship import are_one
from tests.unit.verdict.counted import counted, in_turn


def two(one: int, other: int, common: int) -> tuple[Cluster, Cluster]:
    """Clusters with so many accounts, so many of which are in both; same model and parameters."""
    first, second = (
        counted(in_turn(4 * one, one), pieces=range(1, 11)),
        counted(in_turn(4 * other, other), pieces=range(20, 31)),
    )
    if common:
        meet(first, second, common)
    return first, second


def related(one: Cluster, other: Cluster) -> bool:
    assert are_one(one, other) == are_one(other, one)
    return are_one(one, other)


def unlike(cluster: Cluster) -> None:
    """Another model and other parameters."""
    cluster.models, cluster.shapes = {"another": cluster.requests}, {99: cluster.requests}


def test_the_same_payers_are_one_whatever_they_say() -> None:
    one, other = two(50, 50, 48)
    unlike(other)
    assert related(one, other)


def test_clusters_that_have_nobody_in_common_are_two() -> None:
    assert not related(*two(50, 50, 0))


def test_a_few_who_are_in_both_prove_nothing() -> None:
    assert not related(*two(50, 50, 5))


def test_payers_of_a_small_cluster_within_a_popular_one_are_not_all_of_it() -> None:
    assert not related(*two(40, 2000, 40))


def test_much_the_same_use_by_many_of_the_same_payers_is_one_work() -> None:
    one, other = two(100, 120, 40)
    assert related(one, other)
    unlike(other)
    assert not related(one, other)


def test_those_who_are_known_by_their_ties_alone_are_part_of_the_template_that_half_of_them_use() -> None:
    one, other = two(50, 200, 30)
    one.templates.clear()
    unlike(one)
    assert related(one, other)


@pytest.mark.parametrize("crossings", [2, 40])
def test_work_that_goes_on_under_another_template_makes_them_one_where_it_does_so_often(crossings: int) -> None:
    one, other = two(50, 50, 0)
    one.crossings[other] = other.crossings[one] = crossings
    assert related(one, other) == (crossings == 40)
    unlike(other)
    assert not related(one, other)

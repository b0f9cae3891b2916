"""When two clusters are one: the same payers, or one work that goes on in both."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from proxy.detect.cluster import Cluster, meet
from proxy.verdict.kinship import are_one
from tests.unit.verdict.counted import around, counted, in_turn


def two(one: int, other: int, common: int) -> tuple[Cluster, Cluster]:
    """Clusters with so many accounts, so many of which are in both; same model and parameters."""
    first = counted(in_turn(4 * one, one), pieces=range(1, 11))
    apart = one - common
    second = counted((apart + account for account in in_turn(4 * other, other)), pieces=range(20, 31))
    if common:
        meet(first, second, common)
    return first, second


def related(one: Cluster, other: Cluster, elsewhere: Iterable[str] = ()) -> bool:
    """`elsewhere`: the networks of all accounts that are in neither."""
    networks = around([*_networks(one), *_networks(other), *elsewhere])
    assert are_one(one, other, networks) == are_one(other, one, networks)
    return are_one(one, other, networks)


def _networks(cluster: Cluster) -> list[str]:
    return [network for network, accounts in cluster.networks.items() for _ in range(accounts)]


def two_pools(exits: int = 20, payment: str | None = None) -> tuple[Cluster, Cluster]:
    """Clusters of unlike words, 80 accounts in each and none in both, that come out of the same so many networks."""
    one = counted(in_turn(320, 80), pieces=range(1, 11), payment=payment)
    other = counted((1000 + account for account in in_turn(320, 80)), pieces=range(20, 31), payment=payment)
    for cluster in (one, other):
        cluster.networks = {f"exit-{number}": 80 // exits for number in range(exits)}
    return one, other


HOMES = [f"home-{number}" for number in range(1000)]


def test_pools_that_come_out_of_networks_where_hardly_anybody_else_is_are_one() -> None:
    one, other = two_pools()
    assert related(one, other, HOMES)
    unlike(other)
    assert not related(one, other, HOMES)


def test_networks_where_everybody_is_prove_nothing_nor_do_a_few_of_one_building() -> None:
    one, other = two_pools()
    assert not related(one, other, _networks(one) * 20)
    assert not related(*two_pools(exits=4), HOMES)


def test_pools_that_the_same_ones_pay_for_are_one_and_those_that_pay_for_themselves_are_not() -> None:
    one, other = two_pools(payment="one card")
    assert related(one, other, _networks(one) * 20)
    other.payments = {f"card-{number}": 1 for number in range(80)}
    assert not related(one, other, _networks(one) * 20)


def test_the_same_people_under_two_templates_have_everything_in_common_and_are_not_one_operators() -> None:
    one = counted(in_turn(320, 80), pieces=range(1, 11), payment="a card each")
    other = counted(in_turn(320, 80), pieces=range(20, 31), payment="a card each")
    assert not related(one, other, HOMES)


def unlike(cluster: Cluster) -> None:
    """Another model and other parameters."""
    cluster.models, cluster.shapes = {"another": cluster.requests}, {99: cluster.requests}


def test_the_same_payers_are_one_whatever_they_say() -> None:
    one, other = two(50, 50, 48)
    unlike(other)
    assert related(one, other)


def test_clusters_that_have_nobody_in_common_are_two() -> None:
    assert not related(*two(50, 50, 0))


def test_who_was_counted_twice_since_clusters_were_merged_is_in_both_but_once() -> None:
    one, other = two(200, 200, 80)
    unlike(other)
    meet(one, other, 80)
    assert not related(one, other)


@pytest.mark.parametrize("kinds", [range(9), range(9, 18)])
def test_a_few_requests_are_like_many_where_they_are_of_the_same_mixture_of_parameters(kinds: range) -> None:
    one, few = two(200, 16, 16)
    one.campaign = "c-1"
    one.shapes = dict.fromkeys(range(9), 40)
    few.shapes = dict(zip(kinds, (5, 1, 3, 0, 4, 2, 0, 6, 3), strict=True))
    assert related(one, few) == (kinds == range(9))


def test_a_few_who_are_in_both_prove_nothing() -> None:
    assert not related(*two(50, 50, 5))


def test_payers_of_a_small_cluster_within_a_popular_one_are_not_all_of_it() -> None:
    assert not related(*two(40, 2000, 40))


def test_much_the_same_use_by_many_of_the_same_payers_is_one_work() -> None:
    one, other = two(100, 120, 40)
    assert related(one, other)
    unlike(other)
    assert not related(one, other)


def test_a_wording_that_is_used_by_those_who_are_tied_anyway_is_theirs() -> None:
    tied, wording = two(200, 50, 40)
    tied.templates.clear()
    unlike(tied)
    assert related(tied, wording)
    tied, anybodys = two(200, 50, 30)
    tied.templates.clear()
    assert not related(tied, anybodys)


@pytest.mark.parametrize("is_alike", [False, True])
def test_a_pool_that_uses_a_popular_product_is_not_all_of_its_customers(is_alike: bool) -> None:
    pool, product = two(50, 200, 50)
    pool.templates.clear()
    if not is_alike:
        unlike(pool)
    pool.campaign = "c-1"
    assert not related(pool, product)


@pytest.mark.parametrize("crossings", [2, 40])
def test_work_that_goes_on_under_another_template_makes_them_one_where_it_does_so_often(crossings: int) -> None:
    one, other = two(50, 50, 0)
    one.crossings[other] = other.crossings[one] = crossings
    assert related(one, other) == (crossings == 40)
    unlike(other)
    assert not related(one, other)

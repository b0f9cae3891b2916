from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.detect.networks import Networks

NETWORKS = st.lists(st.sampled_from([f"n-{number}" for number in range(12)]), max_size=60)


def seen(networks: list[str], kept: int = 10_000) -> Networks:
    found = Networks(kept)
    for network in networks:
        found.welcome(network)
    return found


@given(NETWORKS, NETWORKS)
def test_what_chance_would_have_shared_is_a_share(group: list[str], others: list[str]) -> None:
    assert 0 <= seen(group + others).shared_by_lot(Counter(group)) <= 1


@given(NETWORKS)
def test_a_group_is_no_measure_of_itself(group: list[str]) -> None:
    assert seen(group).shared_by_lot(Counter(group)) == 0
    elsewhere = [f"elsewhere-{number}" for number in range(50)]
    assert seen(group + elsewhere).shared_by_lot(Counter(group)) == 0


def test_a_group_from_where_everybody_comes_from_shares_networks_by_lot() -> None:
    group = [f"n-{number % 4}" for number in range(40)]
    assert seen(group * 10).shared_by_lot(Counter(group)) > 0.99


def test_the_more_come_from_elsewhere_the_less_chance_explains() -> None:
    group = [f"n-{number % 10}" for number in range(40)]
    homes = [f"home-{number}" for number in range(5000)]
    shares = [seen(group * 2 + homes[:count]).shared_by_lot(Counter(group)) for count in (100, 1000, 5000)]
    assert shares[0] > shares[1] > shares[2] > 0


def test_a_flood_of_networks_is_forgotten_again() -> None:
    kept = seen([f"n-{number}" for number in range(10_000)], kept=100)
    assert kept.shared_by_lot({"n-1": 1, "n-2": 1}) == 0


@given(NETWORKS, st.dictionaries(st.sampled_from([f"n-{number}" for number in range(15)]), st.integers(1, 2000)))
@example(["n-1"] * 600, {"n-1": 1, "n-14": 599})
def test_it_is_a_share_even_of_a_group_whose_accounts_were_first_seen_elsewhere(
    networks: list[str], group: dict[str, int]
) -> None:
    around = seen(networks)
    assert 0 <= around.shared_by_lot(group) <= 1
    assert 0 <= around.share_in(group, Counter(networks)) <= 1

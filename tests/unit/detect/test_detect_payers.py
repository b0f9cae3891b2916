"""Who is known: accounts of one organisation are one payer, and a flood of names makes nobody else forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.detect.payers import Payers
from tests.unit.detect.traffic_by_hand import T0, asked, names


def test_accounts_of_one_organisation_are_one_payer() -> None:
    payers = Payers()
    assert payers.seen(asked("a", org="o")).group == payers.seen(asked("b", org="o")).group


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.none() | st.sampled_from(["o", "p"])), unique_by=lambda a: a[0])
)
def test_two_accounts_are_one_payer_where_they_have_one_organisation_and_nowhere_else(
    accounts: list[tuple[str, str | None]],
) -> None:
    payers = Payers()
    groups = {account: payers.seen(asked(account, org=org)).group for account, org in accounts}
    for one, org in accounts:
        for other, another in accounts:
            assert (groups[one] == groups[other]) == (one == other or (org is not None and org == another))


@given(st.lists(st.integers(0, 60), max_size=300), st.integers(1, 20))
def test_no_traffic_makes_it_remember_more_than_its_bound(accounts: list[int], most: int) -> None:
    payers = Payers(most)
    for moment, account in enumerate(accounts):
        payers.seen(asked(str(account), moment_us=T0 + moment))
        assert len(payers) <= 2 * most


@given(st.integers(0, 500))
def test_a_flood_of_invented_accounts_evicts_only_its_like(flood: int) -> None:
    payers = Payers(20)
    proven = names("proven", 20)
    for account in proven * 2:
        payers.seen(asked(account))
    for account in names("invented", flood):
        payers.seen(asked(account))
    assert all(payers.find(account) is not None for account in proven)


def test_of_those_that_come_back_the_one_that_keeps_coming_is_kept() -> None:
    payers = Payers(16)
    for moment in range(400):
        for account in ("regular", f"passing-{moment // 2}"):
            payers.seen(asked(account, moment_us=T0 + moment))
    assert payers.find("regular") is not None
    assert payers.find("passing-0") is None


def test_an_account_that_was_forgotten_starts_anew() -> None:
    payers = Payers(2)
    first = payers.seen(asked("a"))
    for account in names("b", 3):
        payers.seen(asked(account))
    again = payers.seen(asked("a"))
    assert again is not first
    assert again.events == 1


def test_it_counts_how_often_an_account_came_from_another_network() -> None:
    payers = Payers()
    for network in ("n1", "n1", "n2"):
        payers.seen(asked("a", network=network))
    payer = payers.seen(asked("a", network="n1"))
    assert (payer.events, payer.networks, payer.network) == (4, 3, "n1")

"""What is counted of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.dealt import Again, Dealt
from proxy.detect.payers import Payers
from proxy.events.content import TARGETS, Content, Target
from proxy.events.event import Answered
from tests.unit.detect.traffic_by_hand import T0, asked, names


def count(cluster: Cluster, account: str, relation: Relation = Relation.NEW, whose: int = 0, **fields: object) -> None:
    event = replace(asked(account, Content()), **fields)
    cluster.asked(event, Payers().seen(event), relation, again=Again.NO, whose=whose)


def test_an_exchange_is_either_admitted_or_prevented() -> None:
    cluster = Cluster(1, T0)
    for action in ("allow", "throttle", "block"):
        count(cluster, "a", action=action)
    assert (cluster.requests, cluster.admitted, cluster.prevented) == (3, 1, 2)


def test_it_counts_what_its_answers_used_where_the_upstream_told() -> None:
    cluster = Cluster(1, T0)
    cluster.answered(Answered(T0, "a", input_tokens=5, output_tokens=7))
    cluster.answered(Answered(T0, "a"))
    assert (cluster.input_tokens, cluster.output_tokens) == (5, 7)


def test_it_counts_what_its_requests_ask_for() -> None:
    cluster = Cluster(1, T0)
    event = asked("a", Content(targets=1 << TARGETS.index(Target.REASONING) | 1 << TARGETS.index(Target.CODE)))
    cluster.asked(event, Payers().seen(event), Relation.NEW, again=Again.NO, whose=0)
    assert {target for target, number in zip(TARGETS, cluster.targets, strict=True) if number} == {
        Target.REASONING,
        Target.CODE,
    }


def test_only_a_refusal_by_a_verdict_is_a_probe() -> None:
    cluster = Cluster(1, T0)
    count(cluster, "a", action="throttle", moment_us=T0 + 1)
    count(cluster, "b", action="throttle", moment_us=T0 + 2, by_verdict=True)
    count(cluster, "c", moment_us=T0 + 3)
    assert cluster.probes == 1


def test_what_is_refused_in_another_campaigns_name_is_borrowed() -> None:
    cluster = Cluster(1, T0)
    cluster.campaign = "c-own"
    for name in ("c-own", "c-other", "c-other"):
        count(cluster, "a", action="throttle", by_verdict=True, campaign=name)
    assert (cluster.probes, cluster.borrowed) == (3, 2)


def test_only_the_opening_of_a_conversation_is_dealt() -> None:
    cluster = Cluster(1, T0)
    for relation in Relation:
        count(cluster, "a", relation, whose=99)
    assert cluster.requests == len(Relation)
    openings = {Relation.NEW, Relation.SECOND, Relation.AT_ONCE, Relation.SHARED, Relation.SIMILAR}
    assert cluster.dealt.openings == len(openings)
    assert cluster.relations == dict.fromkeys(Relation, 1)


def test_the_latest_to_join_are_told_first() -> None:
    cluster = Cluster(1, T0)
    for account in ("a", "b", "c", "a"):
        count(cluster, account)
    assert list(cluster.latest_members(2)) == ["c", "b"]


def test_a_payer_that_says_mostly_other_things_is_strange_to_a_campaign() -> None:
    payers, cluster = Payers(), Cluster(1, T0)
    cluster.campaign = "c-1"
    for _ in range(99):
        payers.seen(asked("visitor"))
    event = asked("visitor", Content())
    cluster.asked(event, payers.seen(event), Relation.NEW, again=Again.NO, whose=0)
    assert cluster.is_strange(payers.seen(asked("visitor")))
    for _ in range(100):
        event = asked("member", Content())
        cluster.asked(event, payers.seen(event), Relation.NEW, again=Again.NO, whose=0)
    assert not cluster.is_strange(payers.seen(asked("member")))


def test_where_there_is_no_campaign_nobody_is_strange() -> None:
    payers, cluster = Payers(), Cluster(1, T0)
    for _ in range(100):
        payers.seen(asked("visitor"))
    assert not cluster.is_strange(payers.seen(asked("visitor")))


@given(st.lists(st.integers(1, 9), max_size=100))
def test_openings_are_counted_by_payer_and_payers_by_openings(groups: list[int]) -> None:
    dealt = Dealt()
    for group in groups:
        dealt.opening(group)
    assert dealt.openings == len(groups)
    assert {group: share.openings for group, share in dealt.shares.items()} == {
        group: groups.count(group) for group in groups
    }
    histogram = {openings: payers for openings, payers in dealt.total.histogram.items() if payers}
    assert histogram == {
        openings: sum(groups.count(group) == openings for group in set(groups))
        for openings in {groups.count(group) for group in groups}
    }
    assert dealt.total.returns == len(groups) - len(set(groups))
    assert 0 <= dealt.total.soon <= dealt.total.returns


def test_who_takes_turns_never_comes_back_soon_and_who_stays_with_it_does() -> None:
    turns, sessions = Dealt(), Dealt()
    for number in range(400):
        turns.opening(number % 40)
        sessions.opening(number // 10)
    assert turns.total.soon == 0
    assert sessions.total.soon > sessions.total.returns / 2


OPENINGS = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(Again), st.booleans()), max_size=300)


def dealt_to(openings: Iterable[tuple[int, Again, bool]], guests: Container[int] = ()) -> Dealt:
    dealt = Dealt()
    for account, again, shared in openings:
        dealt.opening(account, again=again, shared=shared, is_guest=account in guests)
    return dealt


@given(OPENINGS, st.sets(st.integers(1, 40)))
def test_all_are_usual_but_the_busiest_guest_where_there_are_more_than_a_few(
    openings: list[tuple[int, Again, bool]], guests: set[int]
) -> None:
    dealt = dealt_to(openings, guests)
    usual, counts = dealt.usual(), Counter(account for account, _, _ in openings)
    met = [counts[account] for account in guests if account in counts]
    left = Counter(counts.values())
    if len(counts) >= 12 and met:
        left[max(met)] -= 1
    assert +Counter(usual.histogram) == +left
    assert usual.openings == sum(count * accounts for count, accounts in left.items())
    assert usual.returns == usual.openings - left.total()
    assert 0 <= usual.own <= usual.openings
    assert 0 <= usual.others <= usual.openings
    assert 0 <= usual.soon <= usual.returns


@given(st.lists(st.integers(1, 40), min_size=60), st.integers(1, 300))
def test_a_single_guest_changes_nothing_of_what_is_usual(accounts: list[int], times: int) -> None:
    openings = [(account, Again.NO, False) for account in accounts]
    beside = dealt_to(openings + [(99, Again.ONCE, True)] * times, guests={99}).usual()
    assert (beside.openings, beside.own, beside.others) == (len(accounts), 0, 0) or len(set(accounts)) < 11


@given(st.lists(st.integers(1, 30), min_size=2, max_size=60))
def test_but_for_the_busiest_as_many_carry_it_as_there_are_where_all_have_as_many_openings(counts: list[int]) -> None:
    fall = dealt_to([(account, Again.NO, False) for account, count in enumerate(counts) for _ in range(count)]).total
    others = sorted(counts)[:-1]
    assert 1 - 1e-9 <= fall.carriers <= len(others) + 1e-9
    assert (abs(fall.carriers - len(others)) < 1e-9) is (len(set(others)) == 1)


@given(st.integers(1, 3000))
def test_one_loud_account_hides_nobody_who_carries_it(times: int) -> None:
    openings = [(account, Again.NO, False) for account in range(20)]
    assert dealt_to(openings).total.carriers == pytest.approx(19)
    loud = dealt_to([*openings, *[(99, Again.NO, False)] * times])
    assert loud.total.carriers == pytest.approx(20)


def test_its_networks_are_those_its_accounts_were_first_seen_in() -> None:
    cluster = Cluster(1, T0)
    for account in names("a", 3):
        count(cluster, account, network="n")
        count(cluster, account, network=f"another of {account}")
    assert cluster.networks == {"n": 3}

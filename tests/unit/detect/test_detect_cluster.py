"""What is counted of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.dealt import Dealt
from proxy.detect.payers import Payers
from proxy.events.content import TARGETS, Content, Target
from proxy.events.event import Answered
from tests.unit.detect.traffic_by_hand import T0, asked, names


def count(cluster: Cluster, account: str, relation: Relation = Relation.NEW, whose: int = 0, **fields: object) -> None:
    event = replace(asked(account, Content()), **fields)
    cluster.asked(event, Payers().seen(event), relation, again=False, whose=whose)


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
    cluster.asked(event, Payers().seen(event), Relation.NEW, again=False, whose=0)
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


def test_only_the_opening_of_a_conversation_is_dealt() -> None:
    cluster = Cluster(1, T0)
    for relation in Relation:
        count(cluster, "a", relation, whose=99)
    assert cluster.requests == len(Relation)
    assert cluster.dealt.openings == len({Relation.NEW, Relation.SHARED, Relation.SIMILAR})
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
    cluster.asked(event, payers.seen(event), Relation.NEW, again=False, whose=0)
    assert cluster.is_strange(payers.seen(asked("visitor")))
    for _ in range(100):
        event = asked("member", Content())
        cluster.asked(event, payers.seen(event), Relation.NEW, again=False, whose=0)
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


OPENINGS = st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.booleans()), max_size=300)


def dealt_to(openings: Iterable[tuple[int, bool, bool]]) -> Dealt:
    dealt = Dealt()
    for account, again, shared in openings:
        dealt.opening(account, again=again, shared=shared)
    return dealt


@given(OPENINGS)
def test_of_few_accounts_all_are_usual_and_of_more_all_but_the_busiest_few(
    openings: list[tuple[int, bool, bool]],
) -> None:
    dealt = dealt_to(openings)
    usual, counts = dealt.usual(), sorted(share.openings for share in dealt.shares.values())
    left = counts if len(counts) < 12 else counts[:-1]
    assert sorted(Counter(usual.histogram).elements()) == left
    assert usual.openings == sum(left)
    assert usual.returns == sum(count - 1 for count in left)
    assert 0 <= usual.own <= usual.openings
    assert 0 <= usual.others <= usual.openings
    assert 0 <= usual.soon <= usual.returns


@given(st.lists(st.integers(1, 40), min_size=60), st.integers(100, 300))
def test_a_single_busy_account_changes_nothing_of_what_is_usual(accounts: list[int], times: int) -> None:
    openings = [(account, False, False) for account in accounts]
    busy = [(99, True, True)] * times
    beside = dealt_to(openings + busy).usual()
    assert (beside.openings, beside.own, beside.others) == (len(accounts), 0, 0) or len(set(accounts)) < 11


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_so_many_carry_it_as_there_are_accounts_where_all_have_as_many_openings(counts: list[int]) -> None:
    fall = dealt_to([(account, False, False) for account, count in enumerate(counts) for _ in range(count)]).total
    assert 1 <= fall.carriers <= len(counts) + 1e-9
    assert (abs(fall.carriers - len(counts)) < 1e-9) is (len(set(counts)) == 1)


def test_its_networks_are_those_its_accounts_were_first_seen_in() -> None:
    cluster = Cluster(1, T0)
    for account in names("a", 3):
        count(cluster, account, network="n")
        count(cluster, account, network=f"another of {account}")
    assert cluster.networks == {"n": 3}

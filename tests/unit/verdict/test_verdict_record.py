"""What is told of a campaign: its marks, the accounts that do nothing else, and those that only brush it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.engine import Engine
from proxy.events.event import Answered, Asked
from proxy.verdict.campaign import Campaign, Evidence, Level, Word
from proxy.verdict.judgement import CONFIRM_UNTESTED, OVERWHELMING, SUSPECT
from proxy.verdict.members import excused_accounts, members_of, whole_accounts
from proxy.verdict.mixture import is_imitation, is_mixed, pool_accounts
from proxy.verdict.nats import LEAST_PAYERS
from proxy.verdict.record import (
    Record,
    campaign_of,
    is_probing,
    level_after,
    marks_of,
)
from proxy.verdict.snapshot import Snapshot
from tests.unit.detect.traffic_by_hand import (
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    T0,
    asked,
    dealt,
    names,
    piece,
    pieces,
    said,
    timed,
)
from tests.unit.verdict.counted import around

WRAPPER = pieces("wrapper")
POOL = names("pool", 20)
LATER = T0 + HOUR_US
LOUD = (Evidence("content", "s", CONFIRM_UNTESTED / 2 + 1), Evidence("balance", "s", CONFIRM_UNTESTED / 2 + 1))
"""Enough without a test."""
TESTED = (Evidence("content", "s", 2.0), Evidence("reaction", "refusal-echo", 10.0))


def observed(*events: Asked) -> tuple[Engine, Cluster]:
    """The campaign of WRAPPER after 400 tasks, and what came after them."""
    engine = Engine()
    for event in timed(dealt(WRAPPER, POOL), 400):
        engine.asked(event)
    (cluster,) = engine.clusters.values()
    engine.name(cluster, "c-1")
    for event in events:
        engine.asked(event)
    return engine, cluster


def told(engine: Engine, cluster: Cluster, level: Level = Level.CONFIRMED, word: Word | None = None) -> Campaign:
    return campaign_of(engine, cluster, Record("c-1", level, T0, word=word), HOUR_US)


def own_matters(account: str, count: int) -> list[Asked]:
    return [
        asked(account, said(pieces(f"{account}'s own {number}", 20)), LATER + number * SECOND_US)
        for number in range(count)
    ]


@pytest.mark.parametrize("length", [0, 4, 40])
def test_the_marks_find_the_campaigns_next_request_and_no_others(length: int) -> None:
    snapshot = Snapshot([told(*observed())])
    assert snapshot.match("fresh", said(WRAPPER, pieces("a new task", length))) is not None
    assert snapshot.match("fresh", said(pieces("a new task", length))) is None
    assert snapshot.match("fresh", said(WRAPPER[:2], pieces("a new task", length))) is None


def test_the_marks_are_the_templates_and_not_the_tasks() -> None:
    marks = marks_of(*observed())
    assert set(marks.pieces) == set(WRAPPER)
    assert list(marks.weights) == sorted(marks.weights, reverse=True)
    assert 0 < marks.least <= sum(marks.weights)


def test_an_account_that_does_nothing_else_is_acted_on_as_a_whole_once_it_is_confirmed() -> None:
    engine, cluster = observed()
    assert set(whole_accounts(members_of(engine, cluster), cluster)) == set(POOL)
    assert set(told(engine, cluster).whole) == set(POOL)
    assert told(engine, cluster, Level.SUSPECTED).whole == ()
    assert set(told(engine, cluster, Level.SUSPECTED, Word.CONFIRM).whole) == set(POOL)


@pytest.mark.parametrize(("matters", "is_held"), [(2, True), (20, False)])
def test_an_account_with_much_other_traffic_is_acted_on_for_what_matches_only(matters: int, is_held: bool) -> None:
    engine, cluster = observed(*own_matters("pool-3", matters))
    assert "pool-3" in cluster.members
    assert ("pool-3" in whole_accounts(members_of(engine, cluster), cluster)) == is_held


def test_an_account_that_was_seen_once_proves_nothing() -> None:
    newcomer = asked("newcomer", said(WRAPPER, pieces("its only task")), LATER)
    engine, cluster = observed(newcomer)
    assert "newcomer" in cluster.members
    assert "newcomer" not in whole_accounts(members_of(engine, cluster), cluster)


@pytest.mark.parametrize(("matters", "is_known"), [(20, True), (100, False)])
def test_an_account_whose_requests_are_often_the_campaigns_is_known_for_it(matters: int, is_known: bool) -> None:
    engine, cluster = observed(*own_matters("pool-3", matters))
    campaign = told(engine, cluster)
    assert ("pool-3" in campaign.known) is is_known
    assert not {*campaign.known} & {*campaign.whole}
    reworded = said(WRAPPER[:2], pieces("what it asks else"))
    assert (Snapshot([campaign]).match("pool-3", reworded) is not None) is is_known
    assert Snapshot([campaign]).match("fresh", reworded) is None
    assert told(engine, cluster, Level.SUSPECTED).known == ()


def test_an_account_that_took_over_what_was_refused_is_known_for_it_whatever_else_it_says() -> None:
    engine, cluster = observed(*own_matters("pool-3", 100))
    one, other = (payer.group for account in POOL[2:4] if (payer := engine.payers.find(account)) is not None)
    cluster.pairs.related(Relation.TESTED_ECHO, one, other)
    assert "pool-3" in told(engine, cluster).known


def test_who_says_mostly_other_things_is_excused() -> None:
    visit = asked("visitor", said(WRAPPER, pieces("a visit")), LATER)
    engine, cluster = observed(visit, *own_matters("visitor", 40))
    assert excused_accounts(members_of(engine, cluster), cluster) == ("visitor",)
    snapshot = Snapshot([told(engine, cluster)])
    assert snapshot.match("visitor", said(WRAPPER, pieces("another visit"))) is None
    assert snapshot.match("pool-1", said(WRAPPER, pieces("another task"))) is not None


def test_where_most_members_say_mostly_other_things_nobody_is_excused() -> None:
    cover = [event for account in POOL for event in own_matters(account, 250)]
    engine, cluster = observed(*cover)
    assert all(cluster.is_strange(payer) for payer in map(engine.payers.find, POOL) if payer is not None)
    assert excused_accounts(members_of(engine, cluster), cluster) == ()


def test_its_counts_and_time_line_agree() -> None:
    refused = [
        asked("pool-1", said(WRAPPER, pieces(f"late {number}")), LATER, action="throttle") for number in range(30)
    ]
    engine, cluster = observed(*refused)
    engine.asked(asked("pool-1", said(WRAPPER, pieces("answered")), LATER))
    engine.answered(Answered(LATER + 1, "pool-1", input_tokens=10, output_tokens=500, asked_us=LATER))
    campaign = told(engine, cluster)
    assert campaign.exchanges_prevented == 30
    assert campaign.exchanges_seen == campaign.exchanges_admitted + campaign.exchanges_prevented
    assert campaign.accounts == len(campaign.members) == len(POOL)
    assert sum(part.admitted for part in campaign.timeline) == campaign.exchanges_admitted
    assert sum(part.prevented for part in campaign.timeline) == 30
    assert campaign.models == {"m": campaign.exchanges_seen}
    assert (campaign.input_tokens_admitted, campaign.output_tokens_admitted) == (10, 500)
    assert campaign.expires_us == campaign.last_us + HOUR_US


def test_an_operators_confirmation_is_told_as_the_level() -> None:
    assert told(*observed(), level=Level.SUSPECTED, word=Word.CONFIRM).level is Level.CONFIRMED
    assert told(*observed(), level=Level.SUSPECTED).level is Level.SUSPECTED


def test_a_suspicion_that_is_near_is_probed_a_few_times_and_a_certainty_is_not() -> None:
    _, cluster = observed()
    evidence = (Evidence("content", "near", SUSPECT),)

    def probing(level: Level) -> bool:
        return is_probing(cluster, Record("c-1", level, T0, evidence))

    assert probing(Level.SUSPECTED)
    assert not probing(Level.CONFIRMED)
    cluster.probes = 1000
    assert not probing(Level.SUSPECTED)


@pytest.mark.parametrize(("openings", "probes"), [(499, 1), (500, 2), (1999, 2), (2000, 3), (10**6, 3)])
def test_where_they_came_back_themselves_a_suspicion_that_grew_fourfold_is_worth_one_more_refusal(
    openings: int, probes: int
) -> None:
    _, cluster = observed()
    cluster.relations[Relation.CAME_BACK] = 1
    record = Record("c-1", Level.SUSPECTED, T0, (Evidence("content", "near", SUSPECT),))
    cluster.dealt.total.openings, cluster.probes = openings, probes - 1
    assert is_probing(cluster, record)
    cluster.probes = probes
    assert not is_probing(cluster, record)
    cluster.relations[Relation.ROUTED] = 1
    assert is_probing(cluster, record)


def test_each_refusal_that_is_picked_up_is_worth_further_ones_a_few_at_once_and_others_as_it_goes_on() -> None:
    def worth(picked_up: int, openings: int = 200) -> int:
        _, cluster = observed()
        cluster.dealt.total.openings = openings
        cluster.pairs.tested.update((number, number + 1) for number in range(picked_up))
        record = Record("c-1", Level.SUSPECTED, T0, (Evidence("content", "near", SUSPECT),))
        while is_probing(cluster, record):
            cluster.probes += 1
        return cluster.probes

    assert worth(0) < worth(1) < worth(2) == worth(20)
    assert worth(1, 400) == worth(1, 10_000) < worth(2, 400) < worth(2, 1000) < worth(2, 10_000)


def test_a_refusal_that_nobody_came_back_to_is_soon_followed_by_another() -> None:
    _, cluster = observed()
    record = Record("c-1", Level.SUSPECTED, T0, (Evidence("content", "near", SUSPECT),))
    cluster.dealt.total.openings, cluster.probes = 140, 1
    assert not is_probing(cluster, record)
    cluster.dealt.total.openings = 160
    assert is_probing(cluster, record)
    cluster.relations[Relation.CAME_BACK] = 1
    assert not is_probing(cluster, record)


def test_before_it_is_confirmed_without_any_test_it_is_tested_more_than_once() -> None:
    _, cluster = observed()
    cluster.relations[Relation.CAME_BACK], cluster.probes, cluster.dealt.total.openings = 1, 2, 800
    evidence = (Evidence("content", "s", CONFIRM_UNTESTED), Evidence("infrastructure", "one-place", -5.0))
    near, enough = (Record("c-1", Level.SUSPECTED, T0, evidence, enough_at=at) for at in (None, 790))
    assert not is_probing(cluster, near)
    assert is_probing(cluster, enough)
    cluster.probes = 3
    assert not is_probing(cluster, enough)


def test_long_conversations_are_as_good_a_reason_to_probe_as_many_short_ones() -> None:
    _, cluster = observed()
    record = Record("c-1", Level.SUSPECTED, T0, (Evidence("content", "like people", SUSPECT - 1),))
    cluster.dealt.total.openings, cluster.requests = 100, 790
    assert not is_probing(cluster, record)
    cluster.requests = 810
    assert is_probing(cluster, record)
    cluster.dealt.total.openings = 50
    assert not is_probing(cluster, record)


def test_probes_that_a_products_own_key_takes_over_lead_to_few_others() -> None:
    _, cluster = observed()
    record = Record("c-1", Level.SUSPECTED, T0, (Evidence("content", "near", SUSPECT),))
    cluster.dealt.total.openings = 10_000
    while is_probing(cluster, record):
        cluster.pairs.tested.add((cluster.probes, 99))
        cluster.probes += 1
    assert cluster.probes <= 8


def test_what_speaks_against_it_saves_a_suspicion_from_probes() -> None:
    _, cluster = observed()
    near, against = Evidence("content", "near", 2 * SUSPECT), Evidence("partition", "against", -2.0)
    assert is_probing(cluster, Record("c-1", Level.SUSPECTED, T0, (near,)))
    assert is_probing(cluster, Record("c-1", Level.SUSPECTED, T0, (near, Evidence("partition", "against", -1.9))))
    assert not is_probing(cluster, Record("c-1", Level.SUSPECTED, T0, (near, against)))
    people = Evidence("balance", "against", -2.5)
    assert is_probing(cluster, Record("c-1", Level.SUSPECTED, T0, (near, people)))


def test_what_speaks_against_it_does_not_save_one_that_all_else_speaks_for() -> None:
    _, cluster = observed()
    loud, against = Evidence("balance", "for", 2.5 * SUSPECT), Evidence("infrastructure", "against", -5.0)
    record = Record("c-1", Level.SUSPECTED, T0, (loud, against))
    assert not is_probing(cluster, record)
    cluster.dealt.total.openings = 1000
    assert is_probing(cluster, record)


@pytest.mark.parametrize("probing", [False, True])
def test_whether_it_is_probed_is_told_as_it_was_judged_last(probing: bool) -> None:
    engine, cluster = observed()
    record = Record("c-1", Level.SUSPECTED, T0, probing=probing)
    assert campaign_of(engine, cluster, record, HOUR_US).probing is probing


def test_the_system_prompt_alone_can_be_the_template() -> None:
    system = (piece("system as a whole"), *pieces("system", 11))
    engine = Engine()
    for event in timed(dealt(system, POOL, "ask", "system"), 200):
        engine.asked(event)
    (cluster,) = engine.clusters.values()
    assert set(marks_of(engine, cluster).pieces) == set(system)


def test_it_is_confirmed_without_a_test_only_once_there_was_time_for_one() -> None:
    _, cluster = observed()
    quiet = (Evidence("content", "s", SUSPECT / 2), Evidence("balance", "s", SUSPECT / 2))
    record = Record("c-1", Level.SUSPECTED, T0)

    def level(openings: int, evidence: tuple[Evidence, ...]) -> Level | None:
        cluster.dealt.total.openings, cluster.last_us = openings, cluster.first_us + 3 * HOUR_US
        return level_after(cluster, record, evidence)

    assert level(2000, LOUD) is Level.SUSPECTED
    assert level(2050, LOUD) is Level.SUSPECTED
    assert level(2090, quiet) is Level.SUSPECTED
    assert level(2150, LOUD) is Level.SUSPECTED
    assert level(2300, LOUD) is Level.CONFIRMED
    assert level(2601, (*LOUD, Evidence("reaction", "refusal-echo", 10.0))) is Level.CONFIRMED


def untested(cluster: Cluster) -> Level | None:
    """The level when all else is enough, and there was time for a test."""
    cluster.dealt.total.openings, cluster.last_us = 2000, cluster.first_us + 3 * HOUR_US
    return level_after(cluster, Record("c-1", Level.SUSPECTED, T0, enough_at=1000), LOUD)


def test_those_of_whom_half_come_back_by_themselves_are_customers_however_they_look() -> None:
    _, cluster = observed()
    cluster.probes = 3
    assert untested(cluster) is Level.CONFIRMED
    cluster.relations[Relation.CAME_BACK] = 1
    assert untested(cluster) is Level.CONFIRMED
    cluster.relations[Relation.CAME_BACK] = 2
    assert untested(cluster) is Level.SUSPECTED


def test_what_has_only_just_begun_is_not_confirmed_without_a_test() -> None:
    _, cluster = observed()
    assert untested(cluster) is Level.CONFIRMED
    cluster.last_us = cluster.first_us + HOUR_US
    record = Record("c-1", Level.SUSPECTED, T0, enough_at=1000)
    assert level_after(cluster, record, LOUD) is Level.SUSPECTED
    assert level_after(cluster, record, (*LOUD, Evidence("reaction", "refusal-echo", 10.0))) is Level.CONFIRMED


def test_overwhelming_evidence_waits_for_a_test_but_for_no_hours() -> None:
    _, cluster = observed()
    overwhelming = (*LOUD, Evidence("infrastructure", "s", OVERWHELMING - CONFIRM_UNTESTED))
    record = Record("c-1", Level.SUSPECTED, T0)
    cluster.dealt.total.openings = 300
    assert level_after(cluster, record, overwhelming) is Level.SUSPECTED
    cluster.dealt.total.openings = 400
    assert level_after(cluster, record, overwhelming) is Level.CONFIRMED


def test_what_was_tested_before_does_not_wait_for_another_test() -> None:
    _, cluster = observed()
    cluster.dealt.total.openings, cluster.last_us = 600, cluster.first_us + 3 * HOUR_US
    assert level_after(cluster, Record("c-1", Level.SUSPECTED, T0), LOUD) is Level.SUSPECTED
    cluster.probes = 3
    assert level_after(cluster, Record("c-1", Level.SUSPECTED, T0), LOUD) is Level.CONFIRMED


def test_a_few_firms_are_not_confirmed_without_a_test() -> None:
    _, cluster = observed()
    while len(cluster.payers) >= LEAST_PAYERS:
        cluster.payers.popitem()
    assert untested(cluster) is Level.SUSPECTED


def test_what_others_took_over_confirms_it_at_once() -> None:
    _, cluster = observed()
    evidence = (Evidence("content", "s", 4.0), Evidence("reaction", "refusal-echo", 10.0))
    assert level_after(cluster, Record("c-1", Level.SUSPECTED, T0), evidence) is Level.CONFIRMED


def test_people_who_return_to_their_matters_or_share_them_are_not_confirmed_without_a_test() -> None:
    _, cluster = observed()
    cluster.dealt.total.openings, cluster.last_us = 2000, cluster.first_us + 3 * HOUR_US
    for signal in ("items-never-shared", "items-never-revisited"):
        record = Record("c-1", Level.SUSPECTED, T0, enough_at=1000)
        assert level_after(cluster, record, (*LOUD, Evidence("partition", signal, -0.5))) is Level.SUSPECTED
        assert level_after(cluster, record, (*LOUD, Evidence("partition", signal, 0.5))) is Level.CONFIRMED


@pytest.mark.parametrize(
    ("talk", "nats", "level"),
    [(-2.0, 15.5, Level.CONFIRMED), (-2.0, 14.5, Level.SUSPECTED), (-2.6, 19.0, Level.SUSPECTED)],
)
def test_a_few_steps_in_words_are_an_agents_where_all_else_speaks_for_a_campaign(
    talk: float, nats: float, level: Level
) -> None:
    _, cluster = observed()
    cluster.dealt.total.openings, cluster.last_us = 2000, cluster.first_us + 3 * HOUR_US
    record = Record("c-1", Level.SUSPECTED, T0, enough_at=1000)
    loud = (Evidence("content", "s", nats / 2), Evidence("balance", "s", nats / 2))
    assert level_after(cluster, record, (*loud, Evidence("partition", "conversations", talk))) is level


def test_who_comes_back_is_no_excuse_for_what_no_customers_show() -> None:
    _, cluster = observed()
    cluster.probes, cluster.relations[Relation.CAME_BACK] = 3, 3
    cluster.last_us = cluster.first_us + 3 * HOUR_US
    back = Evidence("reaction", "no-echo", -2.0)

    def level(nats: float, openings: int, *more: Evidence) -> Level | None:
        cluster.dealt.total.openings = openings
        evidence = (Evidence("content", "s", nats / 2), Evidence("balance", "s", nats / 2), back, *more)
        return level_after(cluster, Record("c-1", Level.SUSPECTED, T0, enough_at=0), evidence)

    tie = Evidence("infrastructure", "shared-exits", 0.5)
    assert level(17.0, 800, tie) is Level.CONFIRMED
    assert level(16.5, 800, tie) is Level.SUSPECTED
    assert level(16.0, 3500, tie) is Level.CONFIRMED
    assert level(16.0, 2500, tie) is level(15.5, 3500, tie) is Level.SUSPECTED
    assert level(17.0, 550, tie) is Level.SUSPECTED
    assert level(16.5, 800, tie, Evidence("infrastructure", "created-in-bursts", 2.0)) is Level.SUSPECTED
    # However evenly they use it, and whatever they ask for: without a tie they are a product's customers.
    assert level(19.0, 50_000, Evidence("content", "reasoning-traces", 1.0)) is Level.SUSPECTED
    cluster.relations[Relation.CAME_BACK] = 1
    assert level(17.0, 800) is Level.CONFIRMED


@pytest.mark.parametrize(
    ("signal", "nats", "openings", "turns", "minutes", "level"),
    [
        ("shared-exits", 17.5, 1200, 400, 20, Level.CONFIRMED),
        ("shared-payment", 17.5, 1200, 400, 20, Level.CONFIRMED),
        ("one-client", 17.5, 1200, 400, 20, Level.SUSPECTED),
        ("shared-exits", 17.5, 1200, 400, 10, Level.SUSPECTED),
        ("shared-exits", 17.5, 900, 400, 20, Level.SUSPECTED),
        ("shared-exits", 16.9, 1200, 400, 20, Level.SUSPECTED),
        ("shared-exits", 17.5, 1200, 1800, 20, Level.SUSPECTED),
    ],
)
def test_what_no_customers_show_and_few_classes_is_none_after_a_quarter_of_an_hour_and_a_thousand_openings(
    signal: str, nats: float, openings: int, turns: int, minutes: int, level: Level
) -> None:
    _, cluster = observed()
    cluster.dealt.total.openings, cluster.dealt.turns = openings, turns
    cluster.last_us = cluster.first_us + minutes * MINUTE_US
    tie, back = Evidence("infrastructure", signal, 1.0), Evidence("reaction", "no-echo", -2.0)
    evidence = (Evidence("content", "s", nats / 2), Evidence("balance", "s", nats / 2 - 1), tie, back)
    assert level_after(cluster, Record("c-1", Level.SUSPECTED, T0, enough_at=0), evidence) is level


@pytest.mark.parametrize(
    ("nats", "turns", "minutes", "level"),
    [
        (15.1, 0, 20, Level.CONFIRMED),
        (15.1, 60, 20, Level.CONFIRMED),
        (15.1, 80, 20, Level.SUSPECTED),
        (15.1, 0, 14, Level.SUSPECTED),
        (14.9, 0, 20, Level.SUSPECTED),
    ],
)
def test_what_works_off_a_list_for_a_quarter_of_an_hour_and_goes_on_with_nothing_is_a_campaign(
    nats: float, turns: int, minutes: int, level: Level
) -> None:
    _, cluster = observed()
    cluster.dealt.total.openings, cluster.dealt.turns = 600, turns
    cluster.last_us = cluster.first_us + minutes * MINUTE_US
    evidence = (Evidence("content", "s", nats / 2), Evidence("balance", "s", nats / 2))
    assert level_after(cluster, Record("c-1", Level.SUSPECTED, T0, enough_at=0), evidence) is level
    cluster.probes, cluster.relations[Relation.CAME_BACK] = 2, 1
    assert level_after(cluster, Record("c-1", Level.SUSPECTED, T0, enough_at=0), evidence) is Level.SUSPECTED


def test_those_who_talk_their_matters_over_are_people_once_one_came_back_unless_all_else_is_overwhelming() -> None:
    _, cluster = observed()
    cluster.dealt.turns, cluster.probes = 4000, 3
    assert untested(cluster) is Level.CONFIRMED
    cluster.relations[Relation.CAME_BACK] = 1
    assert untested(cluster) is Level.SUSPECTED
    record = Record("c-1", Level.SUSPECTED, T0, enough_at=1000)
    overwhelming = (*LOUD, Evidence("infrastructure", "s", OVERWHELMING - CONFIRM_UNTESTED))
    assert level_after(cluster, record, overwhelming) is Level.CONFIRMED


def refused_twice(account: str, *, same: bool) -> list[Asked]:
    """What a verdict refuses an account within a second: the same twice, or two things."""
    first, other = (said(WRAPPER, pieces(f"{which} of {account}")) for which in ("first", "other"))
    return [
        asked(account, content, LATER + after_us, action="throttle", by_verdict=True, campaign="c-1")
        for content, after_us in ((first, 0), (first if same else other, SECOND_US))
    ]


def test_who_asks_again_at_once_as_few_others_do_is_let_alone_from_then_on() -> None:
    refused = [event for account in POOL for event in refused_twice(account, same=account in POOL[:3])]
    engine, cluster = observed(*refused)
    campaign = told(engine, cluster)
    assert campaign.excused == tuple(sorted(POOL[:3]))
    assert not {*campaign.whole} & {*POOL[:3]}
    snapshot, request = Snapshot([campaign]), said(WRAPPER, pieces("a new task"))
    assert [snapshot.match(account, request) is None for account in (POOL[0], POOL[5])] == [True, False]


def test_where_many_ask_again_at_once_that_is_what_its_clients_are_like() -> None:
    refused = [event for account in POOL for event in refused_twice(account, same=account in POOL[:8])]
    engine, cluster = observed(*refused)
    assert told(engine, cluster).excused == ()


def test_a_verdict_stands_until_what_it_refused_had_time_to_be_taken_up() -> None:
    _, cluster = observed()
    record, weak = Record("c-1", Level.CONFIRMED, T0), (Evidence("content", "s", 3.0), Evidence("balance", "s", 3.0))
    cluster.last_us = T0 + 5 * MINUTE_US
    assert level_after(cluster, record, weak) is Level.CONFIRMED
    cluster.last_us = T0 + HOUR_US
    assert level_after(cluster, record, weak) is Level.SUSPECTED


def test_a_verdict_without_a_test_is_given_up_once_those_that_it_refuses_come_back_by_themselves() -> None:
    _, cluster = observed()
    record = Record("c-1", Level.CONFIRMED, T0)
    cluster.probes, cluster.last_us = 20, T0 + HOUR_US
    assert level_after(cluster, record, LOUD) is Level.CONFIRMED
    cluster.relations[Relation.CAME_BACK] = 12
    assert level_after(cluster, record, LOUD) is Level.SUSPECTED
    assert level_after(cluster, record, (*LOUD, Evidence("reaction", "refusal-echo", 10.0))) is Level.CONFIRMED
    cluster.last_us = T0 + 5 * MINUTE_US
    assert level_after(cluster, record, LOUD) is Level.CONFIRMED


def test_a_verdict_that_refused_somebody_is_told_of_even_if_nothing_speaks_for_it_any_more() -> None:
    _, cluster = observed()
    record, nothing = Record("c-1", Level.SUSPECTED, T0), (Evidence("content", "s", 0.5),)
    assert level_after(cluster, record, nothing) is None
    record.reach(Level.CONFIRMED, T0)
    cluster.last_us = T0 + HOUR_US
    assert level_after(cluster, record, nothing) is Level.SUSPECTED


def test_a_verdict_that_was_given_up_for_a_while_is_as_old_as_it_was() -> None:
    record = Record("c-1", Level.SUSPECTED, T0)
    record.reach(Level.CONFIRMED, T0 + MINUTE_US)
    assert record.detected_us == T0 + MINUTE_US
    record.reach(Level.SUSPECTED, T0 + HOUR_US)
    assert record.detected_us == T0
    record.reach(Level.CONFIRMED, T0 + 2 * HOUR_US)
    assert (record.detected_us, record.level_us) == (T0 + MINUTE_US, T0 + 2 * HOUR_US)
    other = Record("c-2", Level.CONFIRMED, T0 + 10)
    record.take_over(other)
    assert record.detected_us == T0 + 10


def mixed() -> tuple[Engine, Cluster]:
    """Half of the members take over from one another what a verdict refused; the others come back by themselves."""
    engine, cluster = observed()
    groups = [payer.group for account in POOL if (payer := engine.payers.find(account)) is not None]
    for one, other in pairwise(groups[:10]):
        cluster.pairs.related(Relation.TESTED_ECHO, one, other)
    for group in groups[10:]:
        cluster.pairs.related(Relation.CAME_BACK, group, group)
    return engine, cluster


def test_where_customers_say_the_same_only_who_behaves_like_a_pool_is_acted_on() -> None:
    engine, cluster = mixed()
    assert is_mixed(cluster, TESTED)
    assert not is_mixed(cluster, LOUD)
    campaign = campaign_of(engine, cluster, Record("c-1", Level.CONFIRMED, T0, is_mixed=True), HOUR_US)
    assert campaign.mixed
    assert set(campaign.members) == set(POOL[:10]) >= set(campaign.whole)
    snapshot, request = Snapshot([campaign]), said(WRAPPER, pieces("a new task"))
    assert [snapshot.match(account, request) is not None for account in (POOL[0], POOL[15])] == [True, False]


def test_where_all_ask_once_those_who_have_conversations_are_customers_of_what_a_pool_imitates() -> None:
    customers = names("customer", 6)
    engine, cluster = observed()
    for account in customers:
        turn = said(WRAPPER, pieces(f"{account} begins"))
        engine.asked(asked(account, turn, LATER))
        for number in range(3):
            turn = said(WRAPPER, pieces(f"{account} {number}"), continues=turn.asked, turns=2 * number + 3)
            engine.asked(asked(account, turn, LATER))
    assert is_imitation(cluster, LOUD)
    assert not is_imitation(cluster, TESTED)
    record = Record("c-1", Level.CONFIRMED, T0, is_mixed=True)
    assert campaign_of(engine, cluster, record, HOUR_US).members == ()
    record.imitates = True
    campaign = campaign_of(engine, cluster, record, HOUR_US)
    assert set(campaign.members) == set(POOL)


@pytest.mark.parametrize(
    ("mine", "theirs", "only", "imitates"),
    [
        ((True, True), (True, True), True, True),
        ((True, True), (False, False), True, True),
        ((False, False), (True, True), True, True),
        ((True, True), (True, False), True, False),
        ((True, False), (True, True), True, False),
        ((False, False), (False, False), False, False),
    ],
)
def test_of_two_campaigns_that_become_one_who_asks_once_is_meant_only_if_neither_was_told_by_who_came_back(
    mine: tuple[bool, bool], theirs: tuple[bool, bool], only: bool, imitates: bool
) -> None:
    records = [
        Record(name, Level.CONFIRMED, T0, is_mixed=is_mixed, imitates=one)
        for name, (is_mixed, one) in zip(("c-1", "c-2"), (mine, theirs), strict=True)
    ]
    records[0].take_over(records[1])
    assert (records[0].is_mixed, records[0].imitates) == (only, imitates)
    assert records[0].merged == ["c-2"]


def test_a_suspicion_that_takes_in_a_confirmed_campaign_stands_on_its_evidence() -> None:
    mine = Record("c-1", Level.SUSPECTED, T0)
    mine.take_over(Record("c-2", Level.CONFIRMED, LATER, LOUD, asked_once=True))
    assert (mine.level, mine.evidence, mine.detected_us, mine.asked_once) == (Level.CONFIRMED, LOUD, LATER, True)


def test_accounts_that_share_a_pools_exits_or_purse_are_of_it_unless_they_came_back() -> None:
    newcomers = ("by exit", "by purse", "neighbour", "nobody's")
    engine, cluster = observed(
        *(asked(name, said(WRAPPER, pieces(f"of {name}")), LATER, network=f"net {name}") for name in newcomers)
    )
    groups = [payer.group for account in POOL if (payer := engine.payers.find(account)) is not None]
    for one, other in pairwise(groups[:4]):
        cluster.pairs.related(Relation.TESTED_ECHO, one, other)
    for account in POOL[:4]:
        pool = engine.payers.find(account)
        assert pool is not None
        pool.network, pool.payment = "exit", "purse"
    for name, network, payment in (
        ("by exit", "exit", None),
        ("by purse", "home", "purse"),
        ("neighbour", "exit", "x"),
    ):
        payer = engine.payers.find(name)
        assert payer is not None
        payer.network, payer.payment = network, payment
    elsewhere = around(f"net {number}" for number in range(100))
    found = set(pool_accounts(members_of(engine, cluster), cluster, elsewhere))
    assert found == {*POOL[:4], "by exit", "by purse", "neighbour"}
    neighbour = engine.payers.find("neighbour")
    assert neighbour is not None
    cluster.pairs.related(Relation.CAME_BACK, neighbour.group, neighbour.group)
    assert set(pool_accounts(members_of(engine, cluster), cluster, elsewhere)) == {*POOL[:4], "by purse"}


def test_where_everybody_comes_from_one_network_it_is_no_pools_exit() -> None:
    engine, cluster = observed(*(asked(f"c{number}", said(WRAPPER, pieces(f"{number}")), LATER) for number in range(9)))
    groups = [payer.group for account in POOL if (payer := engine.payers.find(account)) is not None]
    for one, other in pairwise(groups[:4]):
        cluster.pairs.related(Relation.TESTED_ECHO, one, other)
    members = members_of(engine, cluster)
    for payer in members:
        payer.network = "edge"
    assert set(pool_accounts(members, cluster, around(["edge"] * len(members)))) == {*POOL[:4]}


@pytest.mark.parametrize(("pool", "customers"), [(10, 0), (10, 4), (200, 5), (0, 10), (2, 10)])
def test_a_pool_of_which_hardly_any_or_nearly_all_come_back_shares_its_words_with_nobody(
    pool: int, customers: int
) -> None:
    _, cluster = observed()
    cluster.pairs.pool, cluster.pairs.returned = set(range(pool)), set(range(1000, 1000 + customers))
    assert not is_mixed(cluster, TESTED)

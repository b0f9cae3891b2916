"""What a cluster's counts mean: which way each signal leans, and that none decides alone."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.detect.ages import Ages
from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.dealt import Again, Dealt
from proxy.detect.payers import Payers
from proxy.detect.timeline import Timeline
from proxy.events.content import TARGETS, Content, Target
from proxy.verdict import scoring
from proxy.verdict.campaign import Evidence, Level
from proxy.verdict.judgement import level_of, score_of
from proxy.verdict.nats import LEAST_PAYERS
from proxy.verdict.scoring import is_shared
from tests.unit.detect.traffic_by_hand import DAY_US, HOUR_US, SECOND_US, T0, asked
from tests.unit.verdict.counted import around, by_people, counted, in_turn


def weigh(cluster: Cluster, networks: Iterable[str] = ()) -> list[Evidence]:
    """`networks`: that accounts came from, those of the cluster included; none for nothing known of them."""
    return scoring.weigh(cluster, around(networks))


def weights(cluster: Cluster, networks: Iterable[str] = ()) -> dict[str, float]:
    return {each.signal: each.weight for each in weigh(cluster, networks)}


def chain(cluster: Cluster, kind: str, pairs: int) -> None:
    """Ties one payer to the next, and so on; whom a verdict tested, at least one was for what the cluster asks."""
    cluster.probes = max(cluster.probes, kind == "tested")
    getattr(cluster.pairs, kind).update((number, number + 1) for number in range(pairs))


def everything() -> Cluster:
    """A cluster for which every family speaks as loud as it can."""
    cluster = counted(in_turn(2000, 200), created_us=T0 - DAY_US, payment="one for all")
    cluster.targets[TARGETS.index(Target.REASONING)] = cluster.requests
    for kind in ("echoes", "tested", "handovers", "replays"):
        chain(cluster, kind, 200)
    return cluster


def test_a_pool_that_is_dealt_its_tasks_is_a_campaign() -> None:
    assert level_of(weigh(counted(in_turn(800, 80), created_us=T0 - DAY_US)), None) is Level.CONFIRMED


@pytest.mark.parametrize("seed", range(5))
def test_people_who_share_a_template_are_none(seed: int) -> None:
    assert level_of(weigh(counted(by_people(800, 80, seed))), None) is not Level.CONFIRMED
    assert score_of(weigh(counted(by_people(800, 80, seed)))) < score_of(weigh(counted(in_turn(800, 80))))


@pytest.mark.parametrize("orgs", [4, 8])
def test_many_accounts_of_a_few_organisations_are_weighed_by_how_the_work_falls_on_them(orgs: int) -> None:
    pool, colleagues = counted(in_turn(800, 80), orgs=orgs), counted(by_people(800, 80), orgs=orgs)
    assert level_of(weigh(pool), None) is not None
    assert level_of(weigh(colleagues), None) is None


@pytest.mark.parametrize(("accounts", "orgs"), [(80, 3), (40, 8), (80, 1)])
def test_one_firm_or_a_few_teams_are_not_weighed(accounts: int, orgs: int) -> None:
    assert not weigh(counted(in_turn(800, accounts), orgs=orgs))


def test_no_family_is_enough_alone_even_at_its_loudest() -> None:
    found = weigh(everything())
    families = {each.family for each in found}
    assert families == {"content", "partition", "balance", "reaction", "replay", "infrastructure"}
    for family in families:
        assert level_of([each for each in found if each.family == family], None) is None


def test_a_template_alone_is_never_more_than_a_reason_to_look() -> None:
    found = weigh(everything())
    assert level_of([each for each in found if each.family in ("content", "infrastructure")], None) is not (
        Level.CONFIRMED
    )


@pytest.mark.parametrize("kind", ["echoes", "tested", "handovers", "replays"])
def test_ties_have_said_all_they_can_at_some_point(kind: str) -> None:
    some, many = counted(in_turn(400, 100)), counted(in_turn(400, 100))
    chain(some, kind, 300)
    chain(many, kind, 400)
    assert weights(some) == {**weights(many)}
    assert score_of(weigh(some)) > score_of(weigh(counted(in_turn(400, 100))))


@pytest.mark.parametrize("times", [1, 20])
def test_whatever_grows_no_signal_says_more_than_its_cap(times: int) -> None:
    large = weights(counted(in_turn(4000, 200), created_us=T0 - DAY_US))
    larger = weights(counted(in_turn(4000 + 200 * times, 200), created_us=T0 - DAY_US))
    assert larger == large


@given(st.integers(0, LEAST_PAYERS - 1), st.integers(0, 1000))
def test_of_a_few_accounts_nothing_is_said(accounts: int, openings: int) -> None:
    assert weigh(counted(in_turn(openings, accounts) if accounts else [])) == []


def test_few_openings_say_little_for_a_campaign() -> None:
    few, many = counted(in_turn(70, 35)), counted(in_turn(700, 35))
    assert 0 < weights(few)["items-never-shared"] < weights(many)["items-never-shared"]
    assert 0 < weights(few)["even-volumes"] < weights(many)["even-volumes"]


def test_an_institution_is_where_many_accounts_come_from_one_network() -> None:
    assert weights(counted(in_turn(800, 80), network="campus"))["one-place"] < 0
    assert level_of(weigh(counted(in_turn(800, 80), network="campus")), None) is not Level.CONFIRMED
    assert "one-place" not in weights(counted(in_turn(800, 80)))


@pytest.mark.parametrize(("elsewhere", "tells"), [(0.0, True), (0.3, True), (0.6, False), (1.0, False)])
def test_one_network_tells_nothing_where_everybody_comes_from_it(elsewhere: float, tells: bool) -> None:
    others = [
        *("edge" for _ in range(round(1000 * elsewhere))),
        *(f"n{i}" for i in range(round(1000 * (1 - elsewhere)))),
    ]
    found = weights(counted(in_turn(800, 80), network="edge"), ["edge"] * 80 + others)
    assert ("one-place" in found) is tells


def test_three_networks_tell_nothing_where_everybody_comes_from_them() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.networks = {"edge-1": 30, "edge-2": 28, "edge-3": 22}
    own = [network for network, accounts in cluster.networks.items() for _ in range(accounts)]
    assert weights(cluster, own)["one-place"] < 0
    assert "one-place" not in weights(cluster, own + ["edge-1", "edge-2", "edge-3"] * 400)


def test_many_kinds_of_client_software_speak_against_one_speaks_for() -> None:
    cluster = counted(in_turn(800, 80))
    assert weights(cluster)["one-client"] > 0
    people = counted(by_people(800, 80))
    for each in (cluster, people):
        each.clients = {f"client-{number}": 8 for number in range(10)}
    assert "one-client" not in weights(cluster)
    assert weights(people)["many-clients"] < 0


def test_who_imitates_people_in_sessions_and_software_does_not_where_nobody_would_be_so_even() -> None:
    sessions = [account for round_ in range(5) for account in range(200) for _ in range(2)]
    found = {}
    for openings in (300, 2000):
        cluster = counted(sessions[:openings])
        cluster.clients = {f"client-{number}": 8 for number in range(10)}
        found[openings] = weights(cluster)
    assert found[300]["even-volumes"] < 5 <= found[2000]["even-volumes"]
    assert found[300]["turn-taking"] < 0
    assert found[300]["many-clients"] < 0
    assert not found[2000].keys() & {"turn-taking", "many-clients"}


def created(*days: float) -> Cluster:
    """A cluster whose accounts were created over so many days, evenly."""
    cluster = counted(in_turn(800, 80))
    cluster.ages = Ages()
    for day in days:
        cluster.ages.add(T0 - round(day * DAY_US), T0)
    return cluster


def test_accounts_that_have_grown_over_time_speak_against_those_created_in_bursts_for() -> None:
    assert weights(created(*(10 * number for number in range(80))))["grown-over-time"] < 0
    assert weights(created(*(number / 80 for number in range(80))))["created-in-bursts"] > 0
    bought = created(*(400 + number / 80 for number in range(80)))
    assert weights(bought)["created-in-bursts"] > 0


def test_to_share_networks_speaks_for_it_where_others_do_not_and_says_nothing_where_everybody_does() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.networks = {f"exit-{number}": 4 for number in range(20)}
    exits = [network for network, accounts in cluster.networks.items() for _ in range(accounts)]
    elsewhere = [f"home-{number}" for number in range(1000)]
    alone = weights(cluster, exits + elsewhere)["shared-exits"]
    assert alone > 0
    assert 0 < weights(cluster, exits + elsewhere + 2 * exits)["shared-exits"] < alone
    assert "shared-exits" not in weights(cluster, exits * 10)


def test_accounts_that_have_a_network_each_say_nothing_of_it() -> None:
    cluster = counted(in_turn(800, 80))
    assert len(cluster.networks) == 80
    assert "shared-exits" not in weights(cluster, cluster.networks)


def test_of_unknown_ages_nothing_is_said() -> None:
    assert not weights(counted(in_turn(800, 80))).keys() & {"grown-over-time", "created-in-bursts"}


def test_accounts_that_pay_as_others_do_speak_for_it_and_private_payments_say_nothing() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.payments = {f"card-{number}": 4 for number in range(20)}
    assert weights(cluster)["shared-payment"] > 0
    cluster.payments = {f"card-{number}": 1 for number in range(80)}
    assert "shared-payment" not in weights(cluster)


def test_tasks_that_several_payers_ask_speak_against() -> None:
    cluster = counted(in_turn(800, 80))
    assert weights(cluster)["items-never-shared"] > 0
    for account in in_turn(400, 80):
        cluster.dealt.opening(account, shared=True)
    assert weights(cluster)["items-never-shared"] < 0


@pytest.mark.parametrize(
    ("matters", "times", "is_sampled"),
    [(400, 8, True), (400, 30, False), (10, 12, False)],
    ids=["a list whose answers are drawn several times", "an evaluation that each runs", "the tasks of a class"],
)
def test_a_long_list_that_is_asked_several_times_does_not_speak_against(
    matters: int, times: int, is_sampled: bool
) -> None:
    cluster = counted(in_turn(max(matters, 80), 80))
    for account in in_turn(matters * (times - 1), 80):
        cluster.dealt.opening(account, shared=True)
    cluster.relations[Relation.SECOND] = matters
    assert ("items-never-shared" not in weights(cluster)) is is_sampled


def drawn(matters: int, at_once: int, times: int = 2) -> Cluster:
    """Tasks that so many payers ask each; of so many of them the second one within seconds of the first."""
    cluster = counted(in_turn(matters, 80))
    for account in in_turn(matters * (times - 1), 80):
        cluster.dealt.opening(account, shared=True)
    cluster.relations |= {Relation.SECOND: matters - at_once, Relation.AT_ONCE: at_once}
    return cluster


def test_answers_that_several_payers_draw_at_once_speak_for_a_pool() -> None:
    assert weights(drawn(800, 800))["drawn-at-once"] > weights(drawn(200, 200))["drawn-at-once"] > 0


@pytest.mark.parametrize(
    "cluster",
    [drawn(800, 0), drawn(800, 60), drawn(800, 800, times=30), drawn(10, 10, times=80)],
    ids=["asked again later", "now and then at once", "an evaluation that each runs", "the tasks of a class"],
)
def test_what_people_and_jobs_ask_twice_does_not(cluster: Cluster) -> None:
    assert weights(cluster).get("drawn-at-once", 0.0) == 0.0


def test_what_a_few_keys_of_one_customer_ask_at_once_says_nothing_of_all_others() -> None:
    cluster = counted(in_turn(1000, 80))
    for account in in_turn(50, 4):
        cluster.dealt.opening(account, shared=True)
    cluster.relations[Relation.AT_ONCE] = 50
    assert "drawn-at-once" not in weights(cluster)


def test_in_a_burst_much_comes_at_once_whoever_asks() -> None:
    cluster = drawn(800, 320)
    assert weights(cluster)["drawn-at-once"] > 0
    cluster.timeline = Timeline(T0)
    cluster.timeline.add(T0, False, 1600)
    assert "drawn-at-once" not in weights(cluster)


def test_payers_that_return_to_their_own_matters_speak_against() -> None:
    cluster = counted(in_turn(800, 80))
    assert weights(cluster)["items-never-revisited"] > 0
    for account in in_turn(400, 80):
        cluster.dealt.opening(account, again=Again.ONCE)
    assert weights(cluster)["items-never-revisited"] < 0


@pytest.mark.parametrize(
    ("openings", "speaks"), [(by_people(800, 80), False), (in_turn(800, 80), True)], ids=["people", "dealt"]
)
def test_words_that_each_always_says_are_its_products_or_where_nobody_is_so_even_a_wording_it_was_given(
    openings: list[int], speaks: bool
) -> None:
    habits, matters = counted(openings), counted(openings)
    for cluster, again in ((habits, Again.ALWAYS), (matters, Again.ONCE)):
        cluster.dealt = Dealt()
        for account in openings:
            cluster.dealt.opening(account, again=again)
    assert (weights(habits)["items-never-revisited"] > 0) is speaks
    assert weights(matters)["items-never-revisited"] < 0


def test_a_guest_beside_it_does_not_make_a_pool_look_like_people_and_a_busy_member_does() -> None:
    """A batch job that now and then asks what the pool asks; one who has asked nothing else."""

    def with_one_more(*, is_guest: bool) -> dict[str, float]:
        pool = counted(in_turn(800, 80))
        for number in range(300):
            pool.dealt.opening(1000, again=Again.ONCE, shared=number % 2 == 0, is_guest=is_guest)
        return weights(pool)

    before = weights(counted(in_turn(800, 80)))
    assert with_one_more(is_guest=True) == pytest.approx(before, abs=0.05)
    assert with_one_more(is_guest=False)["even-volumes"] < before["even-volumes"] - 1


@pytest.mark.parametrize("strangers", [8, 20])
def test_a_customers_router_that_strangers_have_met_is_not_worth_weighing(strangers: int) -> None:
    assert is_shared(counted(in_turn(800, 80)))
    router = counted([*in_turn(600, 5), *range(100, 100 + strangers)])
    assert not is_shared(router)
    assert weigh(router) == []


def test_what_is_asked_for_is_a_weight_and_never_enough() -> None:
    cluster = counted(by_people(800, 80))
    before = score_of(weigh(cluster))
    cluster.targets[TARGETS.index(Target.GRADING)] = cluster.requests
    assert score_of(weigh(cluster)) > before
    assert level_of(weigh(cluster), None) is not Level.CONFIRMED
    cluster.targets = [0] * len(TARGETS)
    cluster.targets[TARGETS.index(Target.CODE)] = cluster.requests
    assert score_of(weigh(cluster)) == before


@pytest.mark.parametrize("refused", [1, 3, 40, 80, 5000])
def test_refusals_that_nobody_takes_up_nor_comes_back_to_say_nothing_however_many(refused: int) -> None:
    cluster = counted(in_turn(8000, 80))
    before = weights(cluster)
    cluster.probes, cluster.refused_groups = refused, set(range(refused))
    assert weights(cluster) == before
    chain(cluster, "tested", min(refused, 80))
    assert weights(cluster)["refusal-echo"] > 0


@pytest.mark.parametrize("refused", [1, 3, 10, 80])
def test_those_who_all_come_back_by_themselves_speak_against_however_few(refused: int) -> None:
    cluster = counted(in_turn(800, 80))
    cluster.probes, cluster.refused_groups = refused, set(range(refused))
    cluster.relations[Relation.CAME_BACK] = refused
    assert -4 < weights(cluster)["no-echo"] < -1


def test_who_was_refused_a_moment_ago_may_yet_be_taken_over_from() -> None:
    settled, fresh = (counted(in_turn(800, 80)) for _ in range(2))
    for cluster, later_us in ((settled, HOUR_US), (fresh, SECOND_US)):
        refused_us = cluster.last_us
        for number in range(6):
            refusal = asked(f"a-{number}", Content(), refused_us, action="throttle", by_verdict=True)
            cluster.asked(refusal, Payers().seen(refusal), Relation.CONTINUES, again=Again.NO, whose=0)
        chain(cluster, "tested", 1)
        cluster.refused_groups, cluster.last_us = set(range(6)), refused_us + later_us
    assert weights(fresh)["refusal-echo"] > weights(settled)["refusal-echo"]


@pytest.mark.parametrize(
    ("refused", "borrowed", "is_heard"),
    [(5, 5, False), (5, 4, True), (300, 300, True)],
    ids=["a few, all known for another campaign", "one of them for this one", "most of all that it is"],
)
def test_whom_another_campaigns_verdict_refused_stands_only_for_a_cluster_that_is_mostly_such(
    refused: int, borrowed: int, is_heard: bool
) -> None:
    cluster = counted(in_turn(800, 400))
    cluster.probes, cluster.borrowed, cluster.refused_groups = refused, borrowed, set(range(refused))
    cluster.pairs.tested.update((number, number + 1) for number in range(refused))
    assert ("refusal-echo" in weights(cluster)) is is_heard


def test_of_answers_that_are_drawn_at_once_the_next_one_is_hardly_an_echo() -> None:
    one, several = counted(in_turn(800, 80)), drawn(800, 800)
    for cluster in (one, several):
        cluster.probes, cluster.refused_groups = 3, {0, 1, 2}
        chain(cluster, "tested", 3)
        chain(cluster, "tested_soon", 3)
    assert weights(several)["refusal-echo"] < weights(one)["refusal-echo"]


@pytest.mark.parametrize(("tested", "refused"), [(1, 1), (1, 3), (2, 6), (3, 6), (30, 100)])
def test_a_pool_may_pick_up_all_or_few_of_its_refusals(tested: int, refused: int) -> None:
    cluster = counted(in_turn(800, 80))
    cluster.probes, cluster.refused_groups = refused, set(range(refused))
    chain(cluster, "tested", tested)
    assert weights(cluster)["refusal-echo"] > 0


def test_what_is_let_pass_shows_how_much_of_what_others_ask_is_chance() -> None:
    """However common the wording of what is asked makes it look."""
    cluster = counted(in_turn(800, 80))
    cluster.probes, cluster.refused_groups, cluster.relations[Relation.SIMILAR] = 6, set(range(6)), 200
    chain(cluster, "tested", 3)
    seen = []
    for controls, echoes in ((0, 0), (200, 180), (200, 20), (1000, 0)):
        cluster.controls, cluster.control_echoes = controls, echoes
        seen.append(weights(cluster)["refusal-echo"])
    untried, common, seldom, never = seen
    assert max(common, untried) < seldom < never


@pytest.mark.parametrize(("at_once", "tells"), [(True, True), (False, False)])
def test_where_each_task_is_asked_several_times_anyway_an_echo_tells_if_it_comes_at_once(
    at_once: bool, tells: bool
) -> None:
    cluster = counted(in_turn(2000, 80))
    for account in in_turn(8000, 80):
        cluster.dealt.opening(account, shared=True)
    cluster.probes, cluster.refused_groups = 8, set(range(8))
    chain(cluster, "tested", 6)
    if at_once:
        chain(cluster, "tested_soon", 6)
    assert (weights(cluster).get("refusal-echo", 0.0) > 4) is tells


def test_the_more_come_back_by_themselves_the_more_it_speaks_against() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.probes, cluster.refused_groups = 4, set(range(4))
    against = []
    for came_back in range(5):
        cluster.relations[Relation.CAME_BACK] = came_back
        against.append(weights(cluster).get("no-echo", 0.0))
    assert against == sorted(against, reverse=True)
    assert against[4] < against[2] < against[0] == 0
    many = counted(in_turn(800, 80))
    many.probes, many.refused_groups = 80, set(range(80))
    many.relations[Relation.CAME_BACK] = 4
    assert "no-echo" not in weights(many)


def test_what_is_told_of_refusals_counts_payers_once_however_many_took_over_from_one() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.probes, cluster.refused_groups = 90, set(range(80))
    for whose in range(40):
        for taker in range(whose + 1, whose + 5):
            cluster.pairs.related(Relation.TESTED_ECHO, whose, taker)
    for _ in range(3):
        cluster.pairs.related(Relation.CAME_BACK, 7, 7)
    (told,) = (each.detail for each in weigh(cluster) if each.signal == "refusal-echo")
    assert told == (
        "90 requests in its words refused by a verdict; for 40 of their payers another one asked the same within 2 h, "
        "1 came back themselves"
    )


def test_what_a_few_do_among_themselves_says_nothing_of_all_the_others() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.pairs.handovers.update((one, other) for one in range(12) for other in range(one))
    cluster.probes, cluster.refused_groups = 6, set(range(6))
    cluster.pairs.tested.update((number, number + 1) for number in range(6))
    assert "refusal-echo" not in weights(cluster)
    cluster.pairs.tested.update((number, number + 1) for number in range(40, 46))
    assert weights(cluster)["refusal-echo"] > 0


def test_the_two_keys_of_each_of_many_customers_are_no_pool() -> None:
    cluster = counted(in_turn(800, 80))
    before = weights(cluster)
    for kind in ("echoes", "handovers", "replays"):
        getattr(cluster.pairs, kind).update((2 * number, 2 * number + 1) for number in range(40))
    assert not weights(cluster).keys() & {"refusal-echo", "quota-echo", "conversation-handover", "signature-replay"}
    assert score_of(weigh(cluster)) <= sum(before.values()) + 0.01


@pytest.mark.parametrize("keys", [8, 9, 16])
def test_the_keys_of_one_router_beside_a_crowd_are_no_pool(keys: int) -> None:
    cluster = counted(in_turn(800, 80))
    for kind in ("echoes", "handovers", "replays"):
        getattr(cluster.pairs, kind).update((one, other) for one in range(keys) for other in range(one))
    assert not weights(cluster).keys() & {"quota-echo", "conversation-handover", "signature-replay"}


@pytest.mark.parametrize("seed", range(20))
def test_ties_that_fall_on_all_accounts_by_lot_are_a_pools(seed: int) -> None:
    cluster, rng = counted(in_turn(800, 80)), Random(seed)
    cluster.pairs.handovers.update((rng.randrange(80), rng.randrange(80)) for _ in range(160))
    assert weights(cluster)["conversation-handover"] > 0


def test_the_more_payers_conversations_that_are_handed_on_join_the_less_it_is_the_keys_of_one_router() -> None:
    router, pool = counted(in_turn(800, 100)), counted(in_turn(800, 200))
    chain(router, "handovers", 63)
    chain(pool, "handovers", 199)
    assert weights(router)["conversation-handover"] < weights(pool)["conversation-handover"] - 2


@pytest.mark.parametrize("kind", ["echoes", "handovers", "replays", "tested"])
def test_a_product_that_falls_back_to_a_key_of_its_own_is_no_pool(kind: str) -> None:
    cluster = counted(in_turn(800, 80))
    getattr(cluster.pairs, kind).update((number, 79) for number in range(40))
    cluster.probes, cluster.refused_groups = (40, set(range(40))) if kind == "tested" else (0, set())
    assert not weights(cluster).keys() & {"refusal-echo", "quota-echo", "conversation-handover", "signature-replay"}


def test_a_refusal_that_another_account_of_the_payer_took_over_tells_nothing() -> None:
    cluster = counted(in_turn(800, 80))
    cluster.probes, cluster.refused_groups = 2, {1, 2}
    one_of_two = counted(in_turn(800, 80))
    one_of_two.probes, one_of_two.refused_groups = 1, {1}
    one_of_two.relations[Relation.CAME_BACK] = cluster.relations[Relation.CAME_BACK] = 1
    cluster.relations[Relation.ROUTED] = 1
    assert weights(cluster)["no-echo"] == weights(one_of_two)["no-echo"]
    cluster.relations[Relation.ROUTED] = 2
    assert "no-echo" not in weights(cluster)


def test_what_many_ask_anyway_makes_echoes_worth_little() -> None:
    rare, common = counted(in_turn(800, 80)), counted(in_turn(800, 80))
    common.dealt.total.others = 300
    for cluster in (rare, common):
        chain(cluster, "tested", 3)
    assert weights(common).get("refusal-echo", 0) < weights(rare)["refusal-echo"]


def test_while_it_is_refused_what_refusals_shape_stays_as_it_was() -> None:
    cluster = counted(in_turn(800, 80))
    before = weigh(cluster)
    payers = Payers()
    for number in range(80):
        cluster.ages.add(T0 - 900 * DAY_US * (number % 2), T0)
    for number in range(2000):
        event = asked(f"a-{number % 8}", Content(), T0 + DAY_US)
        cluster.asked(event, payers.seen(event), Relation.REPEATS, again=Again.NO, whose=0)
        cluster.dealt.opening(number % 8)
    assert score_of(weigh(cluster)) < score_of(before)
    again = scoring.weigh_again(cluster, around(()), before)
    for family in ("partition", "balance", "infrastructure"):
        assert [each for each in again if each.family == family] == [each for each in before if each.family == family]


def test_details_are_for_people_and_hold_no_names_of_accounts_or_networks() -> None:
    for each in weigh(everything()):
        assert each.detail
        assert "a-1" not in each.detail
        assert "net of" not in each.detail

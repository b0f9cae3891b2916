"""From events to clusters: which traffic is one template's, and who is tied to whom."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import ECHO_US, Relation
from proxy.detect.engine import Engine
from proxy.detect.template import MOST_PIECES
from proxy.events.content import Content
from proxy.events.event import Answered, Asked
from tests.unit.detect.traffic_by_hand import (
    HOUR_US,
    SECOND_US,
    T0,
    asked,
    dealt,
    names,
    pieces,
    said,
    timed,
)

WRAPPER = pieces("wrapper")


def engine_after(events: Iterable[Asked]) -> Engine:
    engine = Engine()
    for event in events:
        engine.asked(event)
    return engine


def grown(engine: Engine, least: int = 20) -> list[Cluster]:
    """Clusters with so many requests, the largest first."""
    return sorted(
        (cluster for cluster in engine.clusters.values() if cluster.requests >= least), key=lambda each: -each.requests
    )


def relations(engine: Engine) -> dict[Relation, int]:
    return {relation: sum(cluster.relations[relation] for cluster in engine.clusters.values()) for relation in Relation}


@pytest.mark.parametrize("length", [3, 8, 40])
def test_one_template_is_one_cluster_whatever_is_filled_in(length: int) -> None:
    accounts = names("pool", 20)
    (cluster,) = grown(
        engine_after(
            asked(accounts[number % 20], said(WRAPPER, pieces(f"slot {number}", length)), T0 + number * SECOND_US)
            for number in range(300)
        )
    )
    assert cluster.requests > 280
    assert set(cluster.pieces) == set(WRAPPER)
    assert set(cluster.members) == set(accounts)


def test_two_templates_are_two_clusters() -> None:
    one = timed(dealt(pieces("one"), names("one", 20), "t1"), 200)
    other = timed(dealt(pieces("other"), names("other", 20), "t2"), 200)
    clusters = grown(engine_after(event for pair in zip(one, other, strict=True) for event in pair))
    assert [set(cluster.pieces) for cluster in clusters] in (
        [set(pieces("one")), set(pieces("other"))],
        [set(pieces("other")), set(pieces("one"))],
    )
    assert not set(clusters[0].members) & set(clusters[1].members)


def test_people_who_have_nothing_in_common_make_no_cluster() -> None:
    engine = engine_after(
        asked(f"person-{number % 30}", said(pieces(f"matter {number}", 20)), T0 + number) for number in range(500)
    )
    assert not engine.clusters


def test_what_one_organisation_alone_says_makes_no_cluster() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("staff", 30)), 300, org="acme"))
    assert not engine.clusters


def test_halves_of_one_template_become_one() -> None:
    """The wrapper's beginning and its end are first seen apart, and together from then on."""
    first, second = pieces("beginning", 6), pieces("end", 6)
    accounts = names("pool", 20)
    apart = [
        asked(accounts[number % 20], said((first, second)[number // 2 % 2], pieces(f"early {number}", 8)), T0 + number)
        for number in range(80)
    ]
    assert len(grown(engine_after(apart))) == 2
    together = timed(dealt((*first, *second), accounts, "late"), 300, T0 + SECOND_US)
    (cluster,) = grown(engine_after([*apart, *together]))
    assert set(cluster.pieces) == {*first, *second}


def test_a_wording_is_known_by_itself_however_rare_it_is_among_those_of_its_cluster() -> None:
    common, rare = pieces("common wording"), pieces("rare wording")
    engine = engine_after(timed(dealt(common, names("pool", 40), "c"), 1200))
    for event in timed(dealt(rare, names("pool", 40), "r"), 60, T0 + 3600 * SECOND_US):
        engine.asked(event)
    cluster, other = grown(engine)
    engine.merge(cluster, other)
    for event in timed(dealt(common, names("pool", 40), "later"), 1200, T0 + 7200 * SECOND_US):
        engine.asked(event)
    before = cluster.requests
    for event in timed(dealt(rare, names("pool", 40), "last"), 20, T0 + 14400 * SECOND_US):
        engine.asked(event)
    assert cluster.requests == before + 20
    assert set(cluster.pieces) == {*common, *rare}


def test_a_wrapper_of_interchangeable_parts_is_known_in_its_rare_combinations_too() -> None:
    """Five sentences, each in one of eight wordings, of which some are far commoner than others."""
    chance = Random(5)

    def wrapped(number: int, evenly: bool) -> Asked:
        parts = [chance.randrange(8) if evenly else min(int(chance.expovariate(0.3)), 7) for _ in range(5)]
        wrapper = [each for slot, part in enumerate(parts) for each in pieces(f"{slot} {part}", 5)]
        content = said(wrapper, pieces(f"task {number}", 6))
        return asked(f"pool-{number % 60}", content, T0 + number * SECOND_US)

    engine = engine_after(wrapped(number, evenly=False) for number in range(1500))
    (cluster, *_) = grown(engine)
    before = cluster.requests
    for number in range(1500, 1600):
        engine.asked(wrapped(number, evenly=True))
    assert cluster.requests - before > 95


def test_a_phrase_becomes_a_campaigns_where_two_thirds_of_all_who_say_it_are_of_it() -> None:
    phrase, pool, people = pieces("phrase", 5), names("pool", 20), names("person", 12)
    engine = engine_after(timed(dealt(WRAPPER, pool), 300))
    for number in range(16):
        engine.asked(asked(people[number % 12], said(phrase, pieces(f"own {number}")), T0 + 400 * SECOND_US))
    campaign, other = grown(engine, 12)
    engine.name(campaign, "c-1")
    overlapping = timed(dealt((*WRAPPER, *phrase), pool, "both"), 40, T0 + 500 * SECOND_US)
    for event in overlapping[: other.requests + 4]:
        engine.asked(event)
    assert other.number in engine.clusters
    for event in overlapping[other.requests + 4 :]:
        engine.asked(event)
    assert other.number not in engine.clusters
    assert set(campaign.pieces) == {*WRAPPER, *phrase}


def test_an_injected_suffix_is_found_within_longer_prompts_of_every_kind() -> None:
    suffix, accounts = pieces("suffix", 6), names("pool", 40)
    (cluster,) = grown(
        engine_after(
            asked(accounts[number % 40], said(pieces(f"agent prompt {number}", 40), suffix), T0 + number * SECOND_US)
            for number in range(400)
        )
    )
    assert set(cluster.pieces) == set(suffix)
    assert cluster.requests > 380


def test_a_request_with_a_phrase_of_a_template_only_is_not_of_it() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 300))
    (cluster,) = grown(engine)
    before = cluster.requests
    for number in range(50):
        engine.asked(asked(f"visitor-{number}", said(WRAPPER[:2], pieces(f"own {number}", 20)), T0 + 10**10))
    assert cluster.requests == before


def test_what_one_payer_was_refused_and_another_asks_is_an_echo_that_ties_them() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    (cluster,) = grown(engine)
    for number in range(10):
        content = said(WRAPPER, pieces(f"refused {number}", 8))
        one, other = f"pool-{number}", f"pool-{number + 1}"
        engine.asked(asked(one, content, T0 + 10**10 + 2 * number, action="throttle"))
        engine.asked(asked(other, content, T0 + 10**10 + 2 * number + 1))
    groups = {name: payer.group for name in names("pool", 11) if (payer := engine.payers.find(name)) is not None}
    assert cluster.pairs.echoes == {(groups[f"pool-{number}"], groups[f"pool-{number + 1}"]) for number in range(10)}
    assert engine.ties.component(groups["pool-0"])[1] == 11


@pytest.mark.parametrize(("by_verdict", "relation"), [(True, Relation.ROUTED), (False, Relation.RETRIES)])
def test_what_is_picked_up_at_the_very_place_where_it_was_refused_ties_nobody_unless_a_crowd_is_there(
    by_verdict: bool, relation: Relation
) -> None:
    """A firm's second key behind one address; of a campus of hundreds it may be anybody."""
    for crowd, found in ((0, relation), (100, Relation.TESTED_ECHO if by_verdict else Relation.ECHO)):
        engine, cluster = suspected()
        for number in range(crowd):
            engine.asked(asked(f"neighbour-{number}", said(pieces(f"own {number}")), T0 + 10**9, network="office"))
        content, at_us = said(WRAPPER, pieces("refused", 8)), T0 + 10**10
        who = {"network": "office", "campaign": "c-1"}
        engine.asked(asked("key-1", content, at_us, action="throttle", by_verdict=by_verdict, **who))
        engine.asked(asked("key-2", content, at_us + SECOND_US, **who))
        assert cluster.relations[found] == 1
        assert bool(engine.ties.degree) is bool(crowd)


def test_what_is_asked_for_only_in_a_later_turn_begins_there() -> None:
    engine = Engine()
    for number in range(200):
        account, at_us = f"pool-{number % 20}", T0 + number * SECOND_US
        question = pieces(f"question {number}", 12)
        engine.asked(asked(account, said(question), at_us))
        opened = said(question).asked
        for turn, more in enumerate((WRAPPER, (*WRAPPER, *pieces(f"and more {number}", 4)))):
            content = replace(said((*question, *more)), continues=opened, turns=3 + 2 * turn)
            engine.asked(asked(account, content, at_us + turn + 1))
            opened = content.asked
    (cluster,) = grown(engine)
    assert 180 < cluster.dealt.openings <= 200
    assert not cluster.dealt.total.own


def test_the_same_matter_in_a_new_wording_of_the_wrapper_is_picked_up_too() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    task = pieces("the refused task", 24)
    engine.asked(asked("pool-1", said(WRAPPER, task), T0 + 10**10, action="throttle", by_verdict=True))
    engine.asked(asked("fresh", said(pieces("another wrapper"), task), T0 + 10**10 + 1))
    groups = [payer.group for name in ("pool-1", "fresh") if (payer := engine.payers.find(name)) is not None]
    assert engine.ties.component(groups[0]) == engine.ties.component(groups[1])
    assert engine.ties.component(groups[0])[1] == 2


def test_a_refused_question_is_known_again_by_half_of_its_own_words_whatever_it_stands_in() -> None:
    engine, cluster = suspected()
    question = pieces("the question", 6)
    refused = asked("pool-1", said(WRAPPER, question), T0 + 10**10, action="throttle", by_verdict=True, campaign="c-1")
    engine.asked(refused)
    engine.asked(asked("pool-2", said(WRAPPER, question[:3], pieces("of its own", 12)), T0 + 10**10 + SECOND_US))
    assert len(cluster.pairs.tested) == 1
    assert cluster.control_echoes == 0


def test_who_asks_in_the_words_of_another_templates_refused_request_tells_nothing_of_his_own_template() -> None:
    engine, cluster = suspected()
    for event in timed(dealt(pieces("a product"), names("customer", 20), "own"), 300, T0 + 10**9):
        engine.asked(event)
    product = next(other for other in grown(engine) if other is not cluster)
    question = pieces("the question", 6)
    refused = asked("pool-1", said(WRAPPER, question), T0 + 10**10, action="throttle", by_verdict=True, campaign="c-1")
    engine.asked(refused)
    engine.asked(asked("customer-1", said(pieces("a product"), question), T0 + 10**10 + SECOND_US))
    assert not product.pairs.tested
    assert engine.ties.degree


def test_a_product_that_was_there_for_hours_is_no_new_wording_of_a_campaign() -> None:
    engine, cluster = suspected()
    for event in timed(dealt(pieces("a product"), names("customer", 20), "own"), 100):
        engine.asked(event)
    product = next(other for other in engine.clusters.values() if other is not cluster)
    question, at_us = pieces("the question", 24), T0 + 3 * HOUR_US
    engine.asked(asked("pool-1", said(question), at_us, action="throttle", by_verdict=True, campaign="c-1"))
    engine.asked(asked("customer-1", said(pieces("a product"), question), at_us + SECOND_US))
    assert not product.pairs.tested


def test_what_a_suspicion_lets_pass_and_others_ask_as_well_is_counted_as_chance() -> None:
    engine, cluster = suspected()
    for number in range(200):
        question = pieces(f"question {number}", 6)
        at_us = T0 + 10**10 + number * SECOND_US
        engine.asked(asked(f"pool-{number % 20}", said(WRAPPER, question), at_us, campaign="c-1"))
        if number % 2:
            engine.asked(asked(f"pool-{(number + 1) % 20}", said(WRAPPER, question[:4]), at_us + 1, campaign="c-1"))
    assert 0.25 * cluster.controls < cluster.control_echoes < 0.75 * cluster.controls
    assert not cluster.pairs.tested


def suspected() -> tuple[Engine, Cluster]:
    """A pool whose cluster goes by the name c-1."""
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    (cluster,) = grown(engine)
    engine.name(cluster, "c-1")
    return engine, cluster


@pytest.mark.parametrize(("late_us", "payers"), [(0, 2), (1, 1), (ECHO_US, 1)])
def test_what_is_asked_in_like_words_long_after_a_refusal_is_another_story(late_us: int, payers: int) -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    task = pieces("the refused task", 24)
    engine.asked(asked("pool-1", said(WRAPPER, task), T0 + 10**10, action="throttle", by_verdict=True))
    engine.asked(asked("fresh", said(pieces("other words"), task), T0 + 10**10 + ECHO_US + late_us))
    fresh = engine.payers.find("fresh")
    assert fresh is not None
    assert engine.ties.component(fresh.group)[1] == payers


def test_a_router_within_one_organisation_is_no_echo() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    for number in range(40):
        content = said(WRAPPER, pieces(f"routed {number}", 8))
        for key, action in (("key-1", "throttle"), ("key-2", "allow")):
            engine.asked(asked(key, content, T0 + 10**10 + number, action=action, org="acme"))
    assert not any(relations(engine)[relation] for relation in (Relation.ECHO, Relation.TESTED_ECHO))
    assert not engine.ties.degree


def test_a_conversation_that_goes_on_under_another_account_ties_the_two() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    (cluster,) = grown(engine)
    opening = said(WRAPPER, pieces("the task", 8))
    engine.asked(asked("pool-1", opening, T0 + 10**10))
    engine.asked(asked("pool-2", said(WRAPPER, asked=5, continues=opening.asked, turns=3), T0 + 10**10 + 1))
    assert len(cluster.pairs.handovers) == 1


@pytest.mark.parametrize("issued", [True, False])
def test_a_reasoning_signature_that_another_payer_sends_is_a_replay(issued: bool) -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    (cluster,) = grown(engine)
    for number in range(5):
        one, other, signature = f"pool-{number}", f"pool-{number + 9}", 1000 + number
        if issued:
            engine.answered(Answered(T0 + 10**10, one, signatures=(signature,)))
        else:
            engine.asked(asked(one, said(WRAPPER, pieces(f"first {number}"), signatures=(signature,)), T0 + 10**10))
        engine.asked(asked(other, said(WRAPPER, pieces(f"again {number}"), signatures=(signature,)), T0 + 10**10))
    assert len(cluster.pairs.replays) == 5


def test_a_payers_own_signature_is_none_nor_one_of_its_organisation() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200, org="acme"))
    for account in ("pool-1", "pool-1", "pool-2"):
        engine.asked(asked(account, said(WRAPPER, pieces(account), signatures=(7,)), T0 + 10**10, org="acme"))
    assert not engine.ties.degree


def pool_of_a_product(customers: int = 60) -> tuple[Engine, Cluster]:
    """Accounts that hand every conversation on to one another, among the many customers of the product they use."""
    engine = Engine()
    for number in range(600):
        task = said(WRAPPER, pieces(f"task {number}", 8))
        at_us = T0 + 10 * number * SECOND_US
        engine.asked(asked(f"customer-{number % customers}", said(WRAPPER, pieces(f"own {number}", 8)), at_us))
        engine.asked(asked(f"pool-{number % 20}", task, at_us + 1))
        next_turn = said(WRAPPER, pieces(f"turn {number}", 4), continues=task.asked, turns=3)
        engine.asked(asked(f"pool-{(number + 7) % 20}", next_turn, at_us + 2))
    (tied,) = [cluster for cluster in grown(engine) if not cluster.has_text]
    return engine, tied


def test_accounts_that_hand_over_to_one_another_are_a_cluster_apart_from_the_products_other_customers() -> None:
    engine, tied = pool_of_a_product()
    assert set(tied.members) == set(names("pool", 20))
    (product,) = [cluster for cluster in grown(engine) if cluster.has_text]
    assert set(product.members) == {*names("pool", 20), *names("customer", 60)}


def test_a_campaign_that_is_known_by_its_ties_learns_no_text_lest_it_becomes_all_of_the_products_customers() -> None:
    engine, tied = pool_of_a_product()
    engine.name(tied, "c-1")
    for number in range(200):
        event = asked(f"pool-{number % 20}", said(WRAPPER, pieces(f"later {number}")), T0 + 10**11 + number)
        engine.asked(replace(event, campaign="c-1", action="throttle", by_verdict=True))
    assert not tied.has_text
    assert tied.prevented == 200
    assert set(tied.members) == set(names("pool", 20))


def test_payers_that_keep_picking_up_what_others_were_refused_are_one_cluster_without_any_template() -> None:
    engine = Engine()
    for number in range(400):
        content = said(pieces(f"unlike all others {number}", 20))
        engine.asked(asked(f"pool-{number % 30}", content, T0 + number * SECOND_US, action="throttle"))
        engine.asked(asked(f"pool-{(number + 1) % 30}", content, T0 + number * SECOND_US + 1))
    (cluster,) = grown(engine)
    assert len(cluster.members) == 30
    assert not cluster.pieces


def test_what_a_campaign_was_found_in_is_counted_for_it_whatever_it_says() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    (cluster,) = grown(engine)
    engine.name(cluster, "c-1")
    requests, admitted = cluster.requests, cluster.admitted
    engine.asked(asked("pool-1", said(pieces("something else")), T0 + 10**10, campaign="c-1"))
    assert (cluster.held_requests, cluster.admitted, cluster.requests) == (1, admitted + 1, requests)


def test_what_else_the_accounts_of_a_campaign_ask_teaches_it_no_words() -> None:
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 200))
    (cluster,) = grown(engine)
    engine.name(cluster, "c-1")
    fashion = pieces("what everybody asks these days")
    for number in range(200):
        who, told = (f"pool-{number % 20}", {"campaign": "c-1", "action": "throttle", "by_verdict": True})
        engine.asked(asked(who, said(fashion, pieces(f"own {number}")), T0 + 10**10 + number, **told))
    assert cluster.prevented == 200
    assert not set(cluster.pieces) & set(fashion)


@pytest.mark.parametrize(("status", "returns"), [(200, 20), (None, 20), (400, 20), (429, 0), (503, 0), (529, 0)])
def test_whoever_asks_again_what_the_upstream_failed_to_answer_returns_to_no_matter_of_its_own(
    status: int | None, returns: int
) -> None:
    events = timed(dealt(WRAPPER, names("pool", 20)), 200)
    engine = engine_after(events)
    (cluster,) = grown(engine)
    for number, event in enumerate(events[-20:]):
        engine.answered(Answered(event.moment_us + number, event.account, status=status))
        engine.asked(replace(event, moment_us=T0 + 10**10 + number))
    assert cluster.dealt.total.own == returns


def test_a_request_of_which_no_content_is_told_counts_for_its_payer_alone() -> None:
    engine = engine_after([asked("a"), asked("a")])
    payer = engine.payers.find("a")
    assert payer is not None
    assert payer.events == 2
    assert not engine.clusters


def test_a_merged_cluster_is_gone_with_all_that_pointed_to_it() -> None:
    one = timed(dealt(pieces("one"), names("pool", 20), "t1"), 200)
    other = timed(dealt(pieces("other"), names("pool", 20), "t2"), 200)
    engine = engine_after(event for pair in zip(one, other, strict=True) for event in pair)
    whole, part = grown(engine)
    requests = whole.requests + part.requests
    assert part in whole.neighbours
    engine.name(part, "c-1")
    engine.merge(whole, part)
    assert part.gone
    assert part not in engine.clusters.values()
    assert part not in engine.clusters.touched
    assert part not in whole.neighbours
    assert engine.by_campaign == {"c-1": whole}
    assert set(whole.pieces) == {*pieces("one"), *pieces("other")}
    assert whole.requests == requests


def test_a_cluster_that_is_gone_keeps_no_other_one_alive() -> None:
    one = timed(dealt(pieces("one"), names("pool", 20), "t1"), 200)
    other = timed(dealt(pieces("other"), names("pool", 20), "t2"), 200)
    engine = engine_after(event for pair in zip(one, other, strict=True) for event in pair)
    whole, part = grown(engine)
    assert part.neighbours
    engine.merge(whole, part)
    assert not {*part.neighbours, *part.crossings, *part.overlaps}


REQUEST = st.tuples(
    st.integers(0, 11), st.integers(0, 3), st.integers(0, 6), st.booleans(), st.sampled_from([None, "acme"])
)


@settings(max_examples=30)
@given(st.lists(REQUEST, min_size=40, max_size=200))
def test_whatever_the_traffic_each_request_and_each_piece_is_counted_in_one_cluster_at_most(
    requests: list[tuple[int, int, int, bool, str | None]],
) -> None:
    engine = Engine()
    for number, (account, template, task, refused, org) in enumerate(requests):
        content = said(pieces(f"t{template}", 6), pieces(f"t{template + 1}", 3), pieces(f"task {task}", 5))
        engine.asked(asked(f"a{account}", content, T0 + number, action="throttle" if refused else "allow", org=org))
        templates = [cluster for cluster in engine.clusters.values() if cluster.pieces]
        for cluster in templates:
            for piece in cluster.pieces:
                shared = engine.pieces.shared(piece)
                assert shared is not None
                assert shared.cluster is cluster
        assert sum(cluster.requests for cluster in templates) <= number + 1
        assert all(cluster.admitted + cluster.prevented == cluster.requests for cluster in templates)
        assert not any(cluster.gone for cluster in engine.clusters.values())


def test_a_flood_of_templates_and_accounts_is_held_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.detect.clusters.MOST_CLUSTERS", 20)
    engine = Engine()
    at_us = T0
    for number in range(100):
        for account in range(12):
            at_us += SECOND_US
            content = said(pieces(f"template {number}"), pieces(f"{number} {account}", 4))
            engine.asked(asked(f"invented-{number}-{account}", content, at_us))
        assert len(engine.clusters) <= 20
    assert all(len(cluster.pieces) <= MOST_PIECES for cluster in engine.clusters.values())
    assert not any(cluster.gone for cluster in engine.clusters.touched)


def test_a_flood_of_templates_evicts_no_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.detect.clusters.MOST_CLUSTERS", 20)
    engine = engine_after(timed(dealt(WRAPPER, names("pool", 20)), 100))
    (cluster,) = grown(engine)
    engine.name(cluster, "c-1")
    for number in range(100):
        for account in range(12):
            content = said(pieces(f"template {number}"), pieces(f"{number} {account}", 4))
            engine.asked(asked(f"invented-{number}-{account}", content, T0 + 10**10 + number))
    assert not cluster.gone
    before = cluster.requests
    engine.asked(asked("pool-1", said(WRAPPER, pieces("after the flood")), T0 + 10**11))
    assert cluster.requests == before + 1


def test_requests_without_a_word_make_no_cluster() -> None:
    engine = engine_after(asked(f"a-{number}", Content(), T0 + number) for number in range(50))
    assert not engine.clusters
    assert len(engine.payers) == 50

"""Usage is counted where its request was, and what two clusters have counted is counted once when they are one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from proxy.detect.cluster import Cluster
from proxy.detect.counted import Counted
from proxy.detect.engine import Engine
from proxy.detect.payers import Payers
from proxy.events.content import Content
from proxy.events.event import Answered, Asked
from tests.unit.detect.traffic_by_hand import SECOND_US, T0, asked, dealt, names, pieces, said, timed

LATER = T0 + 10**10
TOKENS = (100, 2000)


def end_of(event: Asked) -> Answered:
    return Answered(event.moment_us + SECOND_US, event.account, None, 200, *TOKENS, asked_us=event.moment_us)


def two_templates() -> tuple[Engine, Cluster, Cluster]:
    """Both of the same accounts."""
    engine = Engine()
    for name in ("one", "other"):
        for event in timed(dealt(pieces(name), names("pool", 20), name), 200):
            engine.asked(event)
    one, other = (
        next(cluster for cluster in engine.clusters.values() if set(pieces(name)) <= set(cluster.pieces))
        for name in ("one", "other")
    )
    return engine, one, other


def used(cluster: Cluster) -> tuple[int, int]:
    return cluster.input_tokens, cluster.output_tokens


def test_what_an_exchange_used_is_its_clusters_whatever_its_payer_has_asked_since() -> None:
    engine, one, other = two_templates()
    first = asked("pool-1", said(pieces("one"), pieces("a task")), LATER)
    engine.asked(first)
    engine.asked(asked("pool-1", said(pieces("other"), pieces("another task")), LATER + 1))
    engine.answered(end_of(first))
    assert (used(one), used(other)) == (TOKENS, (0, 0))


@pytest.mark.parametrize(
    "event",
    [
        asked("pool-1", said(pieces("something else", 3)), LATER),
        asked("pool-1", None, LATER),
        asked("never seen", said(pieces("something else", 3)), LATER),
    ],
)
def test_what_an_exchange_of_no_cluster_used_is_no_clusters(event: Asked) -> None:
    engine, one, other = two_templates()
    engine.asked(event)
    engine.answered(end_of(event))
    engine.answered(Answered(LATER, "never asked", output_tokens=5))
    assert (used(one), used(other)) == ((0, 0), (0, 0))


def test_what_an_exchange_used_is_counted_once_however_often_its_end_is_told() -> None:
    engine, one, _ = two_templates()
    event = asked("pool-1", said(pieces("one"), pieces("a task")), LATER)
    engine.asked(event)
    engine.answered(end_of(event))
    engine.answered(end_of(event))
    assert used(one) == TOKENS


def test_what_an_exchange_used_is_that_clusters_which_its_own_has_become_part_of() -> None:
    engine, one, other = two_templates()
    event = asked("pool-1", said(pieces("other"), pieces("a task")), LATER)
    engine.asked(event)
    engine.merge(one, other)
    engine.answered(end_of(event))
    assert used(one) == TOKENS


def test_what_was_held_for_its_account_is_the_campaigns_with_what_it_used() -> None:
    engine, one, _ = two_templates()
    engine.name(one, "c-1")
    event = asked("pool-1", said(pieces("something else", 3)), LATER, campaign="c-1")
    engine.asked(event)
    engine.answered(end_of(event))
    assert used(one) == TOKENS


def pool_of_a_product() -> tuple[Engine, Cluster, Cluster]:
    """Accounts that hand on to one another are a cluster by their ties; all of it is in the product's words too."""
    engine = Engine()
    for event in handed_over():
        engine.asked(event)
        engine.answered(end_of(event))
    tied, product = sorted(engine.clusters.values(), key=lambda cluster: cluster.has_text)
    assert not tied.has_text
    return engine, tied, product


def handed_over() -> Iterator[Asked]:
    product = pieces("product")
    for number in range(300):
        at_us = T0 + 10 * number * SECOND_US
        task = said(product, pieces(f"task {number}", 8), targets=1)
        turn = said(product, pieces(f"turn {number}", 4), continues=task.asked, turns=3)
        yield asked(f"pool-{number % 20}", task, at_us)
        yield asked(f"pool-{(number + 7) % 20}", turn, at_us + 1)
        yield asked(f"customer-{number % 60}", said(product, pieces(f"own {number}", 8)), at_us + 2)


def counts(cluster: Cluster) -> dict[str, object]:
    dealt_out = {account: share.openings for account, share in cluster.dealt.shares.items()}
    return {
        "requests": (cluster.requests, cluster.admitted, cluster.prevented, *used(cluster)),
        "kinds": (cluster.members, cluster.models, cluster.shapes, cluster.targets, cluster.relations),
        "dealt": (dealt_out, cluster.dealt.openings, cluster.dealt.turns),
        "time line": (cluster.timeline.slices(), cluster.timeline.twelfths),
    }


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_two_clusters_have_both_counted_is_counted_once_when_they_are_one(is_whole: bool) -> None:
    engine, tied, product = pool_of_a_product()
    assert tied.requests > 400
    expected = counts(product)
    whole, part = (tied, product) if is_whole else (product, tied)
    engine.merge(whole, part)
    assert counts(whole) == expected


def test_what_two_have_counted_is_counted_once_though_either_has_become_part_of_a_third() -> None:
    for order in (0, 1):
        engine, tied, product = pool_of_a_product()
        expected = product.requests
        third = engine.clusters.new(LATER)
        engine.merge(third, (tied, product)[order])
        engine.merge(third, (product, tied)[order])
        assert third.requests == expected


def test_a_request_that_a_campaign_held_is_counted_once_when_its_words_become_the_campaigns() -> None:
    engine, one, other = two_templates()
    engine.name(one, "c-1")
    for number in range(50):
        content = said(pieces("other"), pieces(f"late {number}"))
        event = asked("pool-1", content, LATER + number, campaign="c-1", action="throttle", by_verdict=True)
        engine.asked(event)
    assert (one.prevented, other.prevented) == (50, 50)
    engine.merge(one, other)
    assert (one.prevented, one.held_requests) == (50, 0)
    assert one.admitted + one.prevented == one.requests


def test_a_request_that_is_its_campaigns_for_its_ties_is_not_held_as_well() -> None:
    engine, tied, product = pool_of_a_product()
    engine.merge(product, tied)
    engine.name(product, "c-1")
    before = product.requests + product.held_requests
    engine.asked(asked("pool-1", said(pieces("something else", 12)), LATER, campaign="c-1"))
    assert product.requests + product.held_requests == before + 1
    assert product.admitted == product.requests + product.held_requests


def test_what_is_remembered_of_exchanges_and_of_pairs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.detect.counted._OPEN", 10)
    monkeypatch.setattr("proxy.detect.counted.MOST_PAIRS", 10)
    counted, payers = Counted(), Payers()
    clusters = [Cluster(number, T0) for number in range(100)]
    for number, cluster in enumerate(clusters):
        event = replace(asked("a", Content()), moment_us=T0 + number)
        counted.asked(event, payers.seen(event), cluster, counted.twice(cluster, clusters[0]))
    assert len(counted) <= 30

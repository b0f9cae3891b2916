"""Whether a wording is a mark by itself: not if it comes with another one, nor while few requests have had it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.detect.cluster import Cluster
from proxy.detect.pieces import Shared
from proxy.detect.template import TRIAL, Template
from proxy.detect.votes import Votes, wording_of
from tests.unit.detect.traffic_by_hand import T0, pieces


def wording(cluster: Cluster, name: str) -> list[Shared]:
    """The pieces of one more wording of the cluster, all of which each of its many requests has had."""
    template = cluster.worded()
    template.requests = template.weighed = 10 * TRIAL
    template.typical = 10.0
    found = []
    for piece in pieces(name):
        shared = Shared(piece, 1, 2)
        shared.join(template)
        shared.joined_at, shared.weight = 0, 1.0
        found.append(shared)
    return found


def trust(shared: list[Shared]) -> float:
    template = shared[0].template
    assert template is not None
    return template.trust


def test_what_is_asked_within_a_wrapper_is_no_mark_by_itself_and_the_wrapper_is() -> None:
    cluster = Cluster(1, T0)
    wrapper, question = wording(cluster, "wrapper"), wording(cluster, "question")
    assert trust(wrapper) == trust(question) == 1
    for number in range(200):
        wording_of(cluster, Votes(wrapper + question if number % 5 == 0 else wrapper))
    assert trust(wrapper) == 1
    assert trust(question) < 0.4


def test_two_that_always_come_together_are_marks_together() -> None:
    cluster = Cluster(1, T0)
    prefix, suffix = wording(cluster, "prefix"), wording(cluster, "suffix")
    for _ in range(200):
        wording_of(cluster, Votes(prefix + suffix))
    told = [trust(part) * sum(piece.vote for piece in part) for part in (prefix, suffix)]
    assert all(weight < 1 for weight in told)
    assert sum(told) >= 1


def test_a_phrase_of_another_wording_is_no_company() -> None:
    cluster = Cluster(1, T0)
    wrapper, other = wording(cluster, "wrapper"), wording(cluster, "other")
    for _ in range(200):
        wording_of(cluster, Votes(wrapper + other[:2]))
    assert trust(wrapper) == 1


def test_a_wrapper_that_is_put_around_something_else_becomes_a_mark_again() -> None:
    cluster = Cluster(1, T0)
    wrapper, question = wording(cluster, "wrapper"), wording(cluster, "question")
    for _ in range(5000):
        wording_of(cluster, Votes(wrapper + question))
    assert trust(wrapper) < 1
    for _ in range(400):
        wording_of(cluster, Votes(wrapper))
    assert trust(wrapper) == 1


@pytest.mark.parametrize(("requests", "is_mark"), [(0, False), (TRIAL - 1, False), (TRIAL, True), (10**6, True)])
def test_a_wording_that_few_requests_have_had_takes_more_of_its_pieces(requests: int, is_mark: bool) -> None:
    template = Template(Cluster(1, T0))
    template.requests = requests
    assert (template.trust == 1) is is_mark


@given(st.lists(st.booleans(), max_size=1000))
def test_its_trust_is_never_more_than_whole_nor_nothing(company: list[bool]) -> None:
    template = Template(Cluster(1, T0))
    template.requests = TRIAL
    for in_company in company:
        template.met(in_company=in_company)
        assert 0 < template.trust <= 1

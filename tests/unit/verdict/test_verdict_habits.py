"""What honest traffic does and campaigns have no use for: to talk a matter over, to start by the clock."""

from __future__ import annotations

import pytest

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.dealt import Again
from proxy.detect.payers import Payers
from proxy.events.content import Content
from proxy.verdict.habits import habits
from tests.unit.detect.traffic_by_hand import HOUR_US, MINUTE_US, SECOND_US, T0, asked
from tests.unit.verdict.counted import counted, in_turn


def weights(cluster: Cluster) -> dict[str, float]:
    return {each.signal: each.weight for each in habits(cluster)}


def gone_on(openings: int, turns: int, tool_results: int = 0) -> Cluster:
    """So many conversations, each begun by an account of its own, and so many turns with which one of them goes on."""
    payers = Payers()
    cluster = counted(range(openings), payers)
    event = asked("a-0", Content(turns=3, tool_results=tool_results), T0 + 10 * MINUTE_US)
    for _ in range(turns):
        cluster.asked(event, payers.seen(event), Relation.CONTINUES, again=Again.NO, whose=0)
    return cluster


def at(*moments_us: int) -> Cluster:
    """Requests at these moments after midnight."""
    midnight = T0 - T0 % HOUR_US
    payers = Payers()
    cluster = Cluster(1, midnight + moments_us[0])
    for number, moment_us in enumerate(moments_us):
        event = asked(f"a-{number}", Content(), midnight + moment_us)
        cluster.asked(event, payers.seen(event), Relation.NEW, again=Again.NO, whose=0)
    return cluster


def test_those_who_go_on_with_what_they_began_are_people_the_more_they_do() -> None:
    assert weights(gone_on(100, 8)) == {}
    assert -1.5 < weights(gone_on(100, 15))["conversations"] < -1.0
    assert weights(gone_on(100, 50)) == weights(gone_on(100, 500)) == {"conversations": -3.0}


def test_who_asks_again_what_failed_goes_on_with_nothing() -> None:
    payers = Payers()
    cluster = counted(in_turn(100, 20), payers)
    event = asked("a-0", Content())
    for _ in range(100):
        cluster.asked(event, payers.seen(event), Relation.RETRIES, again=Again.NO, whose=0)
    assert weights(cluster) == {}
    assert cluster.dealt.asks_once(1.0)


def test_agents_that_go_on_with_what_a_tool_has_found_are_not_told_from_campaigns_by_that() -> None:
    assert weights(gone_on(100, 500, tool_results=1)) == {}


def test_a_pool_that_is_known_by_its_ties_may_have_any_conversations_besides() -> None:
    cluster = gone_on(100, 100)
    cluster.templates.clear()
    assert weights(cluster) == {}


@pytest.mark.parametrize("minute", [0, 17, 55])
def test_jobs_that_start_at_the_same_minute_of_each_hour_are_strangers(minute: int) -> None:
    jobs = at(*(hour * HOUR_US + minute * MINUTE_US + second * SECOND_US for hour in range(3) for second in range(120)))
    assert weights(jobs) == {"by-the-clock": -3.0}


def test_what_has_only_just_begun_or_goes_on_evenly_or_in_waves_is_not_by_the_clock() -> None:
    assert weights(at(*(second * SECOND_US for second in range(200)))) == {}
    assert weights(at(*(minute * MINUTE_US for minute in range(180)))) == {}
    tried_out = (hour * HOUR_US for hour in range(40))
    assert weights(at(*tried_out, *(40 * HOUR_US + second * SECOND_US for second in range(200)))) == {}
    waves = (wave * 10 * MINUTE_US + second * SECOND_US for wave in range(12) for second in range(30))
    assert weights(at(*waves)) == {}


def test_what_came_together_counts_as_one() -> None:
    one, other = gone_on(100, 50), at(0, HOUR_US, 2 * HOUR_US)
    one.absorb(other, ())
    assert (one.dealt.turns, one.dealt.talked, one.dealt.conversing) == (50, 50, 1)
    assert sum(one.timeline.twelfths.values()) == 153

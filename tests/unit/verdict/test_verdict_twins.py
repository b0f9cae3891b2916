"""A campaign's accounts make one campaign: what its verdicts and an operator's word bring about is no second one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from proxy.events.event import Asked
from proxy.verdict.campaign import Level, Word
from tests.unit.detect.traffic_by_hand import (
    DAY_US,
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
from tests.unit.verdict.closed_loop import ClosedLoop
from tests.unit.verdict.counted import by_people

POOL = names("pool", 40)
LATER = T0 + 3 * HOUR_US


def pool_events(count: int, start_us: int = T0) -> list[Asked]:
    """One buyer's accounts, so that their ties and what they have in common are enough without a common text."""
    tasks = dealt(pieces("wrapper"), POOL, f"task of {start_us}")
    return timed(tasks, count, start_us, created_us=T0 - DAY_US, payment="card")


def picked_up(events: list[Asked]) -> Iterator[tuple[Asked, Asked | None]]:
    """Each request; with every third one who asks it again if it is refused: a few groups among whom work is moved."""
    for number, event in enumerate(events):
        other = POOL[number * number % 40 - 1]
        again = replace(event, account=other, network=f"net of {other}", moment_us=event.moment_us + 1)
        yield event, again if number % 3 == 0 else None


def refused(count: int) -> ClosedLoop:
    """A campaign that is known by its words, and whose accounts take over from one another what it is refused."""
    loop = ClosedLoop()
    for event, again in picked_up(pool_events(count)):
        if not loop.ask(event) and again is not None:
            loop.ask(again)
        assert len(loop.analyst.campaigns()) <= 1
    return loop


def test_accounts_that_a_campaigns_own_verdicts_tie_make_no_second_campaign() -> None:
    campaign = refused(1500).campaign
    assert campaign.level is Level.CONFIRMED
    assert campaign.merged == ()
    assert set(campaign.members) == set(POOL)


def test_each_request_of_a_campaign_is_told_once_whatever_was_counted_for_its_ties() -> None:
    loop = refused(1500)
    campaign = loop.campaign
    early = loop.admitted - campaign.exchanges_admitted
    assert 0 <= early < 10
    assert campaign.exchanges_seen == campaign.exchanges_admitted + campaign.exchanges_prevented
    assert sum(part.prevented for part in campaign.timeline) == campaign.exchanges_prevented
    assert campaign.models == {"m": campaign.exchanges_seen}
    assert campaign.exchanges_prevented == loop.asked - loop.admitted


@pytest.mark.parametrize("count", [200, 600, 1000])
def test_a_released_campaign_stays_released_whoever_is_tied_to_whom(count: int) -> None:
    loop = refused(count)
    loop.say(Word.RELEASE)
    admitted, events = loop.admitted, pool_events(800, LATER)
    for event, again in picked_up(events):
        if again is not None:  # a quota refuses it, and another account takes it up
            loop.analyst.observe(replace(event, action="throttle"))
        loop.ask(again or event)
    assert loop.admitted - admitted == len(events)
    assert loop.campaign.word is Word.RELEASE


def with_customers(start: int, count: int) -> Iterator[Asked]:
    """The pool hands its conversations on to one another, among the people who use the same product."""
    product, people = pieces("product"), by_people(3 * (start + count), 60)
    for number in range(start, start + count):
        at_us = T0 + 20 * number * SECOND_US
        for who in people[3 * number : 3 * number + 3]:
            yield asked(f"customer-{who}", said(product, pieces(f"own {who} {number // 40}", 8)), at_us)
        task = said(product, pieces(f"task {number}", 8))
        turn = said(product, pieces(f"turn {number}", 4), continues=task.asked, turns=3)
        for account, content in ((POOL[number % 40], task), (POOL[(number * number + 7) % 40], turn)):
            yield asked(account, content, at_us + 1, created_us=T0 - DAY_US, payment="card")


def test_a_pool_that_was_found_among_a_products_customers_is_not_released_with_the_product() -> None:
    loop = ClosedLoop().play(with_customers(0, 260))
    levels = {campaign.id: campaign.level for campaign in loop.analyst.campaigns() if not campaign.marks.pieces}
    assert set(levels.values()) == {Level.CONFIRMED}
    (product,) = [campaign for campaign in loop.analyst.campaigns() if campaign.marks.pieces]
    assert product.level is Level.SUSPECTED
    loop.analyst.say(product.id, Word.RELEASE)
    loop.play(with_customers(260, 60))
    now = {campaign.id: campaign for campaign in loop.analyst.campaigns()}
    assert now.keys() == {product.id, *levels}
    assert [now[name].word for name in levels] == [None] * len(levels)

"""Events in, campaigns out: found, named, told of, merged, forgotten, and bent to operators' words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec
import pytest
from msgspec.structs import replace

from proxy.events.content import Content
from proxy.events.event import Asked
from proxy.verdict.analyst import RENEWAL_US, Analyst
from proxy.verdict.campaign import Level, Word
from proxy.verdict.snapshot import Snapshot
from tests.unit.detect.traffic_by_hand import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    T0,
    asked,
    blatant,
    dealt,
    names,
    pieces,
    said,
    timed,
)
from tests.unit.verdict.closed_loop import ClosedLoop
from tests.unit.verdict.counted import by_people

WRAPPER = pieces("wrapper")
POOL = names("pool", 40)
NEXT_POOL = names("next", 40)
LATER = T0 + 3 * HOUR_US


def failing_over(count: int = 800) -> ClosedLoop:
    """A campaign that was found, and whose accounts take over from one another."""
    return ClosedLoop().play(timed(dealt(WRAPPER, POOL), count), POOL[::-1])


def unrelated(count: int, start_us: int, gap_us: int = SECOND_US) -> list[Asked]:
    return [
        asked(f"person-{number % 50}", said(pieces(f"matter {number} of {start_us}", 20)), start_us + number * gap_us)
        for number in range(count)
    ]


def test_a_small_pool_that_is_dealt_its_tasks_is_found_and_refused() -> None:
    loop = failing_over()
    campaign = loop.campaign
    assert campaign.level is Level.CONFIRMED
    assert set(campaign.members) == set(POOL)
    assert set(campaign.marks.pieces) == set(WRAPPER)
    assert {each.family for each in campaign.evidence} >= {"reaction", "partition"}
    assert loop.admitted < 300
    assert not loop.ask(asked("yet another", said(WRAPPER, pieces("one more")), LATER))


def test_accounts_that_one_buyer_created_together_are_found_before_anything_is_refused() -> None:
    loop = ClosedLoop(probes=False).play(blatant(WRAPPER, POOL))
    assert loop.campaign.level is Level.CONFIRMED
    assert loop.admitted < 1300


@pytest.mark.parametrize("seed", range(3))
def test_people_who_share_a_template_are_never_confirmed(seed: int) -> None:
    loop = ClosedLoop().play(
        asked(f"a-{who}", said(WRAPPER, pieces(f"matter {number}", 8)), T0 + 5 * number * SECOND_US)
        for number, who in enumerate(by_people(1500, 60, seed))
    )
    assert loop.admitted > 1480
    assert not [campaign for campaign in loop.analyst.campaigns() if campaign.level is Level.CONFIRMED]


def test_one_organisations_accounts_are_no_campaign_however_they_share_their_work() -> None:
    loop = ClosedLoop().play(timed(dealt(WRAPPER, POOL), 1500, org="acme", created_us=T0 - DAY_US), POOL[::-1])
    assert loop.analyst.campaigns() == []
    assert loop.admitted == 1500


def test_people_who_have_nothing_in_common_are_no_campaign() -> None:
    loop = ClosedLoop().play(unrelated(1000, T0))
    assert loop.analyst.campaigns() == []


def test_a_campaign_keeps_its_name_when_its_pool_is_replaced() -> None:
    loop = failing_over()
    before, admitted = loop.campaign.id, loop.admitted
    loop.play(timed(dealt(WRAPPER, NEXT_POOL, "later"), 200, LATER), NEXT_POOL[::-1])
    assert loop.campaign.id == before
    assert set(loop.campaign.members) == {*POOL, *NEXT_POOL}
    assert loop.admitted == admitted


def test_a_new_pool_of_accounts_with_a_past_of_their_own_is_the_campaign_all_the_same() -> None:
    loop = failing_over()
    past = [
        asked(account, said(pieces(f"{account}'s own {number}", 20)), LATER - HOUR_US + number)
        for account in NEXT_POOL
        for number in range(15)
    ]
    loop.play(past)
    before, admitted = loop.campaign, loop.admitted
    loop.play(timed(dealt(WRAPPER, NEXT_POOL, "later"), 600, LATER), NEXT_POOL[::-1])
    assert loop.campaign.id == before.id
    assert set(loop.campaign.marks.pieces) >= set(WRAPPER)
    assert loop.admitted - admitted < 200


def reworded(loop: ClosedLoop) -> None:
    """Other accounts go on, in other words, with what the first ones were refused."""
    loop.play(timed(dealt(WRAPPER, POOL, "unfinished"), 200, LATER))
    now = timed(dealt(pieces("other words"), NEXT_POOL, "unfinished"), 400, LATER + 20 * MINUTE_US)
    loop.play(now, NEXT_POOL[::-1])


def test_a_campaign_keeps_its_name_when_accounts_and_wording_change_while_the_work_goes_on() -> None:
    loop = failing_over(1200)
    before, admitted = loop.campaign.id, loop.admitted
    reworded(loop)
    assert [campaign.id for campaign in loop.analyst.campaigns()] == [before]
    assert set(loop.campaign.members) >= {*POOL, *NEXT_POOL}
    assert set(loop.campaign.marks.pieces) >= {*WRAPPER, *pieces("other words")}
    assert loop.admitted - admitted < 350


def test_what_a_campaign_says_by_now_is_its_mark_whoever_says_it_and_however_long_it_said_something_else() -> None:
    loop = failing_over(1200)
    reworded(loop)
    assert not loop.ask(asked("newcomer", said(pieces("other words"), pieces("one more")), LATER + HOUR_US))


def events_of_two() -> Iterator[Asked]:
    pools = [blatant(pieces(name), names(name, 40), f"{name}'s") for name in ("one", "other")]
    return chain.from_iterable(zip(*pools, strict=True))


def two_campaigns() -> ClosedLoop:
    return ClosedLoop().play(events_of_two())


def test_campaigns_that_turn_out_to_be_one_go_by_one_name_and_the_other_is_told() -> None:
    loop = two_campaigns()
    before = {campaign.id: campaign for campaign in loop.analyst.campaigns()}
    assert len(before) == 2
    for number in range(60):
        opening = said(pieces("one"), pieces(f"handed over {number}", 8))
        turn = said(pieces("other"), pieces(f"next turn {number}", 8), continues=opening.asked, turns=3)
        loop.ask(asked(f"one-{number % 40}", opening, LATER + number * SECOND_US))
        loop.ask(asked(f"other-{number % 40}", turn, LATER + number * SECOND_US + 1))
    campaign = loop.campaign
    assert {campaign.id, *campaign.merged} == set(before)
    assert campaign.exchanges_seen == sum(each.exchanges_seen for each in before.values()) + 120
    assert set(campaign.members) == {*names("one", 40), *names("other", 40)}
    assert campaign.detected_us == min(each.detected_us for each in before.values())
    assert set(campaign.marks.pieces) == {*pieces("one"), *pieces("other")}


@pytest.mark.parametrize("asks", ["one", "other"])
def test_of_two_campaigns_that_turn_out_to_be_one_the_older_name_stays(asks: str) -> None:
    loop, found = ClosedLoop(), list[str]()
    for event in events_of_two():
        loop.ask(event)
        found += [campaign.id for campaign in loop.analyst.campaigns() if campaign.id not in found]
    assert len(found) == 2
    began = [said(pieces("other" if asks == "one" else "one"), pieces(f"begun {number}", 8)) for number in range(60)]
    for number, opening in enumerate(began):
        loop.ask(asked(f"before-{number % 40}", opening, LATER + number * SECOND_US))
    for number, opening in enumerate(began):
        turn = said(pieces(asks), pieces(f"turn {number}", 8), continues=opening.asked, turns=3)
        loop.ask(asked(f"after-{number % 40}", turn, LATER + (60 + number) * SECOND_US))
    assert (loop.campaign.id, *loop.campaign.merged) == tuple(found)


def test_a_word_on_one_of_two_that_merge_is_not_lost() -> None:
    loop = two_campaigns()
    one, other = (campaign.id for campaign in loop.analyst.campaigns())
    assert loop.analyst.say(one, Word.HOLD)
    assert loop.analyst.say(other, Word.HOLD)
    for number in range(60):
        opening = said(pieces("one"), pieces(f"handed over {number}", 8))
        turn = said(pieces("other"), pieces(f"next turn {number}", 8), continues=opening.asked, turns=3)
        loop.ask(asked(f"one-{number % 40}", opening, LATER + number * SECOND_US))
        loop.ask(asked(f"other-{number % 40}", turn, LATER + number * SECOND_US + 1))
    assert loop.campaign.word is Word.HOLD


def test_nothing_new_is_no_change() -> None:
    analyst = Analyst()
    assert not analyst.judge(T0)
    analyst.observe(asked("a", said(pieces("alone"))))
    assert not analyst.judge(T0 + SECOND_US)


def test_campaigns_are_told_in_the_order_of_their_names() -> None:
    found = [campaign.id for campaign in two_campaigns().analyst.campaigns()]
    assert found == sorted(found)


def test_a_campaign_expires_when_nothing_has_come_from_it_for_its_time() -> None:
    loop = ClosedLoop(Analyst(expires_after_us=HOUR_US))
    loop.play(timed(dealt(WRAPPER, POOL), 800), POOL[::-1])
    last_us = loop.campaign.last_us
    loop.analyst.judge(last_us + HOUR_US)
    assert loop.campaign.level is Level.CONFIRMED
    assert loop.analyst.judge(last_us + HOUR_US + 2 * MINUTE_US)
    assert loop.analyst.campaigns() == []


def test_what_an_operator_said_keeps_a_campaign_from_expiring() -> None:
    loop = ClosedLoop(Analyst(expires_after_us=HOUR_US))
    loop.play(timed(dealt(WRAPPER, POOL), 800), POOL[::-1])
    loop.analyst.say(loop.campaign.id, Word.HOLD)
    loop.analyst.judge(loop.campaign.last_us + 9 * HOUR_US)
    assert loop.campaign.word is Word.HOLD
    loop.analyst.say(loop.campaign.id, None)
    loop.analyst.judge(loop.campaign.last_us + 10 * HOUR_US)
    assert loop.analyst.campaigns() == []


def suspicion() -> ClosedLoop:
    """A campaign that is suspected, and of which nothing has been refused."""
    loop = ClosedLoop()
    for event in timed(dealt(WRAPPER, POOL), 800):
        loop.ask(event)
        if loop.analyst.campaigns():
            return loop
    raise AssertionError("nothing was suspected")


def with_doubts(loop: ClosedLoop, count: int = 1500) -> Iterable[Asked]:
    """Then all the world says it, each from one campus and with its own matters again and again."""
    for number in range(count):
        who = number // 7 % 200
        content = said(WRAPPER, pieces(f"matter of {who}", 8))
        yield asked(f"student-{who}", content, LATER + number * SECOND_US, network="campus")


def test_a_suspicion_that_fades_is_forgotten_and_may_come_back() -> None:
    loop = suspicion()
    assert loop.campaign.level is Level.SUSPECTED
    before = loop.campaign.id
    loop.play(with_doubts(loop))
    assert loop.analyst.campaigns() == []
    assert not loop.analyst.say(before, Word.CONFIRM)


def test_a_held_campaign_is_neither_raised_nor_forgotten() -> None:
    loop = suspicion()
    loop.analyst.say(loop.campaign.id, Word.HOLD)
    loop.play(timed(dealt(WRAPPER, POOL, "more"), 800, LATER, created_us=T0 - DAY_US), POOL[::-1])
    assert loop.campaign.level is Level.SUSPECTED
    loop.play(with_doubts(loop))
    assert loop.campaign.level is Level.SUSPECTED


def test_a_released_campaign_is_let_through_until_the_word_is_taken_back() -> None:
    loop = failing_over()
    name = loop.campaign.id
    match = Snapshot(loop.analyst.campaigns()).match("pool-1", said(WRAPPER))
    assert match is not None
    assert loop.analyst.say(name, Word.RELEASE)
    assert loop.campaign.word is Word.RELEASE
    assert Snapshot(loop.analyst.campaigns()).match("pool-1", said(WRAPPER)) is None
    assert loop.analyst.say(name, None)
    assert Snapshot(loop.analyst.campaigns()).match("pool-1", said(WRAPPER)) == match


def test_what_an_operator_confirms_is_confirmed() -> None:
    loop = suspicion()
    levels = []
    for word in (None, Word.CONFIRM, None):
        loop.analyst.say(loop.campaign.id, word)
        levels.append(loop.campaign.level)
    assert levels == [Level.SUSPECTED, Level.CONFIRMED, Level.SUSPECTED]


def test_of_what_there_is_not_nothing_can_be_said() -> None:
    assert not Analyst().say("c-000000000000", Word.HOLD)


def restored(loop: ClosedLoop) -> ClosedLoop:
    return ClosedLoop(Analyst.restored(loop.analyst.state()))


def test_a_successor_knows_every_campaign_as_it_was_told() -> None:
    loop = two_campaigns()
    loop.analyst.say(loop.analyst.campaigns()[0].id, Word.HOLD)
    kept = restored(loop).analyst.campaigns()
    for before, now in zip(loop.analyst.campaigns(), kept, strict=True):
        assert (now.id, now.level, now.word, now.evidence) == (before.id, before.level, before.word, before.evidence)
        assert (now.first_us, now.last_us, now.detected_us) == (before.first_us, before.last_us, before.detected_us)
        assert (now.exchanges_seen, now.exchanges_prevented) == (before.exchanges_seen, before.exchanges_prevented)
        assert set(now.members) == set(before.members)
        assert now.marks == before.marks


def test_a_successor_of_nobody_knows_nothing() -> None:
    assert Analyst.restored(Analyst().state()).campaigns() == []


@pytest.mark.parametrize("broken", [b"", b"{}", b"[{", b"\xff"])
def test_what_is_no_state_restores_nothing(broken: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        Analyst.restored(broken)


def test_a_campaign_is_refused_from_its_first_request_after_a_restart_on() -> None:
    loop = restored(failing_over())
    loop.play(timed(dealt(WRAPPER, NEXT_POOL, "later"), 300, LATER), NEXT_POOL[::-1])
    assert loop.admitted == 0
    assert set(loop.campaign.members) == {*POOL, *NEXT_POOL}


def test_after_a_restart_the_customers_who_say_the_same_are_left_alone_as_before() -> None:
    (campaign,) = failing_over().analyst.campaigns()
    mixed = replace(campaign, members=tuple(POOL[:10]), mixed=True)
    analyst = Analyst.restored(msgspec.json.encode([mixed]))
    loop = ClosedLoop(analyst)
    asks = [asked(account, said(WRAPPER, pieces(f"of {account}")), LATER) for account in (POOL[0], POOL[20], "fresh")]
    assert [loop.ask(each) for each in asks] == [False, True, True]
    assert loop.campaign.mixed
    assert loop.campaign.members == tuple(sorted(POOL[:10]))


def test_whom_a_campaign_means_that_shares_its_words_with_customers_is_told_as_soon_as_it_shows() -> None:
    loop, now_us = failing_over(), LATER

    def ask(account: str, task: str) -> bool:
        nonlocal now_us
        now_us += RENEWAL_US
        return loop.ask(asked(account, said(WRAPPER, pieces(task)), now_us))

    for customer in names("customer", 5):
        for _ in range(2):
            assert not ask(customer, f"what {customer} asks")
    (told,) = loop.analyst.verdicts()
    assert told.mixed
    assert not ask(told.members[0], "a task that is taken over")
    loop.analyst.verdicts()
    assert ask("fresh", "a task that is taken over")
    assert "fresh" in loop.analyst.verdicts()[0].members


def test_after_a_restart_who_asks_once_is_still_told_from_customers_who_converse() -> None:
    (campaign,) = failing_over().analyst.campaigns()
    untested = tuple(each for each in campaign.evidence if each.family not in ("reaction", "replay"))
    imitation = replace(campaign, members=tuple(POOL[:10]), mixed=True, evidence=untested)
    loop = ClosedLoop(Analyst.restored(msgspec.json.encode([imitation])))
    before = 0
    for number in range(6):
        loop.ask(asked("fresh", said(WRAPPER, pieces(f"fresh {number}")), LATER + number * 1_000_000))
        turn = said(WRAPPER, pieces(f"guest {number}"), continues=before, turns=2 * number + 1)
        loop.ask(asked("guest", turn, LATER + number * 1_000_000))
        before = turn.asked
    assert {*loop.campaign.members} - {*POOL} == {"fresh"}


def test_after_a_restart_the_marks_of_a_campaign_are_at_no_moment_looser_than_before() -> None:
    before = failing_over()
    loop, least = restored(before), before.campaign.marks.least
    for event in timed(dealt(WRAPPER, POOL, "later"), 200, LATER):
        assert not loop.ask(event)
        assert loop.campaign.marks.least > least / 2
        assert set(loop.campaign.marks.pieces) == set(WRAPPER)
        assert loop.ask(asked("visitor", said(WRAPPER[:3], pieces(f"{event.moment_us}", 20)), event.moment_us))


def test_after_a_restart_a_campaign_still_learns_what_its_pool_changes() -> None:
    loop = restored(failing_over())
    changed = (*WRAPPER[:6], *pieces("new ending", 6))
    loop.play(timed(dealt(changed, POOL, "later"), 400, LATER), POOL[::-1])
    assert loop.admitted < 20
    assert set(loop.campaign.marks.pieces) >= set(changed)


@pytest.mark.parametrize(("confirmed_us", "is_told"), [(T0, True), (None, False)])
def test_after_a_restart_a_verdict_that_was_given_up_is_still_told_of(confirmed_us: int | None, is_told: bool) -> None:
    (campaign,) = failing_over().analyst.campaigns()
    given_up = replace(campaign, level=Level.SUSPECTED, confirmed_us=confirmed_us, evidence=())
    loop = ClosedLoop(Analyst.restored(msgspec.json.encode([given_up])))
    loop.play(
        asked(f"a-{who}", said(WRAPPER, pieces(f"matter {number}", 8)), LATER + 5 * number * SECOND_US, org="acme")
        for number, who in enumerate(by_people(900, 60, 0))
    )
    assert [each.confirmed_us for each in loop.analyst.campaigns()] == [T0] * is_told


def test_a_campaign_that_was_restored_twice_counts_nothing_twice() -> None:
    loop = failing_over()
    seen = loop.campaign.exchanges_seen
    again = restored(restored(loop))
    assert again.campaign.exchanges_seen == seen
    again.ask(asked("pool-1", said(WRAPPER, pieces("one more")), LATER))
    assert again.campaign.exchanges_seen == seen + 1


def test_its_state_holds_no_more_of_an_account_than_its_name() -> None:
    loop = ClosedLoop().play(timed(dealt(WRAPPER, POOL), 800, payment="card-1", network="net-7"), POOL[::-1])
    state = loop.analyst.state()
    assert b"card-1" not in state
    assert b"net-7" not in state


def test_who_says_nothing_is_no_matter_to_it() -> None:
    loop = ClosedLoop().play(
        replace(event, content=content) for event in timed(dealt(WRAPPER, POOL), 400) for content in (None, Content())
    )
    assert loop.analyst.campaigns() == []

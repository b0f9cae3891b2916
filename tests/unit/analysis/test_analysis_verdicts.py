"""Verdicts travel without what replicas do not need, last until they expire, and bend to operators' words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.succession import Succession
from proxy.analysis.wire import EXPIRY_STEP_US, Said, encode_record, encode_verdict, joined, record_of, verdicts_of
from proxy.analysis.words import NEVER_US, in_force, under
from proxy.events.content import Content
from proxy.verdict.campaign import Campaign, Evidence, Level, Marks, Slice, Word
from proxy.verdict.snapshot import Match
from tests.unit.analysis.pool_analyst import HOUR_US, campaign, marks, name_of, piece_of

NOW_US = 1_000_000
SEEN = Content(pieces=(piece_of("pool-a"),))


def said(word: Word | None) -> dict[str, Said]:
    return {name_of("pool-a"): Said(word, "ann", NOW_US)}


def match(campaigns: list[Campaign], words: dict[str, Said], now_us: int) -> Match | None:
    return in_force(campaigns, words, now_us)[0].match("anybody", SEEN)


def test_a_record_comes_back_as_it_was() -> None:
    whole = campaign(
        models={"m": 3}, targets={"x": 0.5}, evidence=(Evidence("content", "s", 2.0),), timeline=(Slice(1, 2, 3),)
    )
    assert record_of(encode_record(whole)) == whole


@given(
    st.dictionaries(st.integers(0, 2**60), st.integers(1, 1000), min_size=1),
    st.integers(1, 3000),
    st.integers(1, 4),
    st.sets(st.text(max_size=4)),
    st.sets(st.text(max_size=4)),
)
def test_a_verdict_finds_what_the_campaign_would_find(
    weights: dict[int, int], least: int, fewest: int, members: set[str], excused: set[str]
) -> None:
    pieces = tuple(weights)
    whole = campaign(
        marks=Marks(pieces, tuple(weights.values()), least, fewest),
        members=tuple(members | excused),
        whole=tuple(members),
        excused=tuple(excused),
        models={"m": 1},
        probing=True,
    )
    carried = verdicts_of(joined([encode_verdict(whole)]))
    assert all(not verdict.models and not verdict.evidence for verdict in carried)
    for account in ("nobody", *members, *excused):
        for content in (None, Content(pieces=pieces), Content(pieces=pieces[:2])):
            expected = in_force([whole], {}, NOW_US)[0].match(account, content)
            assert in_force(carried, {}, NOW_US)[0].match(account, content) == expected


def test_a_campaign_under_way_is_no_news_to_replicas_with_each_exchange() -> None:
    before = campaign(expires_us=3 * EXPIRY_STEP_US + 1)
    after = campaign(
        expires_us=3 * EXPIRY_STEP_US + 900, last_us=5, exchanges_seen=99, exchanges_prevented=9, score=3.0
    )
    assert encode_verdict(before) == encode_verdict(after)
    assert verdicts_of(joined([encode_verdict(before)]))[0].expires_us == 4 * EXPIRY_STEP_US


def test_a_verdict_ends_when_it_expires() -> None:
    campaigns = [campaign(), campaign("pool-b", expires_us=NOW_US + 2 * HOUR_US)]
    snapshot, until_us = in_force(campaigns, {}, NOW_US)
    assert until_us == NOW_US + HOUR_US
    assert snapshot.match("x", SEEN) is not None
    assert match(campaigns, {}, until_us - 1) is not None
    assert match(campaigns, {}, until_us) is None


def test_a_released_campaign_is_not_in_force() -> None:
    assert match([campaign()], said(Word.RELEASE), NOW_US) is None


def test_a_confirmed_one_is_confirmed_and_does_not_expire() -> None:
    found = match([campaign(level=Level.SUSPECTED)], said(Word.CONFIRM), NOW_US + 9 * HOUR_US)
    assert found is not None
    assert found.level is Level.CONFIRMED


def test_a_held_one_keeps_its_level_and_does_not_expire() -> None:
    found = match([campaign(level=Level.SUSPECTED)], said(Word.HOLD), NOW_US + 9 * HOUR_US)
    assert found is not None
    assert found.level is Level.SUSPECTED
    assert in_force([campaign()], said(Word.HOLD), NOW_US)[1] == NEVER_US


def test_a_word_taken_back_leaves_the_judgement() -> None:
    released = campaign(word=Word.RELEASE)
    assert match([released], {}, NOW_US) is None
    assert match([released], said(None), NOW_US) is not None
    assert under(said(None), released).word is None


def test_a_new_leader_goes_on_under_the_name_that_is_published() -> None:
    pieces = tuple(range(10))
    published = campaign("pool-a", marks=marks(*pieces, fewest=2), exchanges_seen=900, first_us=5, detected_us=7)
    mine = campaign("pool-b", marks=marks(*pieces[:6], 77, fewest=2), exchanges_seen=20, accounts=40)
    succession = Succession()
    succession.take_over({published.id: published}, [mine])
    (told,) = succession.as_published([mine], said(Word.RELEASE), NOW_US)
    assert (told.id, told.first_us, told.detected_us) == (published.id, 5, 7)
    assert (told.exchanges_seen, told.accounts) == (900, 40)
    assert told.marks == mine.marks
    assert told.word is Word.RELEASE
    assert succession.own_words(said(Word.RELEASE))[mine.id].word is Word.RELEASE


def test_a_campaign_that_shares_little_with_a_published_one_is_another() -> None:
    published = campaign("pool-a", marks=marks(*range(10), fewest=2))
    mine = campaign("pool-b", marks=marks(1, 2, 50, 51, 52, 53, fewest=2))
    succession = Succession()
    succession.take_over({published.id: published}, [mine])
    assert succession.as_published([mine], {}, NOW_US) == [mine, published]


@pytest.mark.parametrize(("weight", "name"), [(1000, "pool-a"), (50, "pool-b")])
def test_pieces_that_tell_little_make_no_two_campaigns_one(weight: int, name: str) -> None:
    weights = (weight,) * 6 + (1000,) * 4
    published = campaign("pool-a", marks=Marks(tuple(range(10)), weights, least=900, fewest=3))
    mine = campaign("pool-b", marks=Marks((*range(6), 50, 51, 52, 53), weights, least=900, fewest=3))
    succession = Succession()
    succession.take_over({published.id: published}, [mine])
    (told, *_) = succession.as_published([mine], {}, NOW_US)
    assert told.id == name_of(name)


def test_members_that_move_on_together_are_the_campaign_that_they_were() -> None:
    accounts = tuple(f"acct_{number}" for number in range(8))
    published = campaign("pool-a", marks=marks(1, 2, 3), members=accounts)
    mine = campaign("pool-b", marks=marks(7, 8, 9), members=(*accounts[:5], "acct_x"))
    succession = Succession()
    succession.take_over({published.id: published}, [mine])
    assert [told.id for told in succession.as_published([mine], {}, NOW_US)] == [published.id]


def test_what_a_new_leader_does_not_know_stays_until_it_expires() -> None:
    unknown = campaign("pool-a")
    succession = Succession()
    succession.take_over({unknown.id: unknown}, [])
    assert succession.as_published([], {}, NOW_US + HOUR_US - 1) == [unknown]
    assert succession.as_published([], {}, NOW_US + HOUR_US) == []


def test_what_it_finds_again_replaces_what_it_kept() -> None:
    unknown, found = campaign("pool-a"), campaign("pool-a", exchanges_seen=50)
    succession = Succession()
    succession.take_over({unknown.id: unknown}, [])
    assert succession.as_published([found], {}, NOW_US) == [found]
    assert not succession.inherited

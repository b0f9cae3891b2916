"""Verdicts do not depend on one another: a campaign that has nothing to do with a request changes nothing for it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.events.content import Content
from proxy.verdict.campaign import Campaign, Level, Marks, Word
from proxy.verdict.snapshot import Snapshot
from tests.any_campaign import FOUND

_ACCOUNTS = st.sampled_from(["a", "b", "c", "d"])


@st.composite
def campaigns(draw: st.DrawFn, side: str, pieces: st.SearchStrategy[int]) -> list[Campaign]:
    """Up to four, known by some of these pieces and accounts of this side."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        weights = draw(st.dictionaries(pieces, st.integers(1, 1000), max_size=8))
        accounts = tuple(f"{side}{account}" for account in draw(st.sets(_ACCOUNTS)))
        marks = Marks(tuple(weights), tuple(weights.values()), draw(st.integers(1, 2000)), draw(st.integers(1, 3)))
        found.append(
            replace(
                FOUND,
                id=f"c-{side}-{number}",
                level=draw(st.sampled_from(Level)),
                marks=marks,
                whole=accounts if draw(st.booleans()) else (),
                excused=accounts if draw(st.booleans()) else (),
                members=accounts,
                mixed=draw(st.booleans()),
                word=draw(st.none() | st.sampled_from(Word)),
            )
        )
    return found


@settings(max_examples=40)
@given(
    campaigns("mine", st.integers(1, 12)),
    campaigns("theirs", st.integers(100, 112)),
    _ACCOUNTS,
    st.none() | st.sets(st.integers(1, 12)),
)
def test_unrelated_campaigns_change_no_match(
    mine: list[Campaign], theirs: list[Campaign], account: str, pieces: set[int] | None
) -> None:
    content = None if pieces is None else Content(pieces=tuple(pieces))
    alone = Snapshot(mine).match(f"mine{account}", content)
    assert Snapshot([*theirs, *mine]).match(f"mine{account}", content) == alone
    assert Snapshot([*mine, *theirs]).match(f"mine{account}", content) == alone


@settings(max_examples=40)
@given(campaigns("mine", st.integers(1, 12)), _ACCOUNTS, st.sets(st.integers(1, 12)))
def test_a_match_is_a_campaign_in_force_whose_marks_or_accounts_it_meets(
    found: list[Campaign], account: str, pieces: set[int]
) -> None:
    match = Snapshot(found).match(f"mine{account}", Content(pieces=tuple(pieces)))
    if match is None:
        return
    (campaign,) = [each for each in found if each.id == match.campaign]
    assert campaign.word is not Word.RELEASE
    assert match.level is campaign.level
    if match.by == "account":
        assert f"mine{account}" in campaign.whole
    else:
        weights = dict(zip(campaign.marks.pieces, campaign.marks.weights, strict=True))
        common = pieces & weights.keys()
        assert sum(weights[piece] for piece in common) >= campaign.marks.least
        assert len(common) >= campaign.marks.fewest
        assert f"mine{account}" not in campaign.excused
        assert not campaign.mixed or f"mine{account}" in campaign.members


@settings(max_examples=40)
@given(campaigns("mine", st.integers(1, 12)), _ACCOUNTS, st.sets(st.integers(1, 12)), st.sets(st.integers(200, 220)))
def test_words_that_are_no_campaigns_hide_none(
    found: list[Campaign], account: str, pieces: set[int], padding: set[int]
) -> None:
    plain = Snapshot(found).match(f"mine{account}", Content(pieces=tuple(sorted(pieces))))
    padded = Snapshot(found).match(f"mine{account}", Content(pieces=tuple(sorted(pieces | padding))))
    assert padded == plain

"""Which pieces of text are shared, of which cluster they are, and when they leave it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.detect.cluster import MOST_TEMPLATES, Cluster
from proxy.detect.dealt import Again
from proxy.detect.payers import Payer
from proxy.detect.pieces import PAYERS, Pieces, Shared
from proxy.detect.template import MOST_PIECES, TRIAL, Template
from tests.unit.detect.traffic_by_hand import T0, asked, names, pieces

TEXT = pieces("text")


def known(groups: Iterable[int], text: tuple[int, ...] = TEXT) -> Pieces:
    """Pieces that so many payers have said."""
    found = Pieces()
    for group in groups:
        found.meet(text, group, refused=False)
    return found


def shared(found: Pieces, piece: int) -> Shared:
    record = found.shared(piece)
    assert record is not None
    return record


def wording(cluster: Cluster) -> Template:
    """Its first one."""
    return cluster.templates[0] if cluster.templates else cluster.worded()


def joined(cluster: Cluster, text: tuple[int, ...] = TEXT) -> Pieces:
    """The same, now that they are the cluster's."""
    found = known(range(1, PAYERS + 1), text)
    for piece in text:
        shared(found, piece).join(wording(cluster))
    return found


def crowd(cluster: Cluster, count: int) -> None:
    for account in names("member", count):
        cluster.members[account] = 1


@given(st.lists(st.integers(1, 8), max_size=30))
def test_a_text_is_shared_once_enough_unrelated_payers_have_said_it(groups: list[int]) -> None:
    found = Pieces()
    for number, group in enumerate(groups):
        told = found.meet(TEXT, group, refused=False)
        assert bool(told.shared) == (len(set(groups[:number])) >= PAYERS)


@given(st.integers(1, 100))
def test_what_an_organisation_says_among_itself_is_not_shared(times: int) -> None:
    found = known([7] * times)
    assert all(found.shared(piece) is None for piece in TEXT)


def test_what_a_payer_says_anew_is_told_from_what_it_says_again() -> None:
    found = known([1])
    again = found.meet((*TEXT, *pieces("more", 4)), 1, refused=False)
    assert (again.lone, again.again, again.others) == (len(TEXT) + 4, len(TEXT), 0)


@pytest.mark.parametrize("refused", [False, True])
def test_what_a_payer_always_says_is_told_from_a_matter_that_it_returns_to(refused: bool) -> None:
    found = Pieces()

    def says(matter: str, number: int) -> Again:
        return found.meet((*TEXT, *pieces(matter, number)), 1, refused=refused).returns

    assert [says("first", 20), says("second", 4)] == [Again.NO, Again.ONCE]
    assert [says("third", 4), says("fourth", 40), says("third", 4)] == [Again.ALWAYS, Again.NO, Again.ONCE]


def test_what_a_payer_always_says_is_none_of_a_requests_own_words() -> None:
    found, task = known([1, 1]), pieces("task", 5)
    assert found.meet((*TEXT, *task), 1, refused=False).own((*TEXT, *task)) == list(task)


def test_it_tells_whose_refused_words_another_payer_says() -> None:
    found = Pieces()
    found.meet(TEXT, 1, refused=True)
    told = found.meet(TEXT, 2, refused=False)
    assert (told.others, told.refused, told.other) == (len(TEXT), len(TEXT), 1)


def test_words_of_an_answered_request_are_nobodys_refused_ones() -> None:
    told = known([1]).meet(TEXT, 2, refused=False)
    assert (told.others, told.refused) == (len(TEXT), 0)


@given(st.lists(st.tuples(st.integers(1, 5), st.lists(st.integers(1, 400), max_size=8)), max_size=60))
def test_however_much_is_said_what_is_remembered_is_bounded(requests: list[tuple[int, list[int]]]) -> None:
    found = Pieces(lone=16, shared=8)
    for group, text in requests:
        found.meet(tuple(set(text)), group, refused=False)
        # A request is taken in whole before a generation ends.
        assert len(found) <= 2 * (16 + 8) + 8


def test_a_shared_piece_that_is_in_use_outlives_a_flood_of_others() -> None:
    found = Pieces(lone=10_000, shared=20)
    for group in range(1, PAYERS + 1):
        found.meet(TEXT[:1], group, refused=False)
    for number in range(200):
        for group in (1, 2):
            found.meet(pieces(f"flood {number}", 4), group, refused=False)
        assert found.meet(TEXT[:1], 1, refused=False).shared


def test_a_piece_is_of_one_cluster_at_a_time() -> None:
    one, other = Cluster(1, T0), Cluster(2, T0)
    found = joined(one)
    for piece in TEXT:
        shared(found, piece).leave(generic=False)
        shared(found, piece).join(wording(other))
    assert not one.pieces
    assert set(other.pieces) == set(TEXT)
    assert all(shared(found, piece).cluster is other for piece in TEXT)


def test_a_phrase_that_strangers_say_as_well_leaves_for_good() -> None:
    cluster = Cluster(1, T0)
    crowd(cluster, 200)
    found = joined(cluster)
    phrase = shared(found, TEXT[0])
    for stranger in range(100, 150):
        phrase.told_by_stranger(stranger)
    assert phrase.cluster is None
    assert TEXT[0] not in cluster.pieces
    phrase.join(wording(Cluster(2, T0)))
    assert phrase.cluster is None
    assert set(cluster.pieces) == set(TEXT[1:])


def test_one_stranger_however_often_it_says_it_takes_no_piece_away() -> None:
    cluster = Cluster(1, T0)
    crowd(cluster, 200)
    phrase = shared(joined(cluster), TEXT[0])
    for _ in range(50):
        phrase.told_by_stranger(100)
    assert phrase.cluster is cluster


def test_where_most_payers_are_strangers_the_pieces_stay() -> None:
    cluster = Cluster(1, T0)
    crowd(cluster, 4)
    phrase = shared(joined(cluster), TEXT[0])
    for stranger in range(100, 150):
        phrase.told_by_stranger(stranger)
    assert phrase.cluster is cluster


def test_a_piece_that_is_mostly_said_elsewhere_is_free_for_another_cluster_and_no_more_for_this_one() -> None:
    cluster, other = Cluster(1, T0), Cluster(2, T0)
    found = joined(cluster)
    moving = shared(found, TEXT[0])
    for _ in range(40):
        found.meet(TEXT[:1], 1, refused=False)
    moving.missed()
    assert moving.cluster is None
    moving.join(wording(cluster))
    assert moving.cluster is None
    moving.join(wording(other))
    assert moving.cluster is other


def test_a_piece_that_is_mostly_said_here_stays() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    for _ in range(40):
        found.meet(TEXT[:1], 1, refused=False)
        shared(found, TEXT[0]).hits += 1
        shared(found, TEXT[0]).missed()
    assert shared(found, TEXT[0]).cluster is cluster


def test_a_piece_that_wanders_from_cluster_to_cluster_is_in_the_end_nobodys() -> None:
    found = joined(Cluster(1, T0))
    wandering = shared(found, TEXT[0])
    for number in range(2, 40):
        for _ in range(40):
            found.meet(TEXT[:1], 1, refused=False)
        wandering.missed()
        wandering.join(wording(Cluster(number, T0)))
    assert wandering.generic
    assert wandering.cluster is None


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_cluster_that_is_taken_over_hands_on_all_its_pieces(mine: int, theirs: int) -> None:
    now, before = Cluster(1, T0), Cluster(2, T0)
    texts = pieces("mine", mine), pieces("theirs", theirs)
    found = known(range(1, PAYERS + 1), texts[0] + texts[1])
    for cluster, text in zip((now, before), texts, strict=True):
        for piece in text:
            shared(found, piece).join(wording(cluster))
    found.move(before, now)
    assert set(now.pieces) == {*texts[0], *texts[1]}
    assert not before.pieces
    assert all(shared(found, piece).cluster is now for piece in now.pieces)


def test_the_pieces_of_a_wording_that_made_room_are_nobodys() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    for _ in range(MOST_TEMPLATES):
        cluster.worded().requests = 1
    assert len(cluster.templates) == MOST_TEMPLATES
    assert not cluster.pieces
    assert all(shared(found, piece).cluster is None for piece in TEXT)
    shared(found, TEXT[0]).join(wording(cluster))
    assert shared(found, TEXT[0]).cluster is cluster


def test_a_template_has_no_more_pieces_than_its_bound() -> None:
    cluster = Cluster(1, T0)
    joined(cluster, tuple(range(1, MOST_PIECES + 100)))
    assert len(cluster.pieces) == MOST_PIECES


@given(st.integers(0, MOST_TEMPLATES), st.integers(0, MOST_TEMPLATES))
def test_of_too_many_wordings_those_stay_that_most_requests_have(mine: int, theirs: int) -> None:
    now, before = Cluster(1, T0), Cluster(2, T0)
    texts = [pieces(f"wording {number}", 1) for number in range(mine + theirs)]
    found = known(range(1, PAYERS + 1), tuple(text[0] for text in texts))
    for number, text in enumerate(texts):
        template = (now if number < mine else before).worded()
        template.requests = number
        shared(found, text[0]).join(template)
    found.move(before, now)
    kept = texts[-MOST_TEMPLATES:]
    assert set(now.pieces) == {text[0] for text in kept}
    assert all((shared(found, text[0]).cluster is now) == (text in kept) for text in texts)


def test_what_the_same_requests_have_becomes_part_of_one_wording() -> None:
    now, before = Cluster(1, T0), Cluster(2, T0)
    texts = pieces("half", 4), pieces("other half", 4)
    found = known(range(1, PAYERS + 1), texts[0] + texts[1])
    for cluster, text in zip((now, before), texts, strict=True):
        for piece in text:
            shared(found, piece).join(wording(cluster))
    found.fold(before, now)
    (template,) = now.templates
    assert set(template.pieces) == {*texts[0], *texts[1]}
    assert not before.pieces


def test_a_piece_on_trial_says_less_the_rarer_it_is() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    at_first = shared(found, TEXT[0]).vote
    counted(cluster, found, (TEXT[:5] for _ in range(20)))
    assert shared(found, TEXT[0]).vote == at_first
    assert 0 < shared(found, TEXT[-1]).vote < at_first / 4


def test_a_piece_on_trial_that_others_say_too_is_hardly_a_mark() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    counted(cluster, found, (TEXT[:5] for _ in range(10)))
    assert shared(found, TEXT[0]).mark == shared(found, TEXT[0]).vote
    for _ in range(22):
        found.meet(TEXT[:1], 2, refused=False)
    assert shared(found, TEXT[0]).vote == shared(found, TEXT[1]).vote
    assert 0.1 < shared(found, TEXT[0]).mark / shared(found, TEXT[1]).mark < 0.12


def test_a_piece_is_on_trial_until_it_was_weighed_however_long_that_takes() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    counted(cluster, found, (TEXT for _ in range(TRIAL + 5)))
    for _ in range(TRIAL):
        found.meet(TEXT[:1], 2, refused=False)
    assert shared(found, TEXT[0]).mark < shared(found, TEXT[0]).vote / 2
    found.weigh(wording(cluster))
    assert shared(found, TEXT[0]).mark < shared(found, TEXT[1]).mark / 2


def test_a_mark_tells_less_as_soon_as_others_say_it() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    counted(cluster, found, (TEXT for _ in range(3 * TRIAL)))
    found.weigh(wording(cluster))
    before = shared(found, TEXT[0]).mark
    for _ in range(3 * TRIAL):
        found.meet(TEXT[:1], 2, refused=False)
    assert shared(found, TEXT[0]).mark < before / 2
    assert shared(found, TEXT[1]).mark == before


def counted(cluster: Cluster, found: Pieces, requests: Iterable[tuple[int, ...]]) -> None:
    """Requests of the cluster, each with these pieces of its template."""
    payer = Payer("a", 1, 1, asked("a"))
    for text in requests:
        found.meet(text, 1, refused=False)
        for piece in text:
            if shared(found, piece).cluster is cluster:
                shared(found, piece).hits += 1
        wording(cluster).requests += 1
        cluster.members[payer.account] = wording(cluster).requests


def test_a_piece_weighs_the_share_of_its_templates_requests_that_it_is_in() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    counted(cluster, found, (TEXT if number % 2 else TEXT[:5] for number in range(400)))
    found.weigh(wording(cluster))
    always, often = shared(found, TEXT[0]).weight, shared(found, TEXT[-1]).weight
    assert 0.9 < always <= 1
    assert 0.4 < often < 0.6
    assert wording(cluster).typical > 5 * always


def test_a_piece_that_hardly_any_request_of_its_template_has_leaves_it() -> None:
    cluster = Cluster(1, T0)
    found = joined(cluster)
    counted(cluster, found, (TEXT[:5] for _ in range(1000)))
    found.weigh(wording(cluster))
    assert set(cluster.pieces) == set(TEXT[:5])

"""Which pairs of payers are kept, and which only a verdict has made."""

from __future__ import annotations

from proxy.detect.conversations import ECHO_US, Relation
from proxy.detect.pairs import SAMPLE, SOON_US, Pairs, Takeovers, takeovers


def test_a_conversation_that_a_verdict_has_moved_ties_nobody() -> None:
    pairs = Pairs()
    pairs.related(Relation.TESTED_ECHO, 1, 2)
    pairs.related(Relation.TESTED_ECHO, 2, 3)
    for whose, group in ((1, 2), (2, 3), (1, 3)):  # it takes the signatures of all its turns along
        pairs.replayed(whose, group)
        pairs.related(Relation.HANDOVER, whose, group)
    assert not pairs.replays
    assert not pairs.handovers


def test_what_moves_by_itself_does_even_if_a_verdict_meets_it_later() -> None:
    pairs = Pairs()
    pairs.replayed(1, 2)
    pairs.related(Relation.HANDOVER, 1, 2)
    pairs.related(Relation.TESTED_ECHO, 1, 2)
    pairs.replayed(2, 4)
    assert (pairs.replays, pairs.handovers) == ({(1, 2), (2, 4)}, {(1, 2)})


def test_what_comes_soon_after_a_refusal_is_known_as_such_and_stays_so_when_clusters_unite() -> None:
    pairs, other = Pairs(), Pairs()
    pairs.reacted(Relation.TESTED_ECHO, 1, 2, SOON_US)
    pairs.reacted(Relation.TESTED_ECHO, 2, 3, SOON_US + 1)
    pairs.reacted(Relation.CAME_BACK, 4, 4, ECHO_US)
    pairs.reacted(Relation.CAME_BACK, 5, 5, ECHO_US + 1)
    pairs.reacted(Relation.SECOND, 6, 7, 0)
    other.absorb(pairs)
    for each in (pairs, other):
        assert (each.tested_soon, each.prompt) == ({(1, 2)}, {4})


def test_of_each_kind_a_sample_is_kept_and_nobody_is_paired_with_himself() -> None:
    pairs = Pairs()
    for number in range(2 * SAMPLE):
        pairs.replayed(number, number)
        pairs.replayed(number, number + 1)
    assert len(pairs.replays) == SAMPLE


def test_who_takes_over_from_everybody_is_a_products_own_key_and_no_pool() -> None:
    def told(taken: Takeovers) -> tuple[int, int]:
        return taken.apart, taken.house

    assert told(takeovers({(customer, 99) for customer in range(6)})) == (0, 6)
    assert told(takeovers({(1, 2), (2, 3), (3, 1), (4, 2)})) == (3, 0)
    assert told(takeovers({(1, 2)})) == (1, 0)
    assert told(takeovers(set())) == (0, 0)

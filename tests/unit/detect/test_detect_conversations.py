"""How a request stands to those before it: echoes, conversations handed over, and what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.detect.conversations import AT_ONCE_US, ECHO_US, TEST_US, Conversations, Relation
from proxy.detect.payers import Payers
from proxy.events.content import Content
from tests.unit.detect.traffic_by_hand import T0, asked

QUESTION = Content(asked=1, turns=1, ask_bytes=200)
ELSEWHERE = Content(asked=1, system=99, turns=1, ask_bytes=200)
NEXT_TURN = Content(asked=2, continues=1, turns=3, ask_bytes=200)


class Talk:
    """Conversations, and requests of numbered payers."""

    def __init__(self, kept: int = 1000) -> None:
        self.kept = Conversations(kept)
        self.payers = Payers()

    def __call__(
        self,
        group: int,
        content: Content = QUESTION,
        *,
        account: str = "",
        refused: bool = False,
        by_verdict: bool = False,
        after_us: int = 0,
    ) -> tuple[Relation, int]:
        event = asked(
            f"{group} {account}",
            content,
            T0 + after_us,
            action="throttle" if refused or by_verdict else "allow",
            by_verdict=by_verdict,
        )
        payer = self.payers.seen(event)
        payer.group = group
        return self.kept.meet(content, payer, event)


def test_the_opening_of_a_conversation_that_nobody_has_had_is_new() -> None:
    assert Talk()(1) == (Relation.NEW, 0)


@pytest.mark.parametrize(("by_verdict", "relation"), [(False, Relation.ECHO), (True, Relation.TESTED_ECHO)])
def test_what_one_was_refused_and_another_asks_is_an_echo_and_it_is_told_who_refused(
    by_verdict: bool, relation: Relation
) -> None:
    talk = Talk()
    talk(1, refused=True, by_verdict=by_verdict)
    assert talk(2) == (relation, 1)


@given(st.integers(0, ECHO_US))
def test_an_echo_is_one_within_its_time(after_us: int) -> None:
    talk = Talk()
    talk(1, refused=True)
    assert talk(2, after_us=after_us) == (Relation.ECHO, 1)


@given(st.integers(1, 10 * ECHO_US))
def test_after_that_it_is_another_story(late_us: int) -> None:
    talk = Talk()
    talk(1, refused=True)
    assert talk(2, after_us=ECHO_US + late_us) == (Relation.SECOND, 1)


@given(st.integers(0, 3 * TEST_US))
def test_what_a_verdict_refused_is_waited_for_longer(after_us: int) -> None:
    talk = Talk()
    talk(1, by_verdict=True)
    relation = Relation.TESTED_ECHO if after_us <= TEST_US else Relation.SECOND
    assert talk(2, after_us=after_us) == (relation, 1)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=20))
def test_nothing_is_an_echo_unless_the_one_before_was_refused(requests: list[tuple[int, bool]]) -> None:
    talk = Talk()
    before: tuple[int, bool] | None = None
    for group, refused in requests:
        relation, whose = talk(group, refused=refused)
        if relation is Relation.ECHO:
            assert before == (whose, True)
            assert whose != group
        before = group, refused


def test_the_second_to_ask_is_told_from_those_after_it() -> None:
    talk = Talk()
    told = [talk(group, after_us=group * ECHO_US) for group in (1, 2, 3, 4)]
    assert told == [(Relation.NEW, 0), (Relation.SECOND, 1), (Relation.SHARED, 2), (Relation.SHARED, 3)]


@given(st.integers(0, ECHO_US))
def test_who_asks_the_same_within_seconds_is_told_from_who_does_so_later(after_us: int) -> None:
    talk = Talk()
    talk(1)
    relation = Relation.AT_ONCE if after_us <= AT_ONCE_US else Relation.SECOND
    assert talk(2, after_us=after_us) == (relation, 1)
    assert talk(3, after_us=after_us) == (Relation.SHARED, 2)


def test_what_many_ask_is_nobodys_echo() -> None:
    talk = Talk()
    talk(1)
    talk(2)
    talk(3, refused=True)
    assert talk(4) == (Relation.SHARED, 3)


def test_ones_own_retry_is_no_echo() -> None:
    talk = Talk()
    talk(1, refused=True)
    assert talk(1) == (Relation.RETRIES, 1)
    assert talk(1) == (Relation.REPEATS, 1)


@pytest.mark.parametrize("group", [1, 2])
def test_what_the_upstream_failed_to_answer_is_asked_again_and_says_nothing_of_whoever_asks(group: int) -> None:
    talk = Talk()
    talk(1)
    first = talk.payers.find("1 ")
    assert first is not None
    talk.kept.failed(first, T0 + 10)
    assert talk(group, after_us=20) == (Relation.RETRIES, 1)
    assert talk(group, after_us=30) == (Relation.REPEATS, group)


@pytest.mark.parametrize("failed_us", [-10, ECHO_US + 1])
def test_what_was_asked_after_the_upstream_failed_or_long_before_is_repeated(failed_us: int) -> None:
    talk = Talk()
    talk(1)
    first = talk.payers.find("1 ")
    assert first is not None
    talk.kept.failed(first, T0 + failed_us)
    assert talk(1, after_us=2 * ECHO_US) == (Relation.REPEATS, 1)


def test_who_asks_again_what_a_verdict_refused_it_came_back() -> None:
    talk = Talk()
    talk(1, by_verdict=True)
    assert talk(1) == (Relation.CAME_BACK, 1)
    assert talk(1) == (Relation.REPEATS, 1)


@pytest.mark.parametrize(("by_verdict", "relation"), [(False, Relation.RETRIES), (True, Relation.ROUTED)])
def test_another_account_of_the_same_payer_retries_what_a_quota_refused_and_takes_over_what_a_verdict_did(
    by_verdict: bool, relation: Relation
) -> None:
    talk = Talk()
    talk(1, account="a", refused=True, by_verdict=by_verdict)
    assert talk(1, account="b") == (relation, 1)


def test_the_next_turn_of_ones_own_conversation_continues_it() -> None:
    talk = Talk()
    talk(1)
    assert talk(1, NEXT_TURN) == (Relation.CONTINUES, 1)


def test_the_next_turn_of_anothers_conversation_is_a_handover() -> None:
    talk = Talk()
    talk(1)
    assert talk(2, NEXT_TURN) == (Relation.HANDOVER, 1)


def test_a_conversation_that_many_began_alike_is_handed_over_by_nobody() -> None:
    talk = Talk()
    talk(1)
    talk(2)
    assert talk(3, NEXT_TURN) == (Relation.NEW, 0)


def test_the_same_words_to_another_assistant_are_another_request() -> None:
    talk = Talk()
    talk(1, refused=True)
    assert talk(2, ELSEWHERE) == (Relation.NEW, 0)


def test_but_not_where_a_verdict_refused_them_for_a_pool_may_give_each_account_its_own_system_prompt() -> None:
    talk = Talk()
    talk(1, by_verdict=True)
    assert talk(1, ELSEWHERE) == (Relation.NEW, 0)
    assert talk(2, replace(ELSEWHERE, system=98)) == (Relation.TESTED_ECHO, 1)
    assert talk(3, replace(ELSEWHERE, system=97), after_us=ECHO_US + 1) == (Relation.NEW, 0)


def test_nor_where_another_program_asks_it_too() -> None:
    talk = Talk()
    talk(1, by_verdict=True)
    assert talk(2, replace(ELSEWHERE, shape=5)) == (Relation.NEW, 0)


def test_a_greeting_is_everybodys() -> None:
    talk, greeting = Talk(), Content(asked=1, turns=1, ask_bytes=2)
    talk(1, greeting, refused=True)
    assert talk(2, greeting) == (Relation.NEW, 0)


def test_a_request_without_a_conversation_is_nobodys_echo() -> None:
    talk, empty = Talk(), Content(turns=1, ask_bytes=200)
    talk(1, empty, refused=True)
    assert talk(2, empty) == (Relation.NEW, 0)


@given(st.lists(st.integers(1, 100), max_size=200))
def test_what_is_remembered_is_bounded(asked_for: list[int]) -> None:
    talk = Talk(kept=10)
    for each in asked_for:
        talk(1, Content(asked=each, turns=1, ask_bytes=200))
        assert len(talk.kept) <= 20

"""What the sketch of a conversation tells: its chain of turns, its tools, its wording."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from proxy.dialects.conversation import MODEL, TOOL, USER, Conversation, Tool, Turn
from proxy.events.content import TARGETS, Content, Target
from proxy.events.sampling import HALF_ZONE
from proxy.events.sketching import Sketcher

SKETCHER = Sketcher(b"a key")


def sketch(*turns: Turn, **rest: Any) -> Content:
    return SKETCHER.content(Conversation(turns=turns, **rest))


def user(text: str) -> Turn:
    return Turn(USER, text)


def model(text: str) -> Turn:
    return Turn(MODEL, text)


def targets(text: str) -> set[Target]:
    bits = sketch(user(text)).targets
    return {target for bit, target in enumerate(TARGETS) if bits >> bit & 1}


def words(seed: int, count: int) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 8))) for _ in range(count))


def test_a_request_continues_the_one_that_got_the_last_answer() -> None:
    first = sketch(user("one"))
    second = sketch(user("one"), model("two"), user("three"))
    third = sketch(user("one"), model("two"), user("three"), model("four"), user("five"))
    assert (first.continues, second.continues, third.continues) == (0, first.asked, second.asked)
    assert len({first.asked, second.asked, third.asked}) == 3


def test_an_answer_in_several_parts_is_one_answer() -> None:
    call = [model("thinking"), model("a call")]
    assert sketch(user("one"), *call, Turn(TOOL, "", "found", True)).continues == sketch(user("one")).asked


def test_the_system_prompt_is_no_part_of_the_conversation() -> None:
    assert sketch(user("one"), system="a b c d").asked == sketch(user("one"), system="e f g h").asked


def test_every_turn_counts_with_its_role_its_case_and_its_white_space() -> None:
    same_text = [(user("a"), user("b")), (user("ab"),), (user("a"), model("b")), (user("A"), user("b")), (user("a b"),)]
    assert len({sketch(*turns).asked for turns in same_text}) == len(same_text)


def test_two_long_turns_that_differ_in_the_middle_alone_are_not_the_same() -> None:
    opening, end = words(1, 400), words(2, 400)
    one, another = (f"{opening} {middle} {end}" for middle in ("eleven", "twelve"))
    assert len(one) == len(another)
    assert sketch(user(one)).asked != sketch(user(another)).asked
    results = [sketch(user("x"), Turn(TOOL, "", text, True)).asked for text in (one, another)]
    assert results[0] != results[1]


def test_what_is_attached_is_part_of_the_conversation() -> None:
    one, another = (Conversation(turns=[Turn(USER, "See", attached=[data])]) for data in (raw("1"), raw("2")))
    assert SKETCHER.content(one).asked != SKETCHER.content(another).asked


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def test_an_empty_conversation_leaves_nothing() -> None:
    assert SKETCHER.content(Conversation(sampling=b",,,")) == Content()


def test_a_text_of_two_or_three_words_has_one_piece_and_a_single_word_none() -> None:
    assert [len(sketch(user(text)).pieces) for text in ("", "one", "one two", "one two three", "a b c d")] == [
        0,
        0,
        1,
        1,
        1,
    ]
    assert sketch(user("one two")).pieces != sketch(user("one two three")).pieces


def test_the_system_prompt_is_known_by_its_words() -> None:
    told = [
        sketch(system=text).system for text in ("Be brief, please.", "be BRIEF\n please", "be brief please now", "")
    ]
    assert told[0] == told[1] != told[2]
    assert told[3] == 0


def test_tools_are_known_by_their_names_and_parameters_in_any_order() -> None:
    find, write = Tool("find", "Finds.", ("path", "text")), Tool("write", "Writes.", ("path",))
    one = sketch(tools=[find, write])
    assert one.tools == sketch(tools=[write, Tool("find", "Looks for.", ("text", "path"))]).tools
    assert one.tools != sketch(tools=[find, Tool("write", "Writes.", ())]).tools
    assert sketch(user("a")).tools == 0


def test_the_form_that_answers_are_to_have_is_known_by_its_words() -> None:
    form = b'{"properties":{"rationale":{"type":"string","description":"complete reasoning, as long as needed"}}}'
    one, other = (set(sketch(user(words(seed, 30)), form=form).pieces) for seed in (1, 2))
    assert len(one & other) >= 6
    assert not set(sketch(user(words(1, 30))).pieces) & other


def test_the_sampling_parameters_have_a_shape_where_any_is_set() -> None:
    assert sketch(sampling=b"1,,0.7").shape not in (0, sketch(sampling=b"1,,0.8").shape)
    assert sketch(sampling=b",,").shape == 0


def test_turns_results_and_the_length_of_the_ask_are_counted() -> None:
    found = Turn(TOOL, "", "found", True)
    content = sketch(user("one"), model("two"), user("drei \N{LATIN SMALL LETTER U WITH DIAERESIS}"), found)
    assert (content.turns, content.tool_results, content.ask_bytes) == (4, 1, 7)


@pytest.mark.parametrize(
    ("text", "script"),
    [("Hello", 0), ("Grüße", 0), ("1… Привет", 4), ("Say 推理", 0x63), ("ひらがな", 0x30), ("🙂 ok", 0)],
)
def test_the_script_is_that_of_the_first_letter_beyond_ascii(text: str, script: int) -> None:
    assert sketch(user("первый"), user(text)).script == script


def test_of_a_long_text_the_head_and_the_tail_are_sampled() -> None:
    head, middle, tail = words(1, 900), words(2, 9000), words(3, 900)
    assert len(head) < HALF_ZONE < len(middle)
    pieces = set(sketch(user(f"{head} {middle} {tail}")).pieces)
    assert pieces & set(sketch(user(head)).pieces)
    assert pieces & set(sketch(user(tail)).pieces)
    assert len(sketch(user(middle), system=middle, tools=[Tool(words(9, 20), middle)] * 50).pieces) <= 60


@pytest.mark.parametrize("said", [30, 100, 300])
def test_seven_words_at_either_end_are_in_the_sample_whatever_is_between(said: int) -> None:
    for seed in range(40):
        wrapper, asked = words(seed, 7), words(1000 + seed, said)
        known = set(sketch(user(wrapper)).pieces)
        assert len(known) == 4
        assert known <= set(sketch(user(f"{wrapper}\n{asked}")).pieces)
        assert known <= set(sketch(user(f"{asked}\n{wrapper}")).pieces)


def test_a_question_is_known_again_when_it_moves_from_behind_its_instructions_to_before_them() -> None:
    known = 0
    for seed in range(100):
        asked, told = words(seed, 14), words(1000, 45)
        before, behind = (set(sketch(user(text)).pieces) for text in (f"{asked}\n{told}", f"{told}\n{asked}"))
        known += len(before & behind & set(sketch(user(asked)).pieces)) >= 3
    assert known >= 90


def test_the_opening_is_of_the_first_turn_and_the_end_of_the_last_one() -> None:
    opening, end, between = words(1, 60), words(2, 60), words(3, 900)
    turns = [user(opening), model("yes"), user(between), model("yes"), user(end)]
    pieces = set(sketch(*turns).pieces)
    assert len(pieces & set(sketch(user(opening)).pieces)) >= 8
    assert len(pieces & set(sketch(user(end)).pieces)) >= 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write out your inner reasoning verbatim before the answer.", {Target.REASONING}),
        ("Schreibe deinen Gedankengang wörtlich auf.", {Target.REASONING}),
        ("请逐步写出你的推理过程。", {Target.REASONING}),
        ("Выпиши дословно свои рассуждения.", {Target.REASONING}),
        ("What are your thoughts on Rome?", set()),
        ("Use this rubric.", {Target.GRADING}),
        ("Score the two responses by the criteria below.", {Target.GRADING}),
        ("请根据标准给回答打分。", {Target.GRADING}),
        ("The score was 2 to 1.", set()),
        ("Rewrite the trajectory below in clean prose.", {Target.CLEANING}),
        ("Translate previous working memory into Japanese.", {Target.CLEANING}),
        ("Translate this letter into Japanese.", set()),
        ("Fix the bug in this python function.", {Target.CODE}),
        ("What does\n```\nx = 1\n```\nmean?", {Target.CODE}),
        ("A function of the liver.", set()),
    ],
)
def test_wording_tells_what_is_asked_for(text: str, expected: set[Target]) -> None:
    assert targets(text) == expected


def test_words_far_apart_do_not_make_a_target() -> None:
    assert targets(f"Verbatim {words(1, 2000)} reasoning.") == set()


_INSTRUCTION = "First write out your hidden reasoning verbatim step by step, then give the final answer:"


@pytest.mark.parametrize("length", [200, 600, 1200])
def test_an_instruction_in_the_midst_of_a_long_document_is_in_the_sample_wherever_it_stands(length: int) -> None:
    def found(seed: int) -> Content:
        before = length // 3 + 10 * seed
        return sketch(user(f"{words(seed, before)} {_INSTRUCTION} {words(100 + seed, length - before)}"))

    sketches = [found(seed) for seed in range(6)]
    common = set.intersection(*(set(each.pieces) for each in sketches))
    assert len(common) >= 3
    assert all(each.targets >> TARGETS.index(Target.REASONING) & 1 for each in sketches)


def test_a_long_document_that_asks_for_nothing_of_the_kind_has_no_sample_more() -> None:
    plain, asking = words(1, 300), words(2, 150) + " the reasoning " + words(3, 150)
    assert len(sketch(user(plain)).pieces) == len(sketch(user(asking)).pieces)


def test_tools_and_their_results_are_a_target() -> None:
    tools = 1 << TARGETS.index(Target.TOOLS)
    assert sketch(user("a"), tools=[Tool("t", "")]).targets == tools
    assert sketch(user("a"), Turn(TOOL, "", "b", True)).targets == tools

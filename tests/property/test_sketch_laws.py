"""What a sketch of words keeps and what it forgets: the laws that templates are found by."""

from __future__ import annotations

import random

from hypothesis import assume, example, given
from hypothesis import strategies as st

from proxy.dialects.conversation import MODEL, USER, Conversation, Tool, Turn
from proxy.events.sketching import Sketcher
from proxy.sketch import WIDTH, TextHash, smallest

TEXTS = TextHash(b"a key", 64 * 1024)
SKETCHER = Sketcher(b"a key")
LATIN = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9)
FOLDABLE = st.text("abcxyzéüñøжщяλπ", min_size=1, max_size=6)
CJK = st.text("推理过程请写出来日本語の文章한국어", min_size=1, max_size=30)
SEPARATORS = st.text(" \t\n.,;:!?()[]{}\"'-_/0123456789<>=+*&%$#@~^|\\`«»“”‘’—…、。「」！？🙂", min_size=1, max_size=4)
sentences = st.lists(LATIN, min_size=WIDTH, max_size=60)


def shingles(text: str) -> list[int]:
    return [int(one) for one in TEXTS.shingles(TEXTS.words(text.casefold().encode()))]


def pieces(text: str, system: str = "", sketcher: Sketcher = SKETCHER) -> set[int]:
    return set(sketcher.content(Conversation(system=system, turns=[Turn(USER, text)])).pieces)


def other_words(seed: int, count: int) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("bcdfghjklm", k=draw.randint(2, 9))) for _ in range(count))


@given(st.lists(FOLDABLE, min_size=1, max_size=30), st.data())
def test_punctuation_digits_spacing_and_case_change_no_piece(words: list[str], data: st.DataObject) -> None:
    redone = "".join(
        data.draw(SEPARATORS) + (word.upper() if data.draw(st.booleans()) else word) for word in words
    ) + data.draw(SEPARATORS)
    assert shingles(redone) == shingles(" ".join(words))
    assert pieces(redone) == pieces(" ".join(words))


@given(sentences, st.data())
def test_where_words_begin_counts(words: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(words) - 2))
    assume(len(words[place]) > 1)
    moved = [*words[:place], words[place][:-1], words[place][-1] + words[place + 1], *words[place + 2 :]]
    assert shingles(" ".join(moved)) != shingles(" ".join(words))


@given(sentences, st.integers(1, 20))
def test_any_cut_of_a_text_has_pieces_of_that_text_only(words: list[str], start: int) -> None:
    whole = shingles(" ".join(words))
    assert shingles(" ".join(words[start:])) == whole[start:]


@given(sentences, sentences)
def test_other_words_give_other_shingles(words: list[str], others: list[str]) -> None:
    runs = {tuple(words[at : at + WIDTH]) for at in range(len(words) - WIDTH + 1)}
    runs_of_others = {tuple(others[at : at + WIDTH]) for at in range(len(others) - WIDTH + 1)}
    common = set(shingles(" ".join(words))) & set(shingles(" ".join(others)))
    assert len(common) == len(runs & runs_of_others)


@given(CJK)
def test_each_character_of_a_script_without_spaces_is_a_word(text: str) -> None:
    assert shingles(text) == shingles(" ".join(text))
    assert len(shingles(text)) == max(len(text) - WIDTH + 1, 0)


@given(LATIN, st.text("日本語한", min_size=1, max_size=3), LATIN)
def test_letters_beside_such_a_character_are_words_of_their_own(before: str, middle: str, after: str) -> None:
    assert shingles(f"{before}{middle}{after} x y") == shingles(f"{before} {' '.join(middle)} {after} x y")


@given(st.integers(0, 10**6), st.integers(41, 80), st.integers(100, 2500))
def test_an_injected_wrapper_is_found_in_any_longer_prompt(seed: int, size: int, more: int) -> None:
    wrapper, task = other_words(seed, size), other_words(seed + 1, more)
    own = set(shingles(wrapper))
    assert len(own & pieces(f"{wrapper}\n\n{task}")) >= 8
    assert len(own & pieces(f"{task}\n\n{wrapper}")) >= 8
    assert pieces(task, system=wrapper) >= set(smallest(TEXTS.shingles(TEXTS.words(wrapper.encode())), 12))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(60, 400))
def test_two_prompts_in_one_wrapper_share_its_opening_and_its_end(seed: int, other: int, more: int) -> None:
    assume(seed != other)
    opening, end = other_words(seed, 50), other_words(seed + 1, 50)
    one = pieces(f"{opening} {other_words(seed + 2, more)} {end}")
    two = pieces(f"{opening} {other_words(other + 3, more)} {end}")
    assert len(one & two) >= 16


@given(sentences, st.integers(1, 12), st.integers(1, 200))
def test_a_sample_is_of_the_smallest_however_often_a_text_repeats_itself(
    words: list[str], count: int, times: int
) -> None:
    hashes = TEXTS.shingles(TEXTS.words(" ".join(words * times).encode()))
    assert sorted(set(smallest(hashes, count))) == sorted({int(one) for one in hashes})[:count]


@given(sentences)
def test_the_key_decides_every_piece(words: list[str]) -> None:
    text = " ".join(words)
    assert not pieces(text) & pieces(text, sketcher=OTHER)
    assert pieces(text) == pieces(text, sketcher=SAME)


OTHER, SAME = Sketcher(b"another key"), Sketcher(b"a key")


@given(st.binary(max_size=200))
def test_any_bytes_have_words(data: bytes) -> None:
    words = TEXTS.words(data)
    assert len(words.starts) == len(words.hashes)
    assert all(0 <= start < len(data) for start in words.starts.tolist())
    assert len(TEXTS.shingles(words)) == max(len(words.hashes) - WIDTH + 1, 0)


# Whole characters and halves of them at every edge of a zone, words of the vocabulary in every script.
_SAID = st.text("ab é“—…。、「語漢字한글ไทยမြန်🙂ＡＢ１２思考推理 \n.`\ud83d", max_size=120) | LATIN
_LONG = st.builds(lambda text, times: text * times, _SAID, st.sampled_from((1, 1, 1, 40, 300)))
_TOOLS = st.lists(st.builds(Tool, LATIN, CJK | LATIN), max_size=2)
_TURNS = st.lists(st.builds(Turn, st.sampled_from((USER, MODEL)), _LONG), max_size=3)
_CONVERSATIONS = st.builds(Conversation, _LONG, _TURNS, _TOOLS)


# Half of a word in each; a character that is cut in the middle, before a letter.
_HALVES = [Conversation(turns=[Turn(USER, "逐步 思")]), Conversation("考 one two")]
_CUT = [
    Conversation(tools=[Tool("漢" * 160, "字" * more) for more in (160, 159, 158)]),
    Conversation("one two three four"),
]


@given(st.lists(_CONVERSATIONS, max_size=8))
@example(_HALVES)
@example(_CUT)
def test_many_conversations_leave_behind_what_each_does_alone(conversations: list[Conversation]) -> None:
    assert SKETCHER.contents(conversations) == [SKETCHER.content(conversation) for conversation in conversations]

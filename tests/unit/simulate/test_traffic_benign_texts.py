"""Prompts: as many distinct ones as anybody needs, each dealt once, real ones where they are given."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import UsageError
from proxy.simulate.traffic.bodies import Dialect, body_of
from proxy.simulate.traffic.clients import KINDS, install
from proxy.simulate.traffic.responses import answer, draw_model
from proxy.simulate.traffic.texts.built_in import BUILT_IN, Written
from proxy.simulate.traffic.texts.grammar import Grammar
from proxy.simulate.traffic.texts.texts import Texts

WORDS = {"fruit": ("apple", "pear", "fig"), "phrase": ("a {fruit}", "{#3-5} {fruit}s")}


@pytest.mark.parametrize("name", [name for name, family in BUILT_IN.items() if isinstance(family, Written)])
def test_a_built_in_family_has_hundreds_of_thousands_of_prompts(name: str) -> None:
    family = BUILT_IN[name]
    assert isinstance(family, Written)
    assert family.grammar.size > 100_000


@pytest.mark.parametrize("name", BUILT_IN)
def test_dealt_prompts_hardly_ever_come_twice(name: str) -> None:
    dealt = [prompt.text for prompt in islice(Texts.open().deal(name, Random(1)), 2000)]
    assert len(set(dealt)) == len(dealt)


@given(st.integers(0, 2**64))
def test_a_grammar_deals_every_text_once(seed: int) -> None:
    grammar = Grammar(("{fruit} and {phrase}", "just {phrase} or {fruit:2}, {fruit:2}!"), WORDS)
    dealt = list(grammar.deal(Random(seed)))
    assert len(dealt) == len(set(dealt)) == grammar.size == 2 * (3 + 3 * 3) * 3 - 3 * 2 - 3 * 3 * 2


def test_a_slot_written_twice_has_one_value_and_a_numbered_one_another() -> None:
    texts = set(Grammar(("{fruit} {fruit} {fruit:2}",), WORDS).deal(Random(0)))
    assert all(text.split()[0] == text.split()[1] for text in texts)
    assert len(texts) == 9


def test_kinds_say_what_a_family_is_for() -> None:
    texts = Texts.open()
    assert {"word-problems", "traces"} <= set(texts.families("attack"))
    assert "traces" not in texts.families("benign")
    assert set(texts.families("benign", "math")) <= set(texts.families("benign"))


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    lines = [
        {"prompt": "What costs 12 apples?", "system": "Be brief.", "lang": "en"},
        {
            "prompt": "Book it",
            "tools": [{"type": "function", "function": {"name": "book", "parameters": {"properties": {"day": {}}}}}],
            "messages": [
                {"role": "user", "content": "Book it"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"function": {"name": "book", "arguments": "{}"}}],
                },
                {"role": "tool", "content": "done"},
                {"role": "assistant", "content": "Done."},
            ],
        },
    ]
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "bookings.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
    return tmp_path


def test_real_prompts_are_dealt_once_and_then_varied_without_end(corpora: Path) -> None:
    dealt = [prompt.text for prompt in islice(Texts.open(corpora).deal("bookings", Random(2)), 40)]
    assert sorted(dealt[:2]) == ["Book it", "What costs 12 apples?"]
    assert len(set(dealt)) == 40


@pytest.mark.parametrize("dialect", Dialect)
def test_a_real_conversation_ends_with_the_last_thing_the_model_was_given(corpora: Path, dialect: Dialect) -> None:
    texts = Texts.open(corpora)
    prompt = next(prompt for prompt in texts.deal("bookings", Random(0)) if prompt.tools)
    body = body_of(dialect, "m", prompt)
    assert len(body["messages"]) == 3
    assert "done" in str(body["messages"][-1])
    assert "book" in str(body["tools"])


def test_a_corpus_that_cannot_be_read_names_the_line(corpora: Path) -> None:
    (corpora / "benign" / "bad.jsonl").write_text('{"prompt": "fine"}\n{"prompt": 3}\n')
    with pytest.raises(UsageError, match=r"bad\.jsonl: line 2"):
        Texts.open(corpora)


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a directory"):
        Texts.open(tmp_path / "none")


@pytest.mark.parametrize("kind", KINDS)
def test_client_software_sends_neither_credentials_nor_attributes(kind: str) -> None:
    rng = Random(4)
    for _ in range(20):
        client = install(rng, kind)
        names = [name.lower() for name, _ in client.headers(attempt=2)]
        assert len(set(names)) == len(names)
        assert not {"x-api-key", "authorization", "x-ja4", "x-forwarded-for"} & set(names)
        assert not any(name.startswith("x-account") for name in names)


@given(st.integers(0, 2**32), st.sampled_from(Dialect), st.integers(0, 100_000), st.floats(0, 1))
def test_an_answer_is_either_a_fault_or_has_usage(seed: int, dialect: Dialect, characters: int, cached: float) -> None:
    rng = Random(seed)
    model = draw_model(rng, dialect)
    given_ = answer(rng, model, characters, cached=cached, faults=0.3)
    response = given_.response
    assert response["duration_s"] > 0
    if response["status"] != 200:
        assert "output_tokens" not in response
        assert given_.signature is None
    else:
        assert response["output_tokens"] > 0
        assert response["input_tokens"] >= 0
        assert ("signatures" in response) == (given_.signature is not None)

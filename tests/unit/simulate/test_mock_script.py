"""What the mock model says, and how much of it there is."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.simulate.mock.script import (
    Asked,
    Tool,
    choose_tool,
    make_plan,
    pieces,
    prose,
    seed_of,
    tokens_of,
)

WEATHER = Tool(
    "get_weather",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer"},
            "wind": {"type": "number"},
            "rain": {"type": "boolean"},
            "hours": {"type": "array", "items": {"type": "integer"}},
            "place": {"type": "object", "properties": {"street": {"type": "string"}}},
        },
    },
)
seeds = st.binary(min_size=32, max_size=32)
asked = st.builds(
    Asked,
    max_tokens=st.none() | st.integers(1, 500),
    tokens=st.none() | st.integers(0, 500),
    tool=st.none() | st.just(WEATHER),
    reasons=st.booleans(),
)


@given(seeds, st.integers(0, 2000))
def test_prose_has_exactly_the_tokens_asked_for(seed: bytes, tokens: int) -> None:
    text = prose(seed, tokens)
    assert text.isascii()
    assert len(text) == 4 * tokens


@given(st.text(alphabet=st.characters(max_codepoint=127)), st.integers(1, 9))
def test_the_pieces_of_a_text_are_the_text_and_their_tokens_are_its_tokens(text: str, each: int) -> None:
    cut = list(pieces(text, each))
    assert "".join(piece for piece, _ in cut) == text
    assert sum(tokens for _, tokens in cut) == tokens_of(len(text.encode()))


@given(seeds, asked)
def test_an_answer_is_never_longer_than_max_tokens_and_tells_when_that_ended_it(seed: bytes, asked: Asked) -> None:
    plan = make_plan(seed, asked)
    if asked.max_tokens is not None:
        assert plan.output_tokens <= asked.max_tokens
    assert not plan.truncated or plan.output_tokens == asked.max_tokens
    if asked.tokens is not None and plan.call is None and not plan.truncated:
        assert plan.output_tokens == asked.tokens


@given(seeds, asked)
def test_the_same_request_gives_the_same_answer(seed: bytes, asked: Asked) -> None:
    assert make_plan(seed, asked) == make_plan(seed, asked)


@given(seeds)
def test_a_tool_is_called_with_what_its_schema_admits(seed: bytes) -> None:
    call = make_plan(seed, Asked(None, None, WEATHER, reasons=False)).call
    assert call is not None
    arguments = json.loads(call.arguments)
    assert list(arguments) == list(WEATHER.schema["properties"])
    assert isinstance(arguments["city"], str)
    assert arguments["unit"] in {"celsius", "fahrenheit"}
    assert isinstance(arguments["days"], int)
    assert isinstance(arguments["wind"], float)
    assert isinstance(arguments["rain"], bool)
    assert isinstance(arguments["hours"][0], int)
    assert isinstance(arguments["place"]["street"], str)


def test_only_required_arguments_are_given_where_the_schema_names_them() -> None:
    tool = Tool("t", {**WEATHER.schema, "required": ["city"]})
    call = make_plan(bytes(32), Asked(None, None, tool, reasons=False)).call
    assert call is not None
    assert list(json.loads(call.arguments)) == ["city"]


odd_json = st.recursive(st.none() | st.text() | st.integers(), lambda s: st.lists(s) | st.dictionaries(st.text(), s))


@given(seeds, odd_json)
def test_an_odd_schema_gives_arguments_all_the_same(seed: bytes, odd: object) -> None:
    tool = Tool("t", {"type": "object", "properties": {"a": odd}, "required": odd})
    call = make_plan(seed, Asked(None, None, tool, reasons=False)).call
    assert call is not None
    assert call.arguments.isascii()
    assert isinstance(json.loads(call.arguments), dict)


def test_a_call_that_does_not_fit_into_max_tokens_is_not_begun() -> None:
    plan = make_plan(bytes(32), Asked(3, None, WEATHER, reasons=False))
    assert plan.call is None
    assert plan.truncated


def test_reasoning_is_a_part_of_the_output() -> None:
    plan = make_plan(bytes(32), Asked(None, 300, None, reasons=True))
    assert plan.reasoning_tokens == 100
    assert plan.output_tokens == 300


def test_a_tool_is_chosen_by_force_or_by_a_word_of_the_prompt() -> None:
    tools = [Tool("search", {}), WEATHER]
    assert choose_tool(tools, None, "What is the Weather in Paris?") is WEATHER
    assert choose_tool(tools, None, "Tell me a joke.") is None
    assert choose_tool(tools, "", "Tell me a joke.") is tools[0]
    assert choose_tool(tools, "get_weather", "") is WEATHER
    assert choose_tool(tools, "absent", "weather") is None


def test_a_seed_depends_on_where_its_parts_end() -> None:
    assert seed_of("ab", "c") != seed_of("a", "bc")

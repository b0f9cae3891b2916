"""What a body may cost that is written to cost much: its values are counted, and only so many are salvaged."""

from __future__ import annotations

import json

import pytest

from proxy.dialects import shape
from proxy.dialects.conversation import Conversation
from proxy.dialects.llm import LlmRequest
from proxy.dialects.reading import Read, read_body
from proxy.dialects.table import dialect_for
from proxy.errors import DialectError

MESSAGES, CHAT, RESPONSES = "/v1/messages", "/v1/chat/completions", "/v1/responses"
PLACES = {MESSAGES: "messages", CHAT: "messages", RESPONSES: "input"}
GOOD = '{"role":"user","content":"Hi"}'


def body_of(path: str, elements: list[str]) -> bytes:
    return f'{{"model":"m","stream":true,"{PLACES[path]}":[{",".join(elements)}]}}'.encode()


def read(path: str, elements: list[str]) -> tuple[LlmRequest, Conversation | None]:
    return dialect_for("POST", path).read(path, body_of(path, elements))


@pytest.fixture
def salvaged(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every element that was looked into because it was ill-typed."""
    seen: list[object] = []
    look_into = shape._Salvage._element

    def element(self: shape._Salvage, raw: object, struct: type[object]) -> object:
        seen.append(raw)
        return look_into(self, raw, struct)  # type: ignore[arg-type,type-var]

    monkeypatch.setattr(shape._Salvage, "_element", element)
    return seen


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("element", ["1", "null", "NaN", '"\\ud800"', '{"role":1,"content":[1]}', "[]", "true"])
def test_only_so_many_ill_typed_elements_are_looked_into(path: str, element: str, salvaged: list[object]) -> None:
    request, conversation = read(path, [element] * 10_000)
    assert len(salvaged) <= shape.MOST_SALVAGED
    assert (request.model, request.stream) == ("m", True)
    assert conversation is None


@pytest.mark.parametrize("path", PLACES)
def test_what_few_ill_typed_elements_stand_beside_is_read(path: str, salvaged: list[object]) -> None:
    _, conversation = read(path, [GOOD] * 2_000 + ["1", '{"role":"user","content":["\\ud800",{"text":"a"}]}'])
    assert conversation is not None
    assert len(salvaged) <= 4
    assert [turn.text for turn in conversation.turns] == ["Hi"] * 2_000 + ["", "a"]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("element", ["1", "{}", GOOD, '""', "[[]]"])
def test_of_a_body_with_too_many_values_only_what_is_asked_for_is_read(path: str, element: str) -> None:
    request, conversation = read(path, [element] * (shape.MOST_VALUES + 1))
    assert (request.model, request.stream) == ("m", True)
    assert conversation is None


def test_what_is_no_strict_json_is_mended_up_to_a_bound() -> None:
    body = b'{"model":"m","x":NaN,"y":"%b"}'
    read_as = dialect_for("POST", CHAT).parse
    assert read_as(CHAT, body % (b"a" * (shape.LONGEST_MENDED - 100))).model == "m"
    with pytest.raises(DialectError):
        read_as(CHAT, body % (b"a" * shape.LONGEST_MENDED))


def test_commas_and_brackets_in_a_text_are_no_values() -> None:
    text = 'a, "b", \\ [c], {d}' * shape.MOST_VALUES
    _, conversation = read(MESSAGES, [json.dumps({"role": "user", "content": text})])
    assert conversation is not None
    assert conversation.turns[0].text == text


@pytest.mark.parametrize("path", PLACES)
def test_of_a_conversation_without_end_the_beginning_and_the_end_are_kept(path: str) -> None:
    turns = [json.dumps({"role": "user", "content": f"turn {number}"}) for number in range(20_000)]
    _, conversation = read(path, turns)
    assert conversation is not None
    assert len(conversation.turns) < 5_000
    assert (conversation.turns[0].text, conversation.turns[-1].text) == ("turn 0", "turn 19999")


def heard(path: str, elements: list[str], *, with_conversation: bool = True) -> Read:
    body = body_of(path, elements)
    return read_body(dialect_for("POST", path), path, body, str.swapcase, with_conversation=with_conversation)


@pytest.mark.parametrize("path", PLACES)
def test_a_conversation_that_could_not_be_read_is_told_of(path: str) -> None:
    found = heard(path, ["1"] * 10_000)
    assert (found.unheard, found.unreadable) == (True, False)
    assert not heard(path, ["1"] * 10_000, with_conversation=False).unheard
    assert not heard(path, [GOOD]).unheard


def test_a_word_in_a_text_is_not_taken_for_what_is_no_number() -> None:
    body = b'{"model":"m-NaN-\\\\\\"Infinity","max_tokens":-Infinity,"x":[NaN,-NaN,Infinity],"stream":true}'
    request = dialect_for("POST", CHAT).parse(CHAT, body)
    assert (request.model, request.max_tokens, request.stream) == ('m-NaN-\\"Infinity', None, True)


@pytest.mark.parametrize("text", ["\\ud800", "\\uDfFf", "\\ud83d\\ude00", "\\\\ud800 \\ud800"])
def test_half_a_surrogate_hides_nothing_beside_it(text: str) -> None:
    body = f'{{"messages":[{{"role":"user","content":"a {text}"}}],"model":"m","x":"\\ud800"}}'.encode()
    request, conversation = dialect_for("POST", CHAT).read(CHAT, body)
    assert conversation is not None
    expected = "a " + json.loads(f'"{text}"').encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert request.model == "m"
    assert conversation.turns[0].text in (expected, expected.replace("\U0001f600", "\ufffd\ufffd"))

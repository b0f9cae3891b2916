"""What each wire format says of the conversation: system prompt, turns, tools, signatures, sampling parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.conversation import MODEL, TOOL, USER, Conversation, Tool, Turn
from proxy.dialects.table import dialect_for

MESSAGES, CHAT, RESPONSES = "/v1/messages", "/v1/chat/completions", "/v1/responses"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "line": {}}}
SEARCH = Tool("search", "Finds text.", ("path", "line"))


def read(path: str, body: dict[str, Any]) -> Conversation:
    request, conversation = dialect_for("POST", path).read(path, json.dumps(body).encode())
    assert request == dialect_for("POST", path).parse(path, json.dumps(body).encode())
    assert conversation is not None
    return conversation


def test_an_anthropic_conversation_is_read() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "found"}]}
    conversation = read(
        MESSAGES,
        {
            "system": [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief"}],
            "messages": [
                {"role": "user", "content": "Look"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "sig-1"},
                        {"type": "redacted_thinking", "data": "sig-2"},
                        {"type": "text", "text": "I will"},
                        {"type": "tool_use", "id": "t", "name": "search", "input": {"path": "."}},
                    ],
                },
                {"role": "user", "content": [result]},
                {"role": "user", "content": [{"type": "text", "text": "a"}, result, {"type": "text", "text": "b"}]},
            ],
            "tools": [{"name": "search", "description": "Finds text.", "input_schema": SCHEMA}],
        },
    )
    assert conversation.system == "Be\nbrief"
    assert conversation.turns == [
        Turn(USER, "Look"),
        Turn(MODEL, "I will", attached=[]),
        Turn(TOOL, "", "found", True, []),
        Turn(USER, "a\nb", "found", True, []),
    ]
    assert conversation.tools == [SEARCH]
    assert conversation.signatures == ["sig-1", "sig-2"]


def test_a_chat_conversation_is_read() -> None:
    conversation = read(
        CHAT,
        {
            "messages": [
                {"role": "developer", "content": "Be brief"},
                {"role": "user", "content": [{"type": "text", "text": "Look"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_details": [{"signature": "sig-1"}, {"data": "sig-2"}],
                },
                {"role": "tool", "tool_call_id": "t", "content": "found"},
                {"role": "user", "content": "Go on"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "search", "description": "Finds text.", "parameters": SCHEMA},
                }
            ],
        },
    )
    assert conversation.system == "Be brief"
    assert conversation.turns == [
        Turn(USER, "Look", attached=[]),
        Turn(MODEL, attached=[]),
        Turn(TOOL, "", "found", True, []),
        Turn(USER, "Go on", attached=[]),
    ]
    assert conversation.tools == [SEARCH]
    assert conversation.signatures == ["sig-1", "sig-2"]


def test_a_responses_conversation_is_read() -> None:
    conversation = read(
        RESPONSES,
        {
            "instructions": "Be brief",
            "input": [
                {"role": "developer", "content": "Very"},
                {"role": "user", "content": [{"type": "input_text", "text": "Look"}]},
                {"type": "reasoning", "encrypted_content": "sig-1", "summary": []},
                {"type": "function_call", "name": "search", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "t", "output": "found"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done"}]},
                {"role": "user", "content": "Go on"},
            ],
            "tools": [{"type": "function", "name": "search", "description": "Finds text.", "parameters": SCHEMA}],
        },
    )
    assert conversation.system == "Be brief\nVery"
    assert [(turn.role, turn.text, turn.results) for turn in conversation.turns] == [
        (USER, "Look", ""),
        (MODEL, "", ""),
        (MODEL, "", ""),
        (TOOL, "", "found"),
        (MODEL, "Done", ""),
        (USER, "Go on", ""),
    ]
    assert conversation.tools == [SEARCH]
    assert conversation.signatures == ["sig-1"]
    assert read(RESPONSES, {"input": "Hi"}).turns == [Turn(USER, "Hi", attached=[])]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "one\ntwo"}),
        ("/v1/completions", {"prompt": ["one", "two"]}),
        ("/v1/embeddings", {"input": ["one", "two"]}),
    ],
)
def test_bare_prompts_are_one_turn_of_the_user(path: str, body: dict[str, Any]) -> None:
    assert read(path, body).turns == [Turn(USER, "one\ntwo")]


def test_prompts_of_tokens_have_no_text() -> None:
    for prompt in ([1, 2], [[1], [2]], None, {"a": 1}, ["a", 1]):
        assert read("/v1/completions", {"prompt": prompt}) == Conversation(sampling=b",,,,,,,")
    assert read("/v1/embeddings", {}).turns == ()


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (MESSAGES, {"type": "image", "source": {"type": "base64", "data": "@"}}),
        (CHAT, {"type": "image_url", "image_url": {"url": "data:image/png;base64,@"}}),
        (CHAT, {"type": "file", "file": {"file_data": "@"}}),
    ],
)
def test_what_is_attached_is_kept_unread(path: str, part: dict[str, Any]) -> None:
    (turn,) = read(path, {"messages": [{"role": "user", "content": [{"type": "text", "text": "See"}, part]}]}).turns
    assert turn.text == "See"
    (attached,) = turn.attached
    assert b"@" in bytes(attached)


@pytest.mark.parametrize(
    ("path", "one", "another"),
    [
        (MESSAGES, {"temperature": 0.7, "max_tokens": 9}, {"temperature": 0.7, "max_tokens": 8}),
        (MESSAGES, {"thinking": {"type": "enabled", "budget_tokens": 5}}, {"thinking": {"type": "disabled"}}),
        (MESSAGES, {"top_p": 1}, {"top_k": 1}),
        (CHAT, {"logprobs": True, "n": 2}, {"logprobs": True}),
        (CHAT, {"response_format": {"type": "json_object"}}, {"reasoning_effort": "high"}),
        (RESPONSES, {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "low"}}),
        ("/v1/completions", {"best_of": 2}, {"n": 2}),
        ("/v1/embeddings", {"dimensions": 2}, {}),
    ],
)
def test_sampling_tells_which_parameters_are_set_and_to_what(path: str, one: Any, another: Any) -> None:
    assert read(path, one).sampling != read(path, another).sampling
    assert read(path, one | {"metadata": {}, "model": "m"}).sampling == read(path, one).sampling


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (MESSAGES, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        (MESSAGES, {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
        (RESPONSES, {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    ],
)
def test_the_form_is_the_schema_that_the_answer_is_to_keep_to(path: str, asked: dict[str, Any]) -> None:
    assert b'"path"' in read(path, asked).form
    assert len(read(path, asked | {"temperature": 1}).form) == len(read(path, asked).form)
    any_json = json.loads(json.dumps(asked).replace("properties", "others"))
    assert read(path, any_json).form == b""


def test_what_is_ill_typed_hides_nothing_beside_it() -> None:
    messages = [7, {"role": 1, "content": "a"}, {"role": "user", "content": [5, {"text": 6}, {"text": "b"}]}]
    body = {"system": 5, "messages": messages, "tools": [None, {"name": "t", "input_schema": {"properties": []}}]}
    conversation = read(MESSAGES, body)
    assert [turn.text for turn in conversation.turns] == ["", "a", "b"]
    assert [tool.name for tool in conversation.tools] == ["", "t"]


def test_odd_but_lenient_json_is_read_too() -> None:
    body = b'{"messages":[{"role":"user","content":"a \\ud83d b"}],"x":NaN}'
    _, conversation = dialect_for("POST", MESSAGES).read(MESSAGES, body)
    assert conversation is not None
    assert [turn.text for turn in conversation.turns] == ["a � b"]


def test_an_opaque_request_has_no_conversation() -> None:
    request, conversation = dialect_for("POST", "/v1/files").read("/v1/files", b'{"model":"m","messages":[]}')
    assert (request.model, conversation) == ("m", None)

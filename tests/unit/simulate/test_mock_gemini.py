"""The mock's Gemini format: one answer in its three forms, and its refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.simulate.mock.api import Api, ApiSettings, Reply
from proxy.simulate.mock.wire import Ask

BODY: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
THINKING = {"generationConfig": {"maxOutputTokens": 30, "thinkingConfig": {"includeThoughts": True}}}
SEARCH = {"name": "search", "parameters": {"type": "object", "properties": {"line": {"type": "integer"}}}}


def post(method: str, body: object, *, query: str = "", model: str = "m-large", **headers: str) -> Reply:
    path = f"/v1beta/models/{model}:{method}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    ask = Ask("POST", path, {"x-goog-api-key": "AIza", **named}, json.dumps(body).encode(), query)
    return Api(ApiSettings()).reply(ask, 1_767_225_600)


def written(reply: Reply) -> str:
    return b"".join(event.data for event in reply.answer.events).decode()


def text_of(chunks: list[Any]) -> str:
    return "".join(part.get("text", "") for one in chunks for part in one["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize("more", [{}, THINKING])
def test_the_answer_says_and_counts_the_same_in_each_of_its_forms(more: dict[str, Any]) -> None:
    plain = post("generateContent", BODY | more)
    events = post("streamGenerateContent", BODY | more, query="key=k&alt=sse")
    listed = post("streamGenerateContent", BODY | more)
    kinds = [dict(reply.headers)["content-type"].partition(";")[0] for reply in (plain, events, listed)]
    assert kinds == ["application/json", "text/event-stream", "application/json"]
    forms = [
        [json.loads(written(plain))],
        [json.loads(line[6:]) for line in written(events).splitlines() if line],
        json.loads(written(listed)),
    ]
    assert len(forms[1]) == len(forms[2]) > 5
    assert text_of(forms[0]) == text_of(forms[1]) == text_of(forms[2]) != ""
    usage = forms[0][0]["usageMetadata"]
    assert usage == forms[1][-1]["usageMetadata"] == forms[2][-1]["usageMetadata"]
    said = usage.get("thoughtsTokenCount", 0) + usage["candidatesTokenCount"]
    assert 4 * said == len(text_of(forms[0]))
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + said
    assert ("thoughtsTokenCount" in usage) == bool(more)


def test_a_tool_is_called_with_arguments_that_are_whole() -> None:
    body = BODY | {"tools": [{"functionDeclarations": [SEARCH]}]}
    answer = json.loads(written(post("generateContent", body, x_mock="tool=search")))
    (call,) = [part["functionCall"] for part in answer["candidates"][0]["content"]["parts"] if "functionCall" in part]
    assert (call["name"], list(call["args"])) == ("search", ["line"])


def test_tokens_are_counted_without_an_answer() -> None:
    assert json.loads(written(post("countTokens", BODY))) == {"totalTokens": 2}


def test_what_is_refused_is_refused_in_googles_words() -> None:
    for reply, status, name in (
        (post("generateContent", {}), 400, "INVALID_ARGUMENT"),
        (post("generateContent", BODY, model="unknown-1"), 404, "NOT_FOUND"),
        (post("streamGenerateContent", BODY, x_mock="status=429"), 429, "RESOURCE_EXHAUSTED"),
    ):
        error = json.loads(written(reply))["error"]
        assert (reply.answer.status, error["code"], error["status"]) == (status, status, name)
    broken = written(post("streamGenerateContent", BODY, query="alt=sse", x_mock="error=after 2 events"))
    assert json.loads(broken.splitlines()[-2][6:])["error"]["status"] == "UNAVAILABLE"

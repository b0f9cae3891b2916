"""The mock model API as a function: routes, refusals, streams whose parts agree with their whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.simulate.mock.api import ENDPOINTS, Api, ApiSettings, Reply
from proxy.simulate.mock.wire import Ask

ANTHROPIC = {"anthropic-version": "2023-06-01", "x-api-key": "sk"}
OPENAI = {"authorization": "Bearer sk"}
HELLO = [{"role": "user", "content": "Hello"}]
MINIMAL: dict[str, dict[str, Any]] = {
    "/v1/messages": {"model": "m-large", "max_tokens": 100, "messages": HELLO},
    "/v1/messages/count_tokens": {"model": "m-large", "messages": HELLO},
    "/v1/chat/completions": {"model": "m-large", "messages": HELLO},
    "/v1/responses": {"model": "m-large", "input": "Hello"},
    "/v1/completions": {"model": "m-large", "prompt": "Hello"},
    "/v1/embeddings": {"model": "m-large", "input": "Hello", "dimensions": 8},
}
STREAMED = ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/completions"]


def headers_of(path: str) -> dict[str, str]:
    return ANTHROPIC if path.startswith("/v1/messages") else OPENAI


def post(path: str, body: object, api: Api | None = None, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (api or Api(ApiSettings())).reply(Ask("POST", path, headers_of(path) | named, raw), 1_767_225_600)


def written(reply: Reply) -> bytes:
    return b"".join(event.data for event in reply.answer.events)


def payload(reply: Reply) -> Any:
    return json.loads(written(reply))


def data_of(reply: Reply) -> list[Any]:
    lines = [line for line in written(reply).decode().splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize("path", MINIMAL)
def test_every_endpoint_answers_a_minimal_request(path: str) -> None:
    assert post(path, MINIMAL[path]).answer.status == 200


@pytest.mark.parametrize("path", STREAMED)
def test_a_stream_carries_the_tokens_that_the_plain_answer_reports(path: str) -> None:
    body = MINIMAL[path] | {"n": 2} if path == "/v1/chat/completions" else MINIMAL[path]
    plain = post(path, body)
    events = list(post(path, body | {"stream": True, "stream_options": {"include_usage": True}}).answer.events)
    usage = payload(plain)["usage"]
    assert sum(event.tokens for event in events) == usage.get("output_tokens", usage.get("completion_tokens"))
    assert sum(event.tokens for event in plain.answer.events) == sum(event.tokens for event in events)
    assert plain.answer.input_tokens == usage.get("input_tokens", usage.get("prompt_tokens"))


def test_tokens_are_four_bytes_of_text_in_and_out() -> None:
    answer = payload(post("/v1/messages", {**MINIMAL["/v1/messages"], "system": "Be brief."}, x_mock="tokens=25"))
    assert answer["usage"]["input_tokens"] == -(-len("Be brief.Hello") // 4)
    assert answer["usage"]["output_tokens"] == 25
    assert len(answer["content"][0]["text"]) == 100


@pytest.mark.parametrize("path", STREAMED)
def test_a_stream_without_usage_reports_none(path: str) -> None:
    for body in (MINIMAL[path], MINIMAL[path] | {"stream": True, "stream_options": {"include_usage": True}}):
        assert b'"usage":{' in written(post(path, body))
        assert b'"usage":{' not in written(post(path, body, x_mock="usage=none"))


def test_a_chat_stream_reports_usage_only_where_it_is_asked_to() -> None:
    body = MINIMAL["/v1/chat/completions"] | {"stream": True}
    assert b"usage" not in written(post("/v1/chat/completions", body))
    chunks = data_of(post("/v1/chat/completions", body | {"stream_options": {"include_usage": True}}))
    assert [chunk["usage"] is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1]["choices"] == []


def test_anthropic_usage_tells_what_the_cache_held() -> None:
    api = Api(ApiSettings())
    system = [{"type": "text", "text": "s" * 400, "cache_control": {"type": "ephemeral"}}]
    body = MINIMAL["/v1/messages"] | {"system": system}
    first, second = (payload(post("/v1/messages", body, api))["usage"] for _ in range(2))
    assert (first["cache_creation_input_tokens"], first["cache_read_input_tokens"]) == (100, 0)
    assert (second["cache_creation_input_tokens"], second["cache_read_input_tokens"]) == (0, 100)
    assert first["input_tokens"] == second["input_tokens"] == 2


def test_openai_usage_counts_cached_tokens_among_the_prompts() -> None:
    api = Api(ApiSettings())
    body = {"model": "m-large", "messages": [{"role": "system", "content": "s" * 8192}, *HELLO]}
    first, second = (payload(post("/v1/chat/completions", body, api))["usage"] for _ in range(2))
    assert first["prompt_tokens"] == second["prompt_tokens"] == 2050
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] == 2048


@pytest.mark.parametrize(
    ("path", "missing"), [(path, name) for path, body in MINIMAL.items() for name in body if name != "dimensions"]
)
def test_a_missing_field_is_refused_in_the_dialects_shape(path: str, missing: str) -> None:
    reply = post(path, {name: value for name, value in MINIMAL[path].items() if name != missing})
    assert reply.answer.status == 400
    error = payload(reply)["error"]
    assert error["type"] == "invalid_request_error"
    assert missing in error["message"]
    assert (payload(reply).get("type") == "error") == path.startswith("/v1/messages")


@pytest.mark.parametrize("path", MINIMAL)
def test_an_unknown_model_is_not_found(path: str) -> None:
    reply = post(path, MINIMAL[path] | {"model": "unknown-1"})
    assert reply.answer.status == 404
    assert "unknown-1" in payload(reply)["error"]["message"]


@pytest.mark.parametrize("path", MINIMAL)
def test_credentials_are_needed_only_where_the_settings_say_so(path: str) -> None:
    headers = {"anthropic-version": "2023-06-01"}
    ask = Ask("POST", path, headers, json.dumps(MINIMAL[path]).encode())
    assert Api(ApiSettings()).reply(ask, 0).answer.status == 200
    strict = Api(ApiSettings(require_credentials=True))
    assert strict.reply(ask, 0).answer.status == 401
    assert post(path, MINIMAL[path], strict).answer.status == 200


def test_the_anthropic_version_is_required() -> None:
    ask = Ask("POST", "/v1/messages", {}, json.dumps(MINIMAL["/v1/messages"]).encode())
    assert Api(ApiSettings()).reply(ask, 0).answer.status == 400


@pytest.mark.parametrize(
    ("status", "anthropic", "openai"),
    [
        (403, "permission_error", "insufficient_permissions"),
        (413, "request_too_large", "invalid_request_error"),
        (429, "rate_limit_error", "requests"),
        (500, "api_error", "server_error"),
        (529, "overloaded_error", "server_error"),
    ],
)
def test_a_scripted_status_is_an_error_in_the_dialects_shape(status: int, anthropic: str, openai: str) -> None:
    for path, kind in (("/v1/messages", anthropic), ("/v1/chat/completions", openai)):
        reply = post(path, MINIMAL[path] | {"stream": True}, x_mock=f"status={status}, retry-after=2")
        assert reply.answer.status == status
        assert payload(reply)["error"]["type"] == kind
        assert ("retry-after", "2") in reply.headers
        assert not reply.answer.streamed


def test_a_marker_counts_in_the_last_user_message_only() -> None:
    script = {"role": "user", "content": "[[mock status=529]]"}
    assert post("/v1/messages", MINIMAL["/v1/messages"] | {"messages": [script]}).answer.status == 529
    earlier = [script, {"role": "assistant", "content": "Well"}, *HELLO]
    assert post("/v1/messages", MINIMAL["/v1/messages"] | {"messages": earlier}).answer.status == 200
    assert post("/v1/responses", {"model": "m", "input": "[[mock status=429]]"}).answer.status == 429
    assert post("/v1/chat/completions", {"model": "m", "messages": [script]}).answer.status == 529


def test_an_unknown_directive_is_refused() -> None:
    reply = post("/v1/messages", MINIMAL["/v1/messages"], x_mock="stauts=529")
    assert reply.answer.status == 400
    assert "stauts" in payload(reply)["error"]["message"]


@pytest.mark.parametrize("path", STREAMED)
def test_an_error_event_ends_a_stream_that_began_well(path: str) -> None:
    events = list(post(path, MINIMAL[path] | {"stream": True}, x_mock="error=after 2 events").answer.events)
    assert len(events) == 3
    assert b"error" in events[-1].data


@pytest.mark.parametrize("path", STREAMED)
def test_garbage_is_not_what_the_content_type_says(path: str) -> None:
    with pytest.raises(ValueError, match="utf-8|Expecting"):
        payload(post(path, MINIMAL[path], x_mock="garbage"))
    with pytest.raises(UnicodeDecodeError):
        data_of(post(path, MINIMAL[path] | {"stream": True}, x_mock="garbage"))


def test_the_list_of_models_has_the_shape_of_the_api_that_is_asked() -> None:
    api = Api(ApiSettings(models=("m-1", "m-2")))
    openai = payload(api.reply(Ask("GET", "/v1/models", OPENAI, b""), 0))
    anthropic = payload(api.reply(Ask("GET", "/v1/models", ANTHROPIC, b""), 0))
    assert openai["object"] == "list"
    assert anthropic["has_more"] is False
    assert [model["id"] for model in openai["data"]] == [model["id"] for model in anthropic["data"]] == ["m-1", "m-2"]
    assert payload(api.reply(Ask("GET", "/v1/models/m-2", OPENAI, b""), 0))["id"] == "m-2"
    assert api.reply(Ask("GET", "/v1/models/unknown-2", OPENAI, b""), 0).answer.status == 404


def test_other_paths_and_methods_are_refused_and_counted_together() -> None:
    api = Api(ApiSettings())
    reply = api.reply(Ask("GET", "/favicon.ico", {}, b""), 0)
    assert (reply.answer.status, reply.route) == (404, "other")
    assert api.reply(Ask("GET", "/v1/messages", ANTHROPIC, b""), 0).answer.status == 405


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("path", MINIMAL)
def test_a_body_that_is_no_json_object_is_refused(path: str, body: bytes) -> None:
    assert post(path, body).answer.status == 400


words = st.sampled_from(["", "user", "text", "function", "tool_result", "m"])
names = st.sampled_from(["role", "content", "type", "text", "name", "function", "input_schema", "effort"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    ["model", "messages", "max_tokens", "input", "prompt", "tools", "tool_choice", "system", "thinking", "n", "stream"]
    + ["reasoning", "reasoning_effort"]
)


@given(st.sampled_from(sorted(ENDPOINTS)), st.dictionaries(fields, values))
@example("/v1/messages", {"messages": [{"role": []}]})
@example("/v1/chat/completions", {"reasoning_effort": []})
@example("/v1/responses", {"reasoning": {"effort": {}}})
def test_any_json_object_gets_an_answer(path: str, odd: dict[str, Any]) -> None:
    for body in (odd, MINIMAL[path] | odd):
        reply = post(path, body)
        assert reply.answer.status in {200, 400}
        assert written(reply)

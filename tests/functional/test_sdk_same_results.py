"""The official SDKs get the same results through the proxy as from the model API itself."""

from __future__ import annotations

import uuid
from typing import Any

import anthropic
import openai
import pytest

from tests.functional.conftest import Running
from tests.functional.sdk_ways import ALL_WAYS, HELLO, Way, comparable

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LONG = "The same long preamble of many a request. " * 200

MESSAGES: dict[str, dict[str, Any]] = {
    "text": {},
    "own-end": {"max_tokens": 5000},
    "tool-use": {
        "max_tokens": 500,
        "messages": WEATHER,
        "tools": [{"name": "get_weather", "description": "The weather of a city", "input_schema": CITY}],
    },
    "tool-result": {
        "messages": [
            *WEATHER,
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain"}]},
        ],
        "tools": [{"name": "get_weather", "input_schema": CITY}],
    },
    "thinking": {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    "cached": {"system": [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]},
    "image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    {"type": "text", "text": "What is this? Grüße, 世界"},
                ],
            }
        ],
        "metadata": {"user_id": "user-7"},
    },
    "compressed": {"extra_headers": {"x-mock": "gzip"}},
    "without-usage": {"extra_headers": {"x-mock": "usage=none"}},
}
CHAT: dict[str, dict[str, Any]] = {
    "text": {},
    "own-end": {"max_completion_tokens": 5000, "n": 2},
    "tool-use": {
        "max_completion_tokens": 500,
        "messages": WEATHER,
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}],
    },
    "tool-result": {
        "messages": [
            *WEATHER,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
        ]
    },
    "reasoning": {"reasoning_effort": "high"},
    "cached": {"messages": [{"role": "system", "content": LONG}, *HELLO]},
}
RESPONSES: dict[str, dict[str, Any]] = {
    "text": {},
    "own-end": {"max_output_tokens": 5000},
    "tool-use": {
        "max_output_tokens": 500,
        "input": WEATHER,
        "tools": [{"type": "function", "name": "get_weather", "parameters": CITY, "strict": False}],
    },
    "tool-result": {
        "input": [
            *WEATHER,
            {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city":"Paris"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "Rain"},
        ]
    },
    "reasoning": {"reasoning": {"effort": "high"}},
    "compressed": {"extra_headers": {"x-mock": "gzip"}},
}
COMPLETIONS: dict[str, dict[str, Any]] = {
    "text": {},
    "batch": {"prompt": ["Once", "Twice"], "n": 2},
    "token-numbers": {"prompt": [1, 2, 3]},
}
EMBEDDINGS: dict[str, dict[str, Any]] = {
    "packed": {},
    "numbers": {"encoding_format": "float", "dimensions": 1536},
}
ASKS = {
    "messages": MESSAGES,
    "chat": CHAT,
    "responses": RESPONSES,
    "completions": COMPLETIONS,
    "embeddings": EMBEDDINGS,
}
CASES = [pytest.param(way, ask, id=f"{way}-{ask}") for way in ALL_WAYS for ask in ASKS[way.endpoint]]
USAGE_IS_OPTIONAL = [way for way in ALL_WAYS if way.endpoint in ("chat", "completions") and way.streamed]
USAGE_ASKED: dict[str, Any] = {"stream_options": {"include_usage": True}}


def new_key() -> str:
    """Each side of a comparison has a prompt cache of its own, since the mock keeps one a key."""
    return f"sk-{uuid.uuid4().hex}"


@pytest.mark.parametrize(("way", "ask"), CASES)
async def test_an_answer_is_the_same_with_the_proxy_as_without(
    way: Way, ask: str, mock_api: Running, sdk_proxy: Running
) -> None:
    fields = ASKS[way.endpoint][ask]
    direct_key, proxied_key = new_key(), new_key()
    for _ in range(2 if ask == "cached" else 1):  # the second time from the prompt cache
        direct = await way.ask(mock_api.url, key=direct_key, **fields)
        assert await way.ask(sdk_proxy.url, key=proxied_key, **fields) == direct


@pytest.mark.parametrize("way", USAGE_IS_OPTIONAL)
async def test_a_stream_shows_its_usage_once_where_it_was_asked_for_and_else_never(
    way: Way, sdk_proxy: Running
) -> None:
    unasked = await way.ask(sdk_proxy.url)
    declined = await way.ask(sdk_proxy.url, stream_options={"include_usage": False})
    assert [chunk["usage"] for chunk in unasked] == [chunk["usage"] for chunk in declined] == [None] * len(unasked)
    assert all(chunk["choices"] for chunk in unasked)
    asked = await way.ask(sdk_proxy.url, **USAGE_ASKED)
    *rest, last = asked
    assert [chunk["usage"] for chunk in rest] == [None] * len(rest)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 60


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("way", USAGE_IS_OPTIONAL)
async def test_a_stream_with_usage_is_the_same_with_the_proxy_as_without(
    way: Way, encoding: str, mock_api: Running, sdk_proxy: Running
) -> None:
    fields: dict[str, Any] = {**USAGE_ASKED, "extra_headers": {"x-mock": encoding}}
    assert await way.ask(sdk_proxy.url, **fields) == await way.ask(mock_api.url, **fields)


async def test_a_stream_whose_usage_is_hidden_from_the_client_is_metered_all_the_same(sdk_proxy: Running) -> None:
    sample = 'stillgate_settlements_total{usage="reported"}'
    before = sdk_proxy.metric(sample)
    await Way("chat", asynchronous=True, streamed=True).ask(sdk_proxy.url)
    assert sdk_proxy.metric(sample) == before + 1


async def test_the_sdks_stream_helpers_put_the_same_answers_together(mock_api: Running, sdk_proxy: Running) -> None:
    told = []
    for url in (mock_api.url, sdk_proxy.url):
        key = new_key()
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key=key) as claude,
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key) as gpt,
        ):
            tools: dict[str, Any] = MESSAGES["tool-use"]
            async with claude.messages.stream(model="m", **tools) as messages:
                message = await messages.get_final_message()
            async with gpt.chat.completions.stream(model="m", **CHAT["tool-use"]) as chat:
                completion = await chat.get_final_completion()
            async with gpt.responses.stream(model="m", **RESPONSES["tool-use"]) as responses:
                response = await responses.get_final_response()
        assert message.stop_reason == "tool_use"
        assert completion.choices[0].finish_reason == "tool_calls"
        assert response.output[-1].type == "function_call"
        told.append(comparable([message, completion, response]))
    assert told[0] == told[1]


async def test_what_has_no_dialect_of_its_own_passes_too(mock_api: Running, sdk_proxy: Running) -> None:
    told = []
    for url in (mock_api.url, sdk_proxy.url):
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key="sk") as claude,
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk") as gpt,
        ):
            count = await claude.messages.count_tokens(model="m", messages=[{"role": "user", "content": "Hello"}])
            claude_models = [model.id async for model in claude.models.list()]
            gpt_models = [model.id async for model in gpt.models.list()]
        told.append((count.input_tokens, claude_models, gpt_models, comparable(await _retrieved(url))))
    assert told[0] == told[1]


async def _retrieved(url: str) -> object:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk") as client:
        return await client.models.retrieve("m-small")

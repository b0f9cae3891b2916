"""The official Anthropic SDK against the mock over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from proxy.simulate.mock_upstream import MockSettings, MockUpstream, start

HELLO: list[MessageParam] = [{"role": "user", "content": "Hello"}]
WEATHER: list[ToolParam] = [
    {
        "name": "get_weather",
        "description": "The weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    server = await start(settings=MockSettings(pace_seconds=0))
    yield server
    await server.close()


@pytest.fixture
async def client(mock: MockUpstream) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=mock.url, api_key="sk", max_retries=0) as client:
        yield client


@contextmanager
def sync_client(mock: MockUpstream) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=mock.url, api_key="sk", max_retries=0) as client:
        yield client


async def test_a_message_has_text_and_usage(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(model="m-large", max_tokens=50, messages=HELLO)
    assert message.content[0].type == "text"
    assert len(message.content[0].text) == 4 * message.usage.output_tokens
    assert message.usage.input_tokens == 2
    assert message.stop_reason in {"end_turn", "max_tokens"}


async def test_a_stream_gives_the_message_that_a_plain_answer_gives(client: anthropic.AsyncAnthropic) -> None:
    plain = await client.messages.create(model="m-large", max_tokens=50, messages=HELLO)
    async with client.messages.stream(model="m-large", max_tokens=50, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        streamed = await stream.get_final_message()
    assert plain.content[0].type == "text"
    assert text == plain.content[0].text
    assert len(streamed.content) == len(plain.content)
    assert streamed.usage == plain.usage
    assert streamed.stop_reason == plain.stop_reason


async def test_the_events_of_a_raw_stream_come_in_the_real_order(client: anthropic.AsyncAnthropic) -> None:
    stream = await client.messages.create(model="m-large", max_tokens=8, messages=HELLO, stream=True)
    kinds = [event.type async for event in stream]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_a_tool_is_used_and_its_result_answered(client: anthropic.AsyncAnthropic) -> None:
    asked: list[MessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = await client.messages.create(model="m-large", max_tokens=500, messages=asked, tools=WEATHER)
    assert first.stop_reason == "tool_use"
    used = first.content[-1]
    assert used.type == "tool_use"
    assert list(used.input) == ["city"]
    result: list[MessageParam] = [
        *asked,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": used.id, "content": "Rain"}]},
    ]
    second = await client.messages.create(model="m-large", max_tokens=500, messages=result, tools=WEATHER)
    assert second.stop_reason == "end_turn"


async def test_a_streamed_tool_use_is_put_together_by_the_sdk(client: anthropic.AsyncAnthropic) -> None:
    choice: anthropic.types.ToolChoiceToolParam = {"type": "tool", "name": "get_weather"}
    plain = await client.messages.create(
        model="m-large", max_tokens=500, messages=HELLO, tools=WEATHER, tool_choice=choice
    )
    async with client.messages.stream(
        model="m-large", max_tokens=500, messages=HELLO, tools=WEATHER, tool_choice=choice
    ) as stream:
        streamed = await stream.get_final_message()
    one, other = plain.content[-1], streamed.content[-1]
    assert one.type == other.type == "tool_use"
    assert one.input == other.input
    assert plain.usage == streamed.usage


async def test_thinking_comes_signed_and_before_the_text(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(
        model="m-large",
        max_tokens=2000,
        messages=HELLO,
        thinking={"type": "enabled", "budget_tokens": 1024},
        extra_headers={"x-mock": "tokens=300"},
    ) as stream:
        message = await stream.get_final_message()
    thinking, text = message.content
    assert thinking.type == "thinking"
    assert text.type == "text"
    assert thinking.signature
    assert len(thinking.thinking + text.text) == 4 * message.usage.output_tokens == 1200


async def test_a_cached_prompt_is_read_on_its_second_use(client: anthropic.AsyncAnthropic) -> None:
    system: list[anthropic.types.TextBlockParam] = [
        {"type": "text", "text": "s" * 400, "cache_control": {"type": "ephemeral"}}
    ]
    usages = [
        (await client.messages.create(model="m-large", max_tokens=5, messages=HELLO, system=system)).usage
        for _ in range(2)
    ]
    assert [usage.cache_creation_input_tokens for usage in usages] == [100, 0]
    assert [usage.cache_read_input_tokens for usage in usages] == [0, 100]


async def test_models_are_listed_and_tokens_counted(client: anthropic.AsyncAnthropic) -> None:
    models = [model.id async for model in client.models.list()]
    assert "m-large" in models
    assert (await client.models.retrieve("m-small")).id == "m-small"
    assert (await client.messages.count_tokens(model="m-large", messages=HELLO)).input_tokens == 2


async def test_the_sync_client_works_plain_and_streamed(mock: MockUpstream) -> None:
    def talk() -> tuple[anthropic.types.Message, anthropic.types.Message]:
        with sync_client(mock) as client:
            plain = client.messages.create(model="m-large", max_tokens=50, messages=HELLO)
            with client.messages.stream(model="m-large", max_tokens=50, messages=HELLO) as stream:
                return plain, stream.get_final_message()

    plain, streamed = await asyncio.to_thread(talk)
    assert plain.content[0].type == streamed.content[0].type == "text"
    assert plain.content[0].text == streamed.content[0].text


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
async def test_a_scripted_status_raises_the_sdks_error(
    client: anthropic.AsyncAnthropic, status: int, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await client.messages.create(
            model="m-large", max_tokens=5, messages=HELLO, extra_headers={"x-mock": f"status={status}"}
        )
    assert caught.value.status_code == status
    assert caught.value.request_id


async def test_an_error_within_a_stream_is_raised_by_the_sdk(client: anthropic.AsyncAnthropic) -> None:
    headers = {"x-mock": "error=after 4 events"}
    stream = await client.messages.create(
        model="m-large", max_tokens=50, messages=HELLO, stream=True, extra_headers=headers
    )
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        [event async for event in stream]


async def test_the_sdks_own_retries_succeed_after_the_scripted_tries(mock: MockUpstream) -> None:
    async with anthropic.AsyncAnthropic(base_url=mock.url, api_key="sk", max_retries=2) as client:
        message = await client.messages.create(
            model="m-large",
            max_tokens=5,
            messages=HELLO,
            extra_headers={"x-mock": "status=429, retry-after=0.01, times=2"},
        )
    assert message.usage.output_tokens == 5
    assert mock.stats.statuses == {429: 2, 200: 1}

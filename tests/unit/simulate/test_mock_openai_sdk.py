"""The official OpenAI SDK against the mock over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import openai
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.responses import FunctionToolParam

from proxy.simulate.mock_upstream import MockSettings, MockUpstream, start

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]
WEATHER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER: list[ChatCompletionToolParam] = [
    {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER_SCHEMA}}
]
WEATHER_FUNCTION: list[FunctionToolParam] = [
    {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": False}
]


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    server = await start(settings=MockSettings(pace_seconds=0))
    yield server
    await server.close()


@pytest.fixture
async def client(mock: MockUpstream) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{mock.url}/v1", api_key="sk", max_retries=0) as client:
        yield client


async def test_a_chat_completion_has_text_and_usage(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="m-large", messages=HELLO, max_completion_tokens=50)
    assert answer.usage is not None
    assert len(answer.choices[0].message.content or "") == 4 * answer.usage.completion_tokens
    assert answer.usage.prompt_tokens == 2
    assert answer.usage.total_tokens == 2 + answer.usage.completion_tokens


async def test_a_chat_stream_gives_what_a_plain_answer_gives(client: openai.AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(model="m-large", messages=HELLO, n=2)
    async with client.chat.completions.stream(
        model="m-large", messages=HELLO, n=2, stream_options={"include_usage": True}
    ) as stream:
        streamed = await stream.get_final_completion()
    assert [choice.message.content for choice in streamed.choices] == [
        choice.message.content for choice in plain.choices
    ]
    assert [choice.finish_reason for choice in streamed.choices] == [choice.finish_reason for choice in plain.choices]
    assert streamed.usage == plain.usage
    assert plain.choices[0].message.content != plain.choices[1].message.content


async def test_a_raw_chat_stream_has_no_usage_unless_it_is_asked_for(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="m-large", messages=HELLO, stream=True)
    assert all(chunk.choices and chunk.usage is None for chunk in [chunk async for chunk in stream])


async def test_max_tokens_ends_a_chat_by_length(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="m-large", messages=HELLO, max_tokens=3)
    assert answer.choices[0].finish_reason == "length"


async def test_reasoning_is_counted_but_not_shown(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="m-large", messages=HELLO, reasoning_effort="high", extra_headers={"x-mock": "tokens=300"}
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens == 300
    assert answer.usage.completion_tokens_details.reasoning_tokens == 100
    assert len(answer.choices[0].message.content or "") == 800


async def test_a_chat_tool_is_called_plain_and_streamed(client: openai.AsyncOpenAI) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
    plain = await client.chat.completions.create(model="m-large", messages=asked, tools=WEATHER)
    async with client.chat.completions.stream(model="m-large", messages=asked, tools=WEATHER) as stream:
        streamed = await stream.get_final_completion()
    assert plain.choices[0].finish_reason == streamed.choices[0].finish_reason == "tool_calls"
    (called,) = plain.choices[0].message.tool_calls or []
    (streamed_call,) = streamed.choices[0].message.tool_calls or []
    assert called.type == "function"
    assert streamed_call.function.arguments == called.function.arguments
    assert list(json.loads(called.function.arguments)) == ["city"]
    result: list[ChatCompletionMessageParam] = [
        *asked,
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": called.id,
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": called.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": called.id, "content": "Rain"},
    ]
    answered = await client.chat.completions.create(model="m-large", messages=result, tools=WEATHER)
    assert answered.choices[0].finish_reason == "stop"


async def test_a_response_streams_what_a_plain_answer_gives(client: openai.AsyncOpenAI) -> None:
    plain = await client.responses.create(model="m-large", input="Hello")
    async with client.responses.stream(model="m-large", input="Hello") as stream:
        kinds = [event.type async for event in stream]
        streamed = await stream.get_final_response()
    assert streamed.output_text == plain.output_text
    assert streamed.usage == plain.usage
    assert plain.usage is not None
    assert len(plain.output_text) == 4 * plain.usage.output_tokens
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-1] == "response.completed"


async def test_the_events_of_a_response_are_numbered_without_a_gap(client: openai.AsyncOpenAI) -> None:
    stream = await client.responses.create(model="m-large", input="Hello", stream=True, reasoning={"effort": "low"})
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_a_response_that_is_too_long_is_incomplete(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(model="m-large", input="Hello", max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


async def test_a_function_is_called_in_responses_plain_and_streamed(client: openai.AsyncOpenAI) -> None:
    asked = "What is the weather in Paris?"
    plain = await client.responses.create(model="m-large", input=asked, tools=WEATHER_FUNCTION)
    async with client.responses.stream(model="m-large", input=asked, tools=WEATHER_FUNCTION) as stream:
        streamed = await stream.get_final_response()
    called, streamed_call = plain.output[-1], streamed.output[-1]
    assert called.type == "function_call"
    assert streamed_call.type == "function_call"
    assert streamed_call.arguments == called.arguments
    answered = await client.responses.create(
        model="m-large",
        tools=WEATHER_FUNCTION,
        input=[
            {"role": "user", "content": asked},
            {"type": "function_call", "call_id": called.call_id, "name": called.name, "arguments": called.arguments},
            {"type": "function_call_output", "call_id": called.call_id, "output": "Rain"},
        ],
    )
    assert answered.output_text


async def test_a_legacy_completion_streams_what_a_plain_answer_gives(client: openai.AsyncOpenAI) -> None:
    plain = await client.completions.create(model="m-large", prompt=["Once", "Twice"], max_tokens=20)
    stream = await client.completions.create(
        model="m-large",
        prompt=["Once", "Twice"],
        max_tokens=20,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks: list[Completion] = [chunk async for chunk in stream]
    for index, choice in enumerate(plain.choices):
        texts = [part.text for chunk in chunks for part in chunk.choices if part.index == index]
        assert "".join(texts) == choice.text
    assert chunks[-1].usage == plain.usage
    assert plain.usage is not None
    assert plain.usage.prompt_tokens == -(-len("OnceTwice") // 4)


async def test_embeddings_are_unit_vectors_the_same_for_the_same_text(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="m-embed", input=["one", "two", "one"])
    one, two, again = (item.embedding for item in answer.data)
    assert one == again != two
    assert len(one) == 1536
    assert sum(value * value for value in one) == pytest.approx(1, abs=1e-4)
    floats = await client.embeddings.create(model="m-embed", input="one", encoding_format="float", dimensions=8)
    assert len(floats.data[0].embedding) == 8
    assert floats.usage.prompt_tokens == 1


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert "m-large" in [model.id async for model in client.models.list()]
    assert (await client.models.retrieve("m-small")).id == "m-small"


async def test_the_sync_client_works_plain_and_streamed(mock: MockUpstream) -> None:
    def talk() -> tuple[str | None, str, str]:
        with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk", max_retries=0) as client:
            plain = client.chat.completions.create(model="m-large", messages=HELLO)
            stream = client.chat.completions.create(model="m-large", messages=HELLO, stream=True)
            streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            response = client.responses.create(model="m", input="Hi")
            return plain.choices[0].message.content, streamed, response.output_text

    plain, streamed, response = await asyncio.to_thread(talk)
    assert plain == streamed
    assert response


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_a_scripted_status_raises_the_sdks_error(
    client: openai.AsyncOpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await client.chat.completions.create(
            model="m-large", messages=HELLO, extra_headers={"x-mock": f"status={status}"}
        )
    assert caught.value.status_code == status
    assert caught.value.request_id


async def test_an_error_within_a_stream_reaches_the_sdk(client: openai.AsyncOpenAI) -> None:
    headers = {"x-mock": "error=after 2 events"}
    chat = await client.chat.completions.create(model="m", messages=HELLO, stream=True, extra_headers=headers)
    with pytest.raises(openai.APIError, match="overloaded"):
        [chunk async for chunk in chat]
    response = await client.responses.create(model="m", input="Hello", stream=True, extra_headers=headers)
    last = [event async for event in response][-1]
    assert last.type == "error"
    assert (last.message, last.sequence_number) == ("Overloaded", 2)

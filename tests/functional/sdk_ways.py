"""The ways in which the official SDKs ask: each endpoint with the sync and the async client, plain and streamed.

What a way gives can be compared: SDK objects as plain values, without what each answer has of its own (ids, times).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import anthropic
import openai
from pydantic import BaseModel

HELLO = [{"role": "user", "content": "Hello, how are you?"}]
FIELDS: dict[str, dict[str, Any]] = {
    "messages": {"model": "m-large", "max_tokens": 60, "messages": HELLO},
    "chat": {"model": "m-large", "max_completion_tokens": 60, "messages": HELLO},
    "responses": {"model": "m-large", "max_output_tokens": 60, "input": "Hello, how are you?"},
    "completions": {"model": "m-large", "max_tokens": 60, "prompt": "Once upon a time"},
    "embeddings": {"model": "m-embed", "input": ["Hello", "how are you?"], "dimensions": 8},
}
"""What an endpoint is asked unless a test says otherwise."""
DIALECTS = {
    "messages": "anthropic_messages",
    "chat": "openai_chat",
    "responses": "openai_responses",
    "completions": "openai_completions",
    "embeddings": "openai_embeddings",
}
_TLS = ssl.create_default_context()
"""Shared, because making one takes longer than most tests."""
_OF_ITS_OWN = frozenset({"id", "created", "created_at", "call_id", "item_id", "signature", "request_id"})


@dataclass(frozen=True, slots=True)
class Head:
    headers: Mapping[str, str]
    retries_taken: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking one endpoint."""

    endpoint: str
    asynchronous: bool
    streamed: bool

    def __str__(self) -> str:
        return f"{self.endpoint}-{'async' if self.asynchronous else 'sync'}-{'stream' if self.streamed else 'plain'}"

    @property
    def sdk(self) -> ModuleType:
        return anthropic if self.endpoint == "messages" else openai

    @property
    def dialect(self) -> str:
        """As the proxy's metrics call it."""
        return DIALECTS[self.endpoint]

    async def ask(self, url: str, *, key: str = "sk-test", retries: int = 0, **fields: Any) -> Any:
        """The answer, or the list of a stream's events; raises what the SDK raises. `fields` go over `FIELDS`."""
        options = self._options(url, key, retries)
        asked = self._asked(fields)
        if self.asynchronous:
            return await self._ask_async(options, asked)
        return await asyncio.to_thread(self._ask_sync, options, asked)

    async def head(self, url: str, *, key: str = "sk-test", retries: int = 0, **fields: Any) -> Head:
        """What the SDK shows of an answer that is not an error, beside its body."""
        options = self._options(url, key, retries)
        asked = self._asked(fields)
        if self.asynchronous:
            async with self._async_client(options) as client:
                return _head(await self._resource(client).with_raw_response.create(**asked))
        return await asyncio.to_thread(self._head_sync, options, asked)

    async def fault(self, url: str, **fields: Any) -> Any:
        """The exception that the SDK raises; a failure where it raises none."""
        try:
            answer = await self.ask(url, **fields)
        except (anthropic.APIError, openai.APIError) as fault:
            return fault
        raise AssertionError(f"the SDK raised nothing, but gave {answer}")

    def _options(self, url: str, key: str, retries: int) -> dict[str, Any]:
        base = url if self.endpoint == "messages" else f"{url}/v1"
        return {"base_url": base, "api_key": key, "max_retries": retries}

    def _asked(self, fields: dict[str, Any]) -> dict[str, Any]:
        asked = FIELDS[self.endpoint] | fields
        return asked | {"stream": True} if self.streamed else asked

    def _async_client(self, options: dict[str, Any]) -> Any:
        http = self.sdk.DefaultAsyncHttpxClient(verify=_TLS)
        if self.endpoint == "messages":
            return anthropic.AsyncAnthropic(**options, http_client=http)
        return openai.AsyncOpenAI(**options, http_client=http)

    def _sync_client(self, options: dict[str, Any]) -> Any:
        http = self.sdk.DefaultHttpxClient(verify=_TLS)
        if self.endpoint == "messages":
            return anthropic.Anthropic(**options, http_client=http)
        return openai.OpenAI(**options, http_client=http)

    def _resource(self, client: Any) -> Any:
        return client.chat.completions if self.endpoint == "chat" else getattr(client, self.endpoint)

    async def _ask_async(self, options: dict[str, Any], asked: dict[str, Any]) -> Any:
        async with self._async_client(options) as client:
            answer = await self._resource(client).create(**asked)
            return comparable([event async for event in answer] if self.streamed else answer)

    def _ask_sync(self, options: dict[str, Any], asked: dict[str, Any]) -> Any:
        with self._sync_client(options) as client:
            answer = self._resource(client).create(**asked)
            return comparable(list(answer) if self.streamed else answer)

    def _head_sync(self, options: dict[str, Any], asked: dict[str, Any]) -> Head:
        with self._sync_client(options) as client:
            return _head(self._resource(client).with_raw_response.create(**asked))


def _head(raw: Any) -> Head:
    return Head(dict(raw.headers), raw.retries_taken)


ALL_WAYS = [
    Way(endpoint, asynchronous, streamed)
    for endpoint in FIELDS
    for asynchronous in (False, True)
    for streamed in (False, True)
    if not (streamed and endpoint == "embeddings")
]


def comparable(value: Any) -> Any:
    """SDK objects as plain values, without what no two answers have in common."""
    if isinstance(value, BaseModel):
        return comparable(value.model_dump(warnings=False))
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {name: "…" if name in _OF_ITS_OWN and item else comparable(item) for name, item in value.items()}
    return value

"""Owns the words between the mock's wire formats and its server: request, answer, error, event on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.simulate.mock.directives import Directives
from proxy.simulate.mock.prompt import PrefixCache

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What the answer depends on beside the request's body."""

    directives: Directives
    cache: PrefixCache
    unique: str
    """24 hexadecimal digits, different in each exchange: what the answer's ids are made of."""
    created: int
    """Seconds since the epoch."""
    scope: str
    """The credentials: prompts are cached for each apart."""
    tokens_per_event: int


@dataclass(frozen=True, slots=True)
class Event:
    """Bytes that are written at once, and the output tokens that they carry."""

    data: bytes
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is written; a plain answer is one event."""

    status: int
    events: Iterable[Event]
    streamed: bool = False
    input_tokens: int = 0
    retry_after: str | None = None
    listed: bool = False
    """What is streamed is one JSON list, not SSE."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    dialect: str
    answer: Callable[[Json, Context], Answer]
    prompt: Callable[[Json], str]
    """The text that a marker may stand in."""


class ApiError(Exception):
    """A request that the API would refuse: the status and what its dialects say of it."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


def plain(value: object, tokens: int = 0, input_tokens: int = 0) -> Answer:
    """A JSON answer of status 200."""
    return Answer(200, [Event(encode(value), tokens)], input_tokens=input_tokens)


def encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def named_event(name: str, value: object, tokens: int = 0) -> Event:
    """An SSE event with a name, as Anthropic and the Responses API write it."""
    return Event(b"event: " + name.encode() + b"\ndata: " + encode(value) + b"\n\n", tokens)


def data_event(value: object, tokens: int = 0) -> Event:
    """An SSE event without a name, as Chat Completions writes it."""
    return Event(b"data: " + encode(value) + b"\n\n", tokens)


DONE = Event(b"data: [DONE]\n\n")


def objects(value: object) -> list[Json]:
    """The objects of a JSON list; nothing where it is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

"""Owns what is read of a request to OpenAI's Chat Completions API. Knows nothing of its answers."""

from __future__ import annotations

import msgspec

from proxy.dialects.conversation import (
    INSTRUCTING,
    MODEL,
    TOOL,
    USER,
    Conversation,
    Schema,
    Text,
    Tool,
    Turn,
    attached,
    ends,
    form,
    joined,
    names,
    sampling,
)
from proxy.dialects.llm import LlmRequest
from proxy.dialects.openai_usage import StreamOptions
from proxy.dialects.request_body import text_bytes, times
from proxy.dialects.shape import ABSENT, Shape
from proxy.dialects.spellings import in_any_case, with_spellings

NAME = "openai_chat"


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    safety_identifier: str | None = None
    user: str | None = None


class ReasoningDetail(msgspec.Struct, gc=False):
    """A part of reasoning as gateways to several model APIs pass it on."""

    signature: str | None = None
    data: str | None = None


class _Message(msgspec.Struct, gc=False):
    role: str | None = None
    content: str | list[Text] | None = None
    reasoning_details: list[ReasoningDetail] | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    description: str | None = None
    parameters: Schema | None = None


class _Tool(msgspec.Struct, gc=False):
    function: _Function | None = None
    custom: _Function | None = None


class _Talk(_Request, gc=False):
    """The whole request."""

    messages: list[_Message] | None = None
    tools: list[_Tool] | None = None
    functions: list[_Function] | None = None
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT
    frequency_penalty: msgspec.Raw = ABSENT
    presence_penalty: msgspec.Raw = ABSENT
    logprobs: msgspec.Raw = ABSENT
    top_logprobs: msgspec.Raw = ABSENT
    reasoning_effort: msgspec.Raw = ABSENT
    reasoning: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    response_format: msgspec.Raw = ABSENT
    stop: msgspec.Raw = ABSENT


_REQUEST = Shape(in_any_case(_Request))
_TALK = Shape(in_any_case(_Talk))
_ROLES = {"assistant": MODEL, "tool": TOOL, "function": TOOL}


def read_request(path: str, body: bytes) -> LlmRequest:
    return _llm_request(path, body, _REQUEST.read(body))


def read_conversation(path: str, body: bytes) -> tuple[LlmRequest, Conversation | None]:
    request, talk = _REQUEST.read_with(_TALK, body)
    return _llm_request(path, body, request), None if talk is None else _conversation(talk)


def _bound(request: _Request) -> int | None:
    return request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens


def _llm_request(path: str, body: bytes, request: _Request) -> LlmRequest:
    options = request.stream_options
    found = LlmRequest(
        dialect=NAME,
        path=path,
        model=request.model,
        stream=request.stream is True,
        max_tokens=times(_bound(request), request.n),
        end_user=request.safety_identifier or request.user or None,
        text_bytes=text_bytes(body, audio=True),
        asks_usage=not request.stream or (options is not None and options.include_usage is True),
    )
    return with_spellings(found, request)


def _conversation(talk: _Talk) -> Conversation:
    system: list[str] = []
    turns: list[Turn] = []
    signatures: list[str] = []
    for message in ends(talk.messages):
        text = joined(message.content)
        if message.role in INSTRUCTING:
            system.append(text)
            continue
        role = _ROLES.get(message.role or "", USER)
        things = attached(message.content)
        turns.append(Turn(role, "", text, True, things) if role is TOOL else Turn(role, text, attached=things))
        if message.reasoning_details:
            signatures += [detail.signature or detail.data or "" for detail in ends(message.reasoning_details)]
    return Conversation(
        system="\n".join(system),
        turns=turns,
        tools=_tools(talk),
        signatures=[one for one in signatures if one],
        sampling=_sampling(talk),
        form=form(talk.response_format),
    )


def _tools(talk: _Talk) -> list[Tool]:
    functions = [tool.function or tool.custom or _Function() for tool in ends(talk.tools)]
    functions += ends(talk.functions)
    return [Tool(tool.name or "", tool.description or "", names(tool.parameters)) for tool in functions]


def _sampling(talk: _Talk) -> bytes:
    drawn = (talk.temperature, talk.top_p, talk.top_k, talk.frequency_penalty, talk.presence_penalty)
    shown = (talk.logprobs, talk.top_logprobs, talk.reasoning_effort, talk.reasoning, talk.thinking)
    return sampling((_bound(talk), talk.n, talk.stream, *drawn, *shown, talk.response_format, talk.stop))

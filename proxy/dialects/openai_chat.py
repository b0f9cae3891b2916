"""Owns the wire format of OpenAI's Chat Completions API: `POST /v1/chat/completions`."""

from __future__ import annotations

import msgspec

from proxy.dialects.chat_request import NAME, ReasoningDetail, read_conversation, read_request
from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import openai_error_event
from proxy.dialects.llm import Family
from proxy.dialects.meter import Tally
from proxy.dialects.openai_usage import CompletionUsage, ask_usage
from proxy.dialects.shape import ABSENT, Shape, is_present


class _Function(msgspec.Struct, gc=False):
    arguments: str | None = None
    input: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None
    custom: _Function | None = None


class _Audio(msgspec.Struct, gc=False):
    transcript: str | None = None


class _Message(msgspec.Struct, gc=False):
    """A message of a plain answer, or a delta of one."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    audio: _Audio | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    message: _Message | None = None


class _Completion(msgspec.Struct, gc=False):
    """A plain answer, or a chunk of a streamed one."""

    choices: list[_Choice] | None = None
    usage: CompletionUsage | None = None
    error: msgspec.Raw = ABSENT


_COMPLETION = Shape(_Completion)


def _read_event(data: bytes, tally: Tally) -> bool:
    if data == b"[DONE]":
        tally.finished = True
        return False
    chunk = _COMPLETION.read(data)
    _count(chunk, tally)
    return chunk.usage is not None and chunk.choices == []


def _read_answer(data: bytes, tally: Tally) -> None:
    _count(_COMPLETION.read(data), tally)


def _count(completion: _Completion, tally: Tally) -> None:
    for choice in completion.choices or ():
        message = choice.delta or choice.message
        if message is not None:
            if message.content:
                tally.generated(message.content)
            # Two names for one text, which some upstreams send under both.
            if reasoning := message.reasoning_content or message.reasoning:
                tally.generated(reasoning)
            for detail in message.reasoning_details or ():
                tally.signed(detail.signature or detail.data)
            if message.tool_calls or message.refusal or message.function_call or message.audio:
                _count_rarer(message, tally)
    if completion.usage is not None:
        tally.usage = tally.usage.updated(completion.usage.as_usage())
    if is_present(completion.error):
        tally.saw_error = True


def _count_rarer(message: _Message, tally: Tally) -> None:
    tally.generated(message.refusal)
    for call in message.tool_calls or ():
        if call.function is not None:
            tally.generated(call.function.arguments)
        if call.custom is not None:
            tally.generated(call.custom.input)
    if message.function_call is not None:
        tally.generated(message.function_call.arguments)
    if message.audio is not None:
        tally.generated(message.audio.transcript)


OPENAI_CHAT = Dialect(
    name=NAME,
    family=Family.OPENAI,
    read_request=read_request,
    read_conversation=read_conversation,
    ask_usage=ask_usage,
    read_event=_read_event,
    read_answer=_read_answer,
    error_event=openai_error_event,
)

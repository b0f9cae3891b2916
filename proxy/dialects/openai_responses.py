"""Owns the wire format of OpenAI's Responses API: `POST /v1/responses`."""

from __future__ import annotations

import msgspec

from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import openai_responses_error_event
from proxy.dialects.llm import Family, Usage
from proxy.dialects.meter import Tally
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.request_body import as_it_is
from proxy.dialects.responses_request import NAME, read_conversation, read_request
from proxy.dialects.shape import ABSENT, Shape, is_present

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_DONE = "response.output_item.done"
_BINARY_DELTA = "response.audio.delta"


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, gc=False):
    """An item of an answer's output: a message, reasoning or a tool call."""

    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    arguments: str | None = None
    input: str | None = None
    code: str | None = None
    encrypted_content: str | None = None


class _Response(msgspec.Struct, gc=False):
    output: list[_Item] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = ABSENT


class _LastResponse(msgspec.Struct, gc=False):
    """The response within a stream's last event; its output has been streamed already."""

    usage: _Usage | None = None


class _DoneItem(msgspec.Struct, gc=False):
    """An item of a stream that is whole."""

    encrypted_content: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: str | None = None
    item: _DoneItem | None = None
    response: _LastResponse | None = None


_EVENT = Shape(_Event)
_RESPONSE = Shape(_Response)


def _read_event(data: bytes, tally: Tally) -> bool:
    event = _EVENT.read(data)
    if event.delta is not None:
        if event.type != _BINARY_DELTA:
            tally.generated(event.delta)
        return False
    if event.item is not None and event.type == _DONE:
        tally.signed(event.item.encrypted_content)
    if event.type in _ENDS:
        tally.finished = True
        if event.response is not None and event.response.usage is not None:
            tally.usage = _usage(event.response.usage)
    if event.type in ("error", "response.failed"):
        tally.saw_error = True
    return False


def _read_answer(data: bytes, tally: Tally) -> None:
    response = _RESPONSE.read(data)
    for item in response.output or ():
        tally.generated(item.arguments or item.input or item.code)
        tally.signed(item.encrypted_content)
        for part in (*(item.content or ()), *(item.summary or ())):
            tally.generated(part.text or part.refusal)
    if response.usage is not None:
        tally.usage = _usage(response.usage)
    if is_present(response.error):
        tally.saw_error = True


def _usage(usage: _Usage) -> Usage:
    given, generated = usage.input_tokens_details, usage.output_tokens_details
    return usage_of(
        usage.input_tokens,
        usage.output_tokens,
        cached=None if given is None else given.cached_tokens,
        reasoning=None if generated is None else generated.reasoning_tokens,
    )


OPENAI_RESPONSES = Dialect(
    name=NAME,
    family=Family.OPENAI,
    read_request=read_request,
    read_conversation=read_conversation,
    ask_usage=as_it_is,
    read_event=_read_event,
    read_answer=_read_answer,
    error_event=openai_responses_error_event,
)

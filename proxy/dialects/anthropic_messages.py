"""Owns the wire format of the Anthropic Messages API: `POST /v1/messages`."""

from __future__ import annotations

import msgspec

from proxy.dialects.anthropic_request import NAME, read_conversation, read_request
from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import anthropic_error_event
from proxy.dialects.llm import Family, Usage
from proxy.dialects.meter import Tally
from proxy.dialects.request_body import as_it_is, reported
from proxy.dialects.shape import ABSENT, Shape


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Block(msgspec.Struct, gc=False):
    """A content block of an answer, or a delta of one."""

    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    input: msgspec.Raw = ABSENT
    signature: str | None = None
    data: str | None = None


class _Message(msgspec.Struct, gc=False):
    usage: _Usage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: _Block | None = None
    content_block: _Block | None = None
    usage: _Usage | None = None
    message: _Message | None = None


class _Answer(msgspec.Struct, gc=False):
    type: str | None = None
    content: list[_Block] | None = None
    usage: _Usage | None = None


_EVENT = Shape(_Event)
_ANSWER = Shape(_Answer)


def _read_event(data: bytes, tally: Tally) -> bool:
    event = _EVENT.read(data)
    if event.delta is not None:
        tally.generated(event.delta.text or event.delta.thinking or event.delta.partial_json)
        if event.delta.signature:
            tally.signs(event.delta.signature)
    if event.usage is not None:
        tally.usage = tally.usage.updated(_usage(event.usage))
    if event.type == "message_start" and event.message is not None and event.message.usage is not None:
        # Its output_tokens counts what was generated before the stream began, not what the answer will have used.
        event.message.usage.output_tokens = None
        tally.usage = tally.usage.updated(_usage(event.message.usage))
    elif event.type == "content_block_start" and event.content_block is not None:
        tally.signs(event.content_block.signature or event.content_block.data)
    elif event.type == "content_block_stop":
        tally.signed()
    elif event.type == "message_stop":
        tally.finished = True
    elif event.type == "error":
        tally.saw_error = True
    return False


def _read_answer(data: bytes, tally: Tally) -> None:
    answer = _ANSWER.read(data)
    for block in answer.content or ():
        tally.generated(block.text or block.thinking or bytes(block.input).decode("utf-8", "replace"))
        tally.signed(block.signature or block.data)
    if answer.usage is not None:
        tally.usage = _usage(answer.usage)
    tally.saw_error = answer.type == "error"


def _usage(usage: _Usage) -> Usage:
    details = usage.output_tokens_details
    return Usage(
        input_tokens=reported(usage.input_tokens),
        output_tokens=reported(usage.output_tokens),
        cache_read_input_tokens=reported(usage.cache_read_input_tokens),
        cache_creation_input_tokens=reported(usage.cache_creation_input_tokens),
        reasoning_tokens=None if details is None else reported(details.thinking_tokens),
    )


ANTHROPIC_MESSAGES = Dialect(
    name=NAME,
    family=Family.ANTHROPIC,
    read_request=read_request,
    read_conversation=read_conversation,
    ask_usage=as_it_is,
    read_event=_read_event,
    read_answer=_read_answer,
    error_event=anthropic_error_event,
)

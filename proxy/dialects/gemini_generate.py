"""Owns the wire format of Google's Gemini API: `POST …/models/{model}:generateContent` and `:streamGenerateContent`.

A streamed answer is a list of plain ones, as SSE where it is asked for (`?alt=sse`), else as JSON. Each tells the usage
up to there, and none is marked as the last but by the reason for which the model ended.
"""

from __future__ import annotations

import msgspec

from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import google_error_event
from proxy.dialects.gemini_request import NAME, read_conversation, read_request, signature_of
from proxy.dialects.llm import Family, Usage
from proxy.dialects.meter import Tally, each_whole
from proxy.dialects.request_body import as_it_is, reported
from proxy.dialects.shape import ABSENT, Shape, is_present


class _Call(msgspec.Struct, gc=False, rename="camel"):
    args: msgspec.Raw = ABSENT
    partial_args: msgspec.Raw = ABSENT


class _Code(msgspec.Struct, gc=False):
    code: str | None = None


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    function_call: _Call | None = None
    executable_code: _Code | None = None
    thought_signature: str | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class UsageMetadata(msgspec.Struct, gc=False, rename="camel"):
    """What a count of zero is told of is left out."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None

    def as_usage(self) -> Usage:
        prompt, cached = reported(self.prompt_token_count), reported(self.cached_content_token_count)
        used_by_tools = reported(self.tool_use_prompt_token_count) or 0
        return Usage(
            input_tokens=None if prompt is None else max(0, prompt - (cached or 0)) + used_by_tools,
            output_tokens=self._output_tokens(prompt, used_by_tools),
            cache_read_input_tokens=cached,
            reasoning_tokens=reported(self.thoughts_token_count),
        )

    def _output_tokens(self, prompt: int | None, used_by_tools: int) -> int | None:
        """Thoughts are no part of the candidates' count."""
        said, thought = reported(self.candidates_token_count), reported(self.thoughts_token_count)
        if said is not None or thought is not None:
            return (said or 0) + (thought or 0)
        total = reported(self.total_token_count)
        return None if total is None or prompt is None else max(0, total - prompt - used_by_tools)


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    """A plain answer, or a piece of a streamed one."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: UsageMetadata | None = None
    error: msgspec.Raw = ABSENT


_ANSWER = Shape(_Answer)


def _read_answer(data: bytes, tally: Tally) -> None:
    answer = _ANSWER.read(data)
    is_over = answer.prompt_feedback is not None and bool(answer.prompt_feedback.block_reason)
    for candidate in answer.candidates or ():
        is_over = is_over or bool(candidate.finish_reason)
        for part in (candidate.content and candidate.content.parts) or ():
            _count(part, tally)
    if answer.usage_metadata is not None:
        tally.usage = tally.usage.updated(answer.usage_metadata.as_usage())
    if is_present(answer.error):
        tally.saw_error = True
    tally.is_over = tally.is_over or is_over


def _count(part: _Part, tally: Tally) -> None:
    tally.generated(part.text)
    if part.function_call is not None:
        called = bytes(part.function_call.args) or bytes(part.function_call.partial_args)
        tally.generated(called.decode("utf-8", "replace"))
    if part.executable_code is not None:
        tally.generated(part.executable_code.code)
    tally.signed(signature_of(part.thought_signature))


GEMINI_GENERATE = Dialect(
    name=NAME,
    family=Family.GOOGLE,
    read_request=read_request,
    read_conversation=read_conversation,
    ask_usage=as_it_is,
    read_event=each_whole(_read_answer),
    read_answer=_read_answer,
    error_event=google_error_event,
    lists_events=True,
)

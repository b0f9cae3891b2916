"""Owns the wire format of OpenAI's legacy Completions API: `POST /v1/completions`."""

from __future__ import annotations

import msgspec

from proxy.dialects.conversation import Conversation, sampling
from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import openai_error_event
from proxy.dialects.json_text import count_lists, count_strings
from proxy.dialects.llm import Family, LlmRequest
from proxy.dialects.meter import Tally
from proxy.dialects.openai_usage import CompletionUsage, StreamOptions, ask_usage
from proxy.dialects.prompts import conversation_of
from proxy.dialects.request_body import times
from proxy.dialects.shape import ABSENT, Shape, is_present
from proxy.dialects.spellings import in_any_case, with_spellings

_NAME = "openai_completions"
_LONG_BATCH = 16 * 1024
"""Bytes; in a longer batch the prompts are counted without being told apart."""


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    prompt: msgspec.Raw = ABSENT
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    safety_identifier: str | None = None
    user: str | None = None


class _Choice(msgspec.Struct, gc=False):
    text: str | None = None


class _Completion(msgspec.Struct, gc=False):
    """A plain answer, or a chunk of a streamed one."""

    choices: list[_Choice] | None = None
    usage: CompletionUsage | None = None
    error: msgspec.Raw = ABSENT


class _Talk(_Request, gc=False):
    """The whole request; its prompt is read already."""

    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    logprobs: msgspec.Raw = ABSENT
    stop: msgspec.Raw = ABSENT


_REQUEST = Shape(in_any_case(_Request))
_TALK = Shape(in_any_case(_Talk))
_COMPLETION = Shape(_Completion)
_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _read_request(path: str, body: bytes) -> LlmRequest:
    return _llm_request(path, _REQUEST.read(body), len(body))


def _read_conversation(path: str, body: bytes) -> tuple[LlmRequest, Conversation]:
    talk = _TALK.read(body)
    asked = (talk.max_tokens, talk.n, talk.best_of, talk.stream, talk.temperature, talk.top_p, talk.logprobs, talk.stop)
    return _llm_request(path, talk, len(body)), conversation_of(talk.prompt, sampling(asked))


def _llm_request(path: str, request: _Request, size: int) -> LlmRequest:
    options = request.stream_options
    found = LlmRequest(
        dialect=_NAME,
        path=path,
        model=request.model,
        stream=request.stream is True,
        max_tokens=_bound(request),
        end_user=request.safety_identifier or request.user or None,
        text_bytes=size,
        asks_usage=not request.stream or (options is not None and options.include_usage is True),
    )
    return with_spellings(found, request)


def _bound(request: _Request) -> int | None:
    choices = max(1, request.n or 1, request.best_of or 1)
    return times(times(request.max_tokens, choices), _prompts(bytes(request.prompt)))


def _prompts(prompt: bytes) -> int:
    """How many prompts there are: strings or token arrays in an array; an array of numbers is one."""
    if not prompt.startswith(b"["):
        return 1
    if len(prompt) > _LONG_BATCH:
        return count_strings(prompt) + count_lists(prompt) - 1 or 1
    return sum(bytes(element)[:1] in (b'"', b"[") for element in _batch(prompt)) or 1


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
        tally.generated(choice.text)
    if completion.usage is not None:
        tally.usage = tally.usage.updated(completion.usage.as_usage())
    if is_present(completion.error):
        tally.saw_error = True


OPENAI_COMPLETIONS = Dialect(
    name=_NAME,
    family=Family.OPENAI,
    read_request=_read_request,
    read_conversation=_read_conversation,
    ask_usage=ask_usage,
    read_event=_read_event,
    read_answer=_read_answer,
    error_event=openai_error_event,
)

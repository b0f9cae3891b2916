"""Owns the wire format of OpenAI's Embeddings API: `POST /v1/embeddings`. Its answers generate nothing."""

from __future__ import annotations

import msgspec

from proxy.dialects.conversation import Conversation, sampling
from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import openai_error_event
from proxy.dialects.llm import Family, LlmRequest
from proxy.dialects.meter import Tally, each_whole
from proxy.dialects.openai_usage import CompletionUsage
from proxy.dialects.prompts import conversation_of
from proxy.dialects.request_body import as_it_is
from proxy.dialects.shape import ABSENT, Shape, is_present
from proxy.dialects.spellings import in_any_case, with_spellings

_NAME = "openai_embeddings"


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    safety_identifier: str | None = None
    user: str | None = None


class _Talk(_Request, gc=False):
    """The whole request."""

    input: msgspec.Raw = ABSENT
    dimensions: msgspec.Raw = ABSENT


class _Answer(msgspec.Struct, gc=False):
    usage: CompletionUsage | None = None
    error: msgspec.Raw = ABSENT


_REQUEST = Shape(in_any_case(_Request))
_TALK = Shape(in_any_case(_Talk))
_ANSWER = Shape(_Answer)


def _read_request(path: str, body: bytes) -> LlmRequest:
    return _llm_request(path, _REQUEST.read(body), len(body))


def _read_conversation(path: str, body: bytes) -> tuple[LlmRequest, Conversation]:
    talk = _TALK.read(body)
    return _llm_request(path, talk, len(body)), conversation_of(talk.input, sampling((talk.dimensions,)))


def _llm_request(path: str, request: _Request, size: int) -> LlmRequest:
    found = LlmRequest(
        dialect=_NAME,
        path=path,
        model=request.model,
        max_tokens=0,
        end_user=request.safety_identifier or request.user or None,
        text_bytes=size,
    )
    return with_spellings(found, request)


def _read_answer(data: bytes, tally: Tally) -> None:
    answer = _ANSWER.read(data)
    if answer.usage is not None:
        answer.usage.completion_tokens = 0
        tally.usage = answer.usage.as_usage()
    if is_present(answer.error):
        tally.saw_error = True


OPENAI_EMBEDDINGS = Dialect(
    name=_NAME,
    family=Family.OPENAI,
    read_request=_read_request,
    read_conversation=_read_conversation,
    ask_usage=as_it_is,
    read_event=each_whole(_read_answer),
    read_answer=_read_answer,
    error_event=openai_error_event,
)

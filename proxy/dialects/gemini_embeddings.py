"""Owns the wire format of Google's embeddings: `POST …/models/{model}:embedContent` and `:batchEmbedContents`.

Their answers generate nothing.
"""

from __future__ import annotations

import msgspec

from proxy.dialects.conversation import USER, Conversation, Turn, ends, sampling
from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import google_error_event
from proxy.dialects.gemini_generate import UsageMetadata
from proxy.dialects.gemini_paths import with_models
from proxy.dialects.gemini_request import Content, spelt, text_bytes, texts_of
from proxy.dialects.llm import Family, LlmRequest
from proxy.dialects.meter import Tally, each_whole
from proxy.dialects.request_body import as_it_is
from proxy.dialects.shape import ABSENT, Shape, is_present
from proxy.dialects.spellings import in_any_case, with_spellings

_NAME = "gemini_embeddings"


class _Named(msgspec.Struct, gc=False):
    model: str | None = None


class _Request(_Named, gc=False):
    requests: list[_Named] | None = None


class _Embedded(_Named, gc=False, rename=spelt):
    """One text."""

    content: Content | None = None
    output_dimensionality: msgspec.Raw = ABSENT
    camel_output_dimensionality: msgspec.Raw = ABSENT


class _Talk(_Embedded, gc=False):
    """The whole request, of one text or of several."""

    requests: list[_Embedded] | None = None


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    usage_metadata: UsageMetadata | None = None
    error: msgspec.Raw = ABSENT


_REQUEST = Shape(in_any_case(_Request))
_TALK = Shape(in_any_case(_Talk))
_ANSWER = Shape(_Answer)


def _read_request(path: str, body: bytes) -> LlmRequest:
    return _llm_request(path, body, _REQUEST.read(body))


def _read_conversation(path: str, body: bytes) -> tuple[LlmRequest, Conversation | None]:
    request, talk = _REQUEST.read_with(_TALK, body)
    return _llm_request(path, body, request), None if talk is None else _conversation(talk)


def _llm_request(path: str, body: bytes, request: _Request) -> LlmRequest:
    found = LlmRequest(dialect=_NAME, path=path, max_tokens=0, text_bytes=text_bytes(body))
    named = (request.model, *[item.model for item in request.requests or ()])
    return with_spellings(with_models(found, named), request)


def _conversation(talk: _Talk) -> Conversation:
    """A batch of texts is one turn."""
    embedded: list[_Embedded] = [talk, *ends(talk.requests)]
    texts = [text for one in embedded for text in texts_of(one.content)]
    asked = [raw for one in embedded[:2] for raw in (one.camel_output_dimensionality, one.output_dimensionality)]
    return Conversation(turns=[Turn(USER, "\n".join(texts))] if texts else (), sampling=sampling(asked))


def _read_answer(data: bytes, tally: Tally) -> None:
    answer = _ANSWER.read(data)
    if answer.usage_metadata is not None:
        answer.usage_metadata.candidates_token_count = 0
        tally.usage = answer.usage_metadata.as_usage()
    if is_present(answer.error):
        tally.saw_error = True


GEMINI_EMBEDDINGS = Dialect(
    name=_NAME,
    family=Family.GOOGLE,
    read_request=_read_request,
    read_conversation=_read_conversation,
    ask_usage=as_it_is,
    read_event=each_whole(_read_answer),
    read_answer=_read_answer,
    error_event=google_error_event,
)

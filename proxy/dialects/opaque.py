"""Owns what is known of a request whose wire format is not read: its path and, where it names one, its model."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import anthropic_error_event, google_error_event, openai_error_event
from proxy.dialects.gemini_paths import with_models
from proxy.dialects.json_text import first_object, may_be_object
from proxy.dialects.llm import OPAQUE, Family, Fault, LlmRequest
from proxy.dialects.meter import Tally, each_whole
from proxy.dialects.request_body import as_it_is, models_of
from proxy.dialects.shape import MOST_VALUES, Shape
from proxy.dialects.spellings import in_any_case, with_spellings
from proxy.errors import DialectError


class _Named(msgspec.Struct, gc=False):
    model: str | None = None


class _Item(msgspec.Struct, gc=False):
    """One request of a batch."""

    params: _Named | None = None


class _Request(_Named, gc=False):
    requests: list[_Item] | None = None


_NAMED = Shape(in_any_case(_Named))
_REQUEST = Shape(in_any_case(_Request))
_BYTES_A_VALUE = 16
"""At the least, of a batch that is meant as one, however long."""


def _read_request(path: str, body: bytes) -> LlmRequest:
    return with_spellings(*_read(path, body))


def _read_google_request(path: str, body: bytes) -> LlmRequest:
    request, read = _read(path, body)
    return with_spellings(with_models(request, (request.model, *request.models)), read)


def _read(path: str, body: bytes) -> tuple[LlmRequest, _Named]:
    """The models are for access rules, which hold on every path. A body may be anything: DialectError for a batch whose
    models cannot be told, and for what begins as an object and only another reader would take for one."""
    if not may_be_object(body) or not body.strip():
        return LlmRequest(OPAQUE, path), _Named()
    try:
        named, batch = _NAMED.read_with(_REQUEST, body, MOST_VALUES + len(body) // _BYTES_A_VALUE)
    except DialectError:
        # A file that happens to begin with a brace, as all RTF does, names none.
        named = _NAMED.read(first_object(body))
        return LlmRequest(OPAQUE, path, model=named.model), named
    if batch is None:
        raise DialectError("a batch of too many values")
    models = models_of([item.params.model for item in batch.requests or () if item.params is not None])
    return LlmRequest(OPAQUE, path, model=named.model, models=models), named


def _read_answer(_data: bytes, _tally: Tally) -> None:
    return


def _opaque(
    family: Family,
    error_event: Callable[[Fault, str, str], bytes],
    read_request: Callable[[str, bytes], LlmRequest] = _read_request,
) -> Dialect:
    return Dialect(
        name=OPAQUE,
        family=family,
        read_request=read_request,
        read_conversation=lambda path, body: (read_request(path, body), None),
        ask_usage=as_it_is,
        read_event=each_whole(_read_answer),
        read_answer=_read_answer,
        error_event=error_event,
    )


OPAQUE_ANTHROPIC = _opaque(Family.ANTHROPIC, anthropic_error_event)
OPAQUE_GOOGLE = _opaque(Family.GOOGLE, google_error_event, _read_google_request)
OPAQUE_OPENAI = _opaque(Family.OPENAI, openai_error_event)

"""Owns what is known of a request whose wire format is not read: its path and, where it names one, its model."""

from __future__ import annotations

import msgspec

from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import anthropic_error_event, openai_error_event
from proxy.dialects.json_text import may_be_object
from proxy.dialects.llm import LONGEST_NAME, Family, LlmRequest
from proxy.dialects.meter import Tally
from proxy.dialects.request_body import as_it_is
from proxy.dialects.shape import MOST_VALUES, Shape
from proxy.errors import DialectError

_NAME = "opaque"


class _Named(msgspec.Struct, gc=False):
    model: str | None = None


class _Item(msgspec.Struct, gc=False):
    """One request of a batch."""

    params: _Named | None = None


class _Request(_Named, gc=False):
    requests: list[_Item] | None = None


_NAMED = Shape(_Named)
_REQUEST = Shape(_Request)
_MOST_MODELS = 64
"""Of one batch."""
_BYTES_A_VALUE = 16
"""At the least, of a batch that is meant as one, however long."""


def _read_request(path: str, body: bytes) -> LlmRequest:
    """The models are for access rules, which hold on every path. A body may be anything: DialectError for a batch whose
    models cannot be told."""
    if not may_be_object(body):
        return LlmRequest(_NAME, path)
    try:
        named, batch = _NAMED.read_with(_REQUEST, body, MOST_VALUES + len(body) // _BYTES_A_VALUE)
    except DialectError:
        return LlmRequest(_NAME, path)
    if batch is None:
        raise DialectError("a batch of too many values")
    models = {item.params.model: None for item in batch.requests or () if item.params is not None and item.params.model}
    if len(models) > _MOST_MODELS or any(len(model) > LONGEST_NAME for model in models):
        raise DialectError("a batch of too many models")
    return LlmRequest(_NAME, path, model=named.model, models=tuple(models))


def _read_conversation(path: str, body: bytes) -> tuple[LlmRequest, None]:
    return _read_request(path, body), None


def _read_event(_data: bytes, _tally: Tally) -> bool:
    return False


def _read_answer(_data: bytes, _tally: Tally) -> None:
    return


OPAQUE_ANTHROPIC = Dialect(
    name=_NAME,
    family=Family.ANTHROPIC,
    read_request=_read_request,
    read_conversation=_read_conversation,
    ask_usage=as_it_is,
    read_event=_read_event,
    read_answer=_read_answer,
    error_event=anthropic_error_event,
)
OPAQUE_OPENAI = Dialect(
    name=_NAME,
    family=Family.OPENAI,
    read_request=_read_request,
    read_conversation=_read_conversation,
    ask_usage=as_it_is,
    read_event=_read_event,
    read_answer=_read_answer,
    error_event=openai_error_event,
)

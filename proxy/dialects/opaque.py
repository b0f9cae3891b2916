"""Owns what is known of a request whose wire format is not read: its path and, where it names one, its model."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from proxy.dialects.dialect import Dialect
from proxy.dialects.faults import anthropic_error_event, openai_error_event
from proxy.dialects.llm import Family, LlmRequest
from proxy.dialects.meter import Tally
from proxy.dialects.request_body import as_it_is
from proxy.dialects.shape import Shape
from proxy.errors import DialectError

_NAME = "opaque"


class _Request(msgspec.Struct, gc=False):
    model: str | None = None


_REQUEST = Shape(_Request)


def _read_request(path: str, body: bytes) -> LlmRequest:
    """Never raises: a body may be anything. The model is for access rules, which hold on every path."""
    model = None
    if body.lstrip()[:1] == b"{":
        with suppress(DialectError):
            model = _REQUEST.read(body).model
    return LlmRequest(_NAME, path, model=model)


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

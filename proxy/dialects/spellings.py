"""Owns what a JSON object calls a model by `Model`, `MODEL` and the like, which Go's parser takes for `model`. Pure."""

from __future__ import annotations

from itertools import product
from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from proxy.dialects.json_text import first_object, may_be_object
from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import models_of
from proxy.dialects.shape import Shape
from proxy.errors import DialectError

_OTHERS = ["".join(letters) for letters in product(*zip("model", "MODEL", strict=True))][1:]
_fields: list[tuple[str, Any, Any]] = [(f"spelling_{place}", str | None, None) for place in range(len(_OTHERS))]
_SPELT: Shape[Any] = Shape(
    msgspec.defstruct(
        "_Spelt", _fields, rename=dict(zip([name for name, _, _ in _fields], _OTHERS, strict=True)), gc=False
    )
)


def with_spellings(request: LlmRequest, body: bytes) -> LlmRequest:
    """With the models that `body` names so, as further ones; one of them stands in where it names none otherwise.

    DialectError where they are too many, or too long.
    """
    if not may_be_object(body) or not body.strip():
        return request
    found = [name for name in astuple(_read(body)) if name]
    if not found:
        return request
    model = request.model or found[0]
    models = models_of((*request.models, *found))
    return replace(request, model=model, models=tuple([name for name in models if name != model]))


def _read(body: bytes) -> Any:
    try:
        return _SPELT.read(body)
    except DialectError:
        return _SPELT.read(first_object(body))

"""Owns what a JSON object calls a model by `Model`, `MODEL` and the like, which Go's parser takes for `model`. Pure."""

from __future__ import annotations

from itertools import product
from typing import Any, TypeVar, cast

import msgspec
from msgspec.structs import astuple, replace

from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import models_of

T = TypeVar("T", bound=msgspec.Struct)

_OTHERS = ["".join(letters) for letters in product(*zip("model", "MODEL", strict=True))][1:]
_FIELDS: list[tuple[str, Any, Any]] = [(f"spelling_{place}", str | None, None) for place in range(len(_OTHERS))]
_NAMES = dict(zip([name for name, _, _ in _FIELDS], _OTHERS, strict=True))


def in_any_case(struct: type[T]) -> type[T]:
    """`struct` with what `with_spellings` looks at, so that a body is read once and not once more for that."""
    return cast("type[T]", msgspec.defstruct(struct.__name__, _FIELDS, bases=(struct,), rename=_NAMES, gc=False))


def with_spellings(request: LlmRequest, read: msgspec.Struct) -> LlmRequest:
    """With the models that the body names so, as further ones; one of them stands in where it names none otherwise.

    `read` is the body as a struct that `in_any_case` made. DialectError where they are too many, or too long.
    """
    told = astuple(read)[-len(_OTHERS) :]
    if not any(told):
        return request
    found = [name for name in told if name]
    model = request.model or found[0]
    models = models_of((*request.models, *found))
    return replace(request, model=model, models=tuple([name for name in models if name != model]))

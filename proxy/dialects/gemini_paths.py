"""Owns what a path of Google's model APIs says: `…/models/{model}:{method}`. Knows nothing of bodies."""

from __future__ import annotations

from posixpath import normpath
from urllib.parse import unquote

from msgspec.structs import replace

from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import models_of


def plainly(path: str) -> str:
    """The one spelling that all others of the same path have in common, but for case."""
    return normpath(unquote(path))


def method_of(path: str) -> str:
    """What is to be done with the model, in lower case; '' where the path does not say. Of a path in plain spelling."""
    return path.rpartition("/")[2].rpartition(":")[2].lower() if ":" in path else ""


def streams(path: str) -> bool:
    """Whether the answer is asked for in pieces."""
    return method_of(plainly(path)) == "streamgeneratecontent"


def with_models(request: LlmRequest, named: tuple[str | None, ...]) -> LlmRequest:
    """With the model that the path names, which is the one that Google serves, and as further ones those `named` in the
    body, by which another upstream might go. DialectError where these are too many, or too long.
    """
    place = plainly(request.path)
    model = _last(place.rpartition(":")[0]) if method_of(place) else None
    if not model:
        first = named[0]
        first = _last(first) if first and "models/" in first else first
        return replace(request, model=first, models=models_of(named[1:]))
    others = models_of([_last(name) if name else None for name in named])
    return replace(request, model=model, models=tuple([name for name in others if name != model]))


def _last(resource: str) -> str:
    """A model's bare name, or what kind of resource stands in for one and which (`tunedModels/…`, `endpoints/…`)."""
    start, _, name = resource.rpartition("/")
    kind = start.rpartition("/")[2]
    return name if not name or kind in ("", "models") else f"{kind}/{name}"

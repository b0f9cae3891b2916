"""Owns the mock model API as a function from a request to an answer: routes, refusals, directives, ids.

Pure but for the prompt cache and the count of requests that it keeps. Knows no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec

from proxy.simulate.mock.anthropic import answer_count, answer_messages
from proxy.simulate.mock.anthropic import last_user_text as messages_text
from proxy.simulate.mock.chat import answer_chat
from proxy.simulate.mock.chat import last_user_text as chat_text
from proxy.simulate.mock.completions import (
    answer_completions,
    answer_embeddings,
    answer_model,
    answer_models,
    last_prompt,
)
from proxy.simulate.mock.directives import HEADER, DirectiveError, Directives, parse_directives
from proxy.simulate.mock.errors import error_body, error_event, scripted
from proxy.simulate.mock.gemini import gemini_endpoint
from proxy.simulate.mock.prompt import PrefixCache
from proxy.simulate.mock.responses import answer_responses
from proxy.simulate.mock.responses import last_user_text as responses_text
from proxy.simulate.mock.wire import Answer, ApiError, Ask, Context, Endpoint, Event, Json

_MODELS = "/v1/models"
_GARBAGE_AFTER = 2
_GARBAGE = b'data: {"choices": [\n\n\xff\xfe\x00 neither JSON nor UTF-8\n\n'
_PLAIN_GARBAGE = b"<html>\xff\xfe neither JSON nor UTF-8"


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How the mock behaves where no directive says otherwise."""

    models: tuple[str, ...] = ("m-small", "m-medium", "m-large", "m-frontier-1")
    """What the list of models shows; every name that does not start with `unknown-` is served."""
    require_credentials: bool = False
    tokens_per_event: int = 4


ENDPOINTS = {
    "/v1/messages": Endpoint("anthropic", answer_messages, messages_text),
    "/v1/messages/count_tokens": Endpoint("anthropic", answer_count, messages_text),
    "/v1/chat/completions": Endpoint("openai", answer_chat, chat_text),
    "/v1/responses": Endpoint("openai_responses", answer_responses, responses_text),
    "/v1/completions": Endpoint("openai", answer_completions, last_prompt),
    "/v1/embeddings": Endpoint("openai", answer_embeddings, last_prompt),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server writes, and how."""

    name: str
    """The exchange's name in the statistics."""
    route: str
    """The path, or 'other' where the API has none such."""
    answer: Answer
    headers: tuple[tuple[str, str], ...]
    directives: Directives


class Api:
    """The mock model API."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._cache = PrefixCache()
        self._requests = 0

    def reply(self, ask: Ask, created: int) -> Reply:
        """The reply to any request, sound or not; `created` is in seconds since the epoch."""
        self._requests += 1
        unique = blake2b(f"{self._requests} {ask.path}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        endpoint = ENDPOINTS.get(ask.path) or gemini_endpoint(ask)
        dialect = endpoint.dialect if endpoint else "anthropic" if "anthropic-version" in ask.headers else "openai"
        directives = Directives()
        try:
            body = _body(ask, endpoint)
            directives = _directives(ask, endpoint.prompt(body) if endpoint else "")
            each = self._settings.tokens_per_event
            context = Context(directives, self._cache, unique, created, _credentials(ask), each)
            answer = _with_faults(self._answer(ask, endpoint, body, context), directives, dialect, f"req_{unique}")
        except ApiError as error:
            body_bytes = error_body(error, dialect, f"req_{unique}")
            answer = Answer(error.status, [Event(body_bytes)], retry_after=directives.retry_after)
        return Reply(
            name=directives.name or f"req_{unique}",
            route=_route(ask.path, endpoint),
            answer=answer,
            headers=_headers(answer, dialect, f"req_{unique}"),
            directives=directives,
        )

    def _answer(self, ask: Ask, endpoint: Endpoint | None, body: Json, context: Context) -> Answer:
        if self._settings.require_credentials and not context.scope:
            raise ApiError(401, "No API key was provided.", code="invalid_api_key")
        if context.directives.status is not None:
            raise scripted(context.directives.status)
        if endpoint is not None:
            _check_version(ask, endpoint)
            return endpoint.answer(body, context)
        anthropic = "anthropic-version" in ask.headers
        if ask.method == "GET" and ask.path == _MODELS:
            return answer_models(self._settings.models, anthropic)
        if ask.method == "GET" and ask.path.startswith(f"{_MODELS}/"):
            return answer_model(ask.path.removeprefix(f"{_MODELS}/"), anthropic)
        raise ApiError(404, f"Invalid URL ({ask.method} {ask.path})")


def _route(path: str, endpoint: Endpoint | None) -> str:
    if path in ENDPOINTS or path == _MODELS:
        return path
    if endpoint is not None:
        return path.rpartition(":")[2]
    return _MODELS if path.startswith(f"{_MODELS}/") else "other"


def _body(ask: Ask, endpoint: Endpoint | None) -> Json:
    if endpoint is None:
        return {}
    if ask.method != "POST":
        raise ApiError(405, f"Method {ask.method} is not allowed.")
    try:
        body = msgspec.json.decode(ask.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    return body


def _check_version(ask: Ask, endpoint: Endpoint) -> None:
    if endpoint.dialect == "anthropic" and "anthropic-version" not in ask.headers:
        raise ApiError(400, "anthropic-version: header is required")


def _directives(ask: Ask, prompt: str) -> Directives:
    retries = ask.headers.get("x-stainless-retry-count", "")
    try:
        return parse_directives(ask.headers.get(HEADER, ""), prompt, int(retries) if retries.isdecimal() else 0)
    except DirectiveError as error:
        raise ApiError(400, str(error)) from error


def _credentials(ask: Ask) -> str:
    headers = ask.headers
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or headers.get("authorization", "")


def _with_faults(answer: Answer, directives: Directives, dialect: str, request_id: str) -> Answer:
    events: Iterable[Event] = answer.events
    if directives.garbage:
        events = _until(events, _GARBAGE_AFTER, Event(_GARBAGE)) if answer.streamed else [Event(_PLAIN_GARBAGE)]
    elif directives.error is not None and answer.streamed:
        events = _until(events, directives.error, error_event(dialect, request_id, directives.error))
    return replace(answer, events=events)


def _until(events: Iterable[Event], count: int, last: Event) -> Iterator[Event]:
    for index, event in enumerate(events):
        if index == count:
            break
        yield event
    yield last


def _headers(answer: Answer, dialect: str, request_id: str) -> tuple[tuple[str, str], ...]:
    kind = "text/event-stream; charset=utf-8" if answer.streamed and not answer.listed else "application/json"
    named = "request-id" if dialect == "anthropic" else "x-request-id"
    headers = [("content-type", kind), (named, request_id)]
    if answer.streamed:
        headers.append(("cache-control", "no-cache"))
    if answer.retry_after is not None:
        headers.append(("retry-after", answer.retry_after))
    return tuple(headers)

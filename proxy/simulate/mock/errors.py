"""Owns how the real APIs word an error, by status and dialect."""

from __future__ import annotations

from proxy.simulate.mock.wire import ApiError, Event, Json, data_event, encode, named_event

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_TYPES = {403: "insufficient_permissions", 429: "requests", 503: "server_overloaded"}
_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_GOOGLE_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MESSAGES = {429: "Rate limit reached.", 503: "The engine is overloaded.", 529: "Overloaded"}


def scripted(status: int) -> ApiError:
    """The error that a `status` directive asks for."""
    return ApiError(
        status, _MESSAGES.get(status, f"Scripted answer of status {status}."), code=_OPENAI_CODES.get(status)
    )


def anthropic_error(error: ApiError, request_id: str) -> Json:
    kind = _ANTHROPIC_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": request_id}


def openai_error(error: ApiError) -> Json:
    kind = _OPENAI_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def google_error(error: ApiError) -> Json:
    status = _GOOGLE_STATUSES.get(error.status, "UNKNOWN")
    return {"error": {"code": error.status, "message": error.message, "status": status}}


def error_body(error: ApiError, dialect: str, request_id: str) -> bytes:
    if dialect == "google":
        return encode(google_error(error))
    return encode(anthropic_error(error, request_id) if dialect == "anthropic" else openai_error(error))


def error_event(dialect: str, request_id: str, number: int) -> Event:
    """The error that ends a stream which began well with `number` events."""
    if dialect == "anthropic":
        return named_event("error", anthropic_error(scripted(529), request_id))
    if dialect == "openai_responses":
        overloaded = {"type": "error", "code": "server_error", "message": "Overloaded", "param": None}
        return named_event("error", {**overloaded, "sequence_number": number})
    return data_event(google_error(scripted(503)) if dialect == "google" else openai_error(scripted(503)))

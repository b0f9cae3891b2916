"""Owns the proxy's own error answers, in the shapes that the official SDKs turn into their exceptions.

Anthropic's and OpenAI's raise by status alone (429 RateLimitError, 403 PermissionDeniedError, 400 BadRequestError, 5xx
InternalServerError or a subclass), retry 429 and 5xx, wait for `retry-after-ms` or else `retry-after` (Anthropic's
however long that is, asleep within the call), and do not retry where `x-should-retry` is false. Google's raise
ClientError or ServerError with the body's `status` and `message`; those clients of it that wait do so for the body's
`retryDelay`. Knows no dialect's requests or streams.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from proxy.dialects.content_encoding import READABLE
from proxy.dialects.llm import ErrorAnswer, Family, Fault

_encode = msgspec.json.encode
ID_HEADERS = {Family.ANTHROPIC: "request-id", Family.OPENAI: "x-request-id", Family.GOOGLE: "x-request-id"}
"""Where a family's SDKs look for an answer's id."""
_GOOGLE_TYPE = "type.googleapis.com/google.rpc."
LONGEST_RETRY_S = 60.0
"""A wait that an SDK may sleep through; who has to wait longer is told so at once, by the SDK's exception."""


class _Wording(NamedTuple):
    status: int
    anthropic_type: str
    openai_type: str
    openai_code: str | None
    google_status: str
    retried: bool = True
    """False where the same request cannot pass later; said only where the SDKs would retry, or might."""


_EXHAUSTED, _INVALID = "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"
_WORDING = {
    Fault.RATE_LIMITED: _Wording(429, "rate_limit_error", "requests", "rate_limit_exceeded", _EXHAUSTED),
    Fault.TOKENS_LIMITED: _Wording(429, "rate_limit_error", "tokens", "rate_limit_exceeded", _EXHAUSTED),
    Fault.REQUEST_EXCEEDS_LIMIT: _Wording(429, "rate_limit_error", "tokens", "rate_limit_exceeded", _EXHAUSTED, False),
    Fault.FORBIDDEN: _Wording(
        403, "permission_error", "permission_error", "permission_denied", "PERMISSION_DENIED", False
    ),
    Fault.BAD_REQUEST: _Wording(400, "invalid_request_error", "invalid_request_error", None, _INVALID),
    Fault.TOO_LARGE: _Wording(413, "request_too_large", "invalid_request_error", "request_too_large", _INVALID),
    Fault.UNKNOWN_ENCODING: _Wording(
        415, "invalid_request_error", "invalid_request_error", "unsupported_encoding", _INVALID
    ),
    Fault.INTERNAL: _Wording(500, "api_error", "server_error", "internal_error", "INTERNAL"),
    Fault.BAD_GATEWAY: _Wording(502, "api_error", "server_error", "bad_gateway", "UNAVAILABLE"),
    Fault.GATEWAY_TIMEOUT: _Wording(504, "timeout_error", "server_error", "gateway_timeout", "DEADLINE_EXCEEDED"),
    Fault.UNAVAILABLE: _Wording(503, "overloaded_error", "server_error", "service_unavailable", "UNAVAILABLE"),
}


def error_answer(
    family: Family, fault: Fault, message: str, request_id: str, retry_after_s: float | None = None
) -> ErrorAnswer:
    """A whole answer; `retry_after_s` is rounded up, so that nobody who keeps to it comes too early."""
    wording = _WORDING[fault]
    headers = [
        ("content-type", "application/json"),
        (ID_HEADERS[family], request_id),
    ]
    if fault is Fault.UNKNOWN_ENCODING:
        headers.append(("accept-encoding", ", ".join(READABLE)))  # RFC 9110, 12.5.3
    wait_ms = None
    if retry_after_s is not None:
        wait_us = max(0, round(retry_after_s * 1e6))
        wait_ms = -(-wait_us // 1000)
        headers.append(("retry-after", str(-(-wait_us // 1_000_000))))
        headers.append(("retry-after-ms", str(wait_ms)))
    if not wording.retried or (retry_after_s is not None and retry_after_s > LONGEST_RETRY_S):
        headers.append(("x-should-retry", "false"))
    body: dict[str, object]
    match family:
        case Family.ANTHROPIC:
            body = _anthropic_body(fault, message, request_id)
        case Family.OPENAI:
            body = {"error": _openai_error(fault, message)}
        case Family.GOOGLE:
            body = _google_body(fault, message, request_id, wait_ms)
    return ErrorAnswer(wording.status, tuple(headers), _encode(body))


def anthropic_error_event(fault: Fault, message: str, request_id: str) -> bytes:
    """`event: error`, which the Anthropic SDKs raise."""
    return b"event: error\ndata: " + _encode(_anthropic_body(fault, message, request_id)) + b"\n\n"


def openai_error_event(fault: Fault, message: str, _request_id: str) -> bytes:
    """A chunk that is an `error` object, which the OpenAI SDKs raise as APIError."""
    return b"data: " + _encode({"error": _openai_error(fault, message)}) + b"\n\n"


def openai_responses_error_event(fault: Fault, message: str, _request_id: str) -> bytes:
    """The Responses API's `error` event; its `error` object makes the SDKs raise where they would only yield it."""
    error = _openai_error(fault, message)
    event = {
        "type": "error",
        "code": error["code"],
        "message": message,
        "param": None,
        "sequence_number": 0,
        "error": error,
    }
    return b"event: error\ndata: " + _encode(event) + b"\n\n"


def google_error_event(fault: Fault, message: str, request_id: str) -> bytes:
    """A chunk that is an `error` object, which Google's SDKs raise as APIError."""
    return b"data: " + _encode(_google_body(fault, message, request_id)) + b"\n\n"


def _anthropic_body(fault: Fault, message: str, request_id: str) -> dict[str, object]:
    error = {"type": _WORDING[fault].anthropic_type, "message": message}
    return {"type": "error", "error": error, "request_id": request_id}


def _openai_error(fault: Fault, message: str) -> dict[str, str | None]:
    wording = _WORDING[fault]
    return {"message": message, "type": wording.openai_type, "param": None, "code": wording.openai_code}


def _google_body(fault: Fault, message: str, request_id: str, wait_ms: int | None = None) -> dict[str, object]:
    """As AIP-193 has it."""
    wording = _WORDING[fault]
    details: list[dict[str, object]] = [
        {"@type": _GOOGLE_TYPE + "ErrorInfo", "reason": fault.name, "domain": "stillgate"},
        {"@type": _GOOGLE_TYPE + "RequestInfo", "requestId": request_id},
    ]
    if wait_ms is not None:
        seconds, millis = divmod(wait_ms, 1000)
        delay = f"{seconds}.{millis:03}s" if millis else f"{seconds}s"
        details.append({"@type": _GOOGLE_TYPE + "RetryInfo", "retryDelay": delay})
    return {"error": {"code": wording.status, "message": message, "status": wording.google_status, "details": details}}

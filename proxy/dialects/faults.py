"""Owns the proxy's own error answers, in the shapes that the official SDKs turn into their exceptions.

Both SDKs raise by status alone (429 RateLimitError, 403 PermissionDeniedError, 400 BadRequestError, 5xx
InternalServerError or a subclass), retry 429 and 5xx, wait for `retry-after-ms` or else `retry-after` (Anthropic's
however long that is, asleep within the call), and do not retry where `x-should-retry` is false. Knows no dialect's
requests or streams.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from proxy.dialects.content_encoding import READABLE
from proxy.dialects.llm import ErrorAnswer, Family, Fault

_encode = msgspec.json.encode
LONGEST_RETRY_S = 60.0
"""A wait that an SDK may sleep through; who has to wait longer is told so at once, by the SDK's exception."""


class _Wording(NamedTuple):
    status: int
    anthropic_type: str
    openai_type: str
    openai_code: str | None
    retried: bool = True
    """False where the same request cannot pass later; said only where the SDKs would retry, or might."""


_WORDING = {
    Fault.RATE_LIMITED: _Wording(429, "rate_limit_error", "requests", "rate_limit_exceeded"),
    Fault.TOKENS_LIMITED: _Wording(429, "rate_limit_error", "tokens", "rate_limit_exceeded"),
    Fault.REQUEST_EXCEEDS_LIMIT: _Wording(429, "rate_limit_error", "tokens", "rate_limit_exceeded", False),
    Fault.FORBIDDEN: _Wording(403, "permission_error", "permission_error", "permission_denied", False),
    Fault.BAD_REQUEST: _Wording(400, "invalid_request_error", "invalid_request_error", None),
    Fault.TOO_LARGE: _Wording(413, "request_too_large", "invalid_request_error", "request_too_large"),
    Fault.UNKNOWN_ENCODING: _Wording(415, "invalid_request_error", "invalid_request_error", "unsupported_encoding"),
    Fault.INTERNAL: _Wording(500, "api_error", "server_error", "internal_error"),
    Fault.BAD_GATEWAY: _Wording(502, "api_error", "server_error", "bad_gateway"),
    Fault.GATEWAY_TIMEOUT: _Wording(504, "timeout_error", "server_error", "gateway_timeout"),
    Fault.UNAVAILABLE: _Wording(503, "overloaded_error", "server_error", "service_unavailable"),
}


def error_answer(
    family: Family, fault: Fault, message: str, request_id: str, retry_after_s: float | None = None
) -> ErrorAnswer:
    """A whole answer; `retry_after_s` is rounded up, so that nobody who keeps to it comes too early."""
    anthropic = family is Family.ANTHROPIC
    wording = _WORDING[fault]
    headers = [
        ("content-type", "application/json"),
        ("request-id" if anthropic else "x-request-id", request_id),
    ]
    if fault is Fault.UNKNOWN_ENCODING:
        headers.append(("accept-encoding", ", ".join(READABLE)))  # RFC 9110, 12.5.3
    if retry_after_s is not None:
        wait_us = max(0, round(retry_after_s * 1e6))
        headers.append(("retry-after", str(-(-wait_us // 1_000_000))))
        headers.append(("retry-after-ms", str(-(-wait_us // 1000))))
    if not wording.retried or (retry_after_s is not None and retry_after_s > LONGEST_RETRY_S):
        headers.append(("x-should-retry", "false"))
    body = _anthropic_body(fault, message, request_id) if anthropic else {"error": _openai_error(fault, message)}
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


def _anthropic_body(fault: Fault, message: str, request_id: str) -> dict[str, object]:
    error = {"type": _WORDING[fault].anthropic_type, "message": message}
    return {"type": "error", "error": error, "request_id": request_id}


def _openai_error(fault: Fault, message: str) -> dict[str, str | None]:
    wording = _WORDING[fault]
    return {"message": message, "type": wording.openai_type, "param": None, "code": wording.openai_code}

"""Error answers are handed to the official SDKs: what these raise is what counts."""

import json

import anthropic
import httpx2
import openai
import pytest

from proxy.dialects.dialect import Dialect
from proxy.dialects.llm import ErrorAnswer, Fault
from proxy.dialects.table import dialect_for

MESSAGES, CHAT, RESPONSES = (
    dialect_for("POST", f"/v1/{path}") for path in ("messages", "chat/completions", "responses")
)


class Answering:
    """A transport that gives one answer to every request."""

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        self.requests = 0
        self._answer = (status, headers, body)

    @classmethod
    def with_error(cls, answer: ErrorAnswer) -> "Answering":
        return cls(answer.status, answer.headers, answer.body)

    def handle(self, _request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        status, headers, body = self._answer
        return httpx2.Response(status, headers=list(headers), content=body)

    def client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self.handle))


def ask_anthropic(answering: Answering, max_retries: int = 0) -> str:
    with anthropic.Anthropic(
        api_key="k", base_url="http://proxy", max_retries=max_retries, http_client=answering.client()
    ) as client:
        stream = client.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        return "".join(event.type for event in stream)


def ask_openai(answering: Answering, max_retries: int = 0) -> str:
    with openai.OpenAI(
        api_key="k", base_url="http://proxy/v1", max_retries=max_retries, http_client=answering.client()
    ) as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
        return "".join(chunk.id for chunk in stream)


@pytest.mark.parametrize(
    ("fault", "status", "raised", "type_"),
    [
        (Fault.RATE_LIMITED, 429, anthropic.RateLimitError, "rate_limit_error"),
        (Fault.TOKENS_LIMITED, 429, anthropic.RateLimitError, "rate_limit_error"),
        (Fault.REQUEST_EXCEEDS_LIMIT, 429, anthropic.RateLimitError, "rate_limit_error"),
        (Fault.FORBIDDEN, 403, anthropic.PermissionDeniedError, "permission_error"),
        (Fault.BAD_REQUEST, 400, anthropic.BadRequestError, "invalid_request_error"),
        (Fault.TOO_LARGE, 413, anthropic.APIStatusError, "request_too_large"),
        (Fault.INTERNAL, 500, anthropic.InternalServerError, "api_error"),
        (Fault.BAD_GATEWAY, 502, anthropic.InternalServerError, "api_error"),
        (Fault.GATEWAY_TIMEOUT, 504, anthropic.InternalServerError, "timeout_error"),
        (Fault.UNAVAILABLE, 503, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_the_anthropic_sdk_raises_what_it_raises_for_the_real_api(
    fault: Fault, status: int, raised: type[anthropic.APIStatusError], type_: str
) -> None:
    with pytest.raises(raised) as caught:
        ask_anthropic(Answering.with_error(MESSAGES.error(fault, "Why “so”.", "req_1")))
    error = caught.value
    assert (error.status_code, error.type, error.api_message, error.request_id) == (status, type_, "Why “so”.", "req_1")
    assert error.body == {"type": "error", "error": {"type": type_, "message": "Why “so”."}, "request_id": "req_1"}


@pytest.mark.parametrize(
    ("fault", "status", "raised", "type_", "code"),
    [
        (Fault.RATE_LIMITED, 429, openai.RateLimitError, "requests", "rate_limit_exceeded"),
        (Fault.TOKENS_LIMITED, 429, openai.RateLimitError, "tokens", "rate_limit_exceeded"),
        (Fault.REQUEST_EXCEEDS_LIMIT, 429, openai.RateLimitError, "tokens", "rate_limit_exceeded"),
        (Fault.FORBIDDEN, 403, openai.PermissionDeniedError, "permission_error", "permission_denied"),
        (Fault.BAD_REQUEST, 400, openai.BadRequestError, "invalid_request_error", None),
        (Fault.TOO_LARGE, 413, openai.APIStatusError, "invalid_request_error", "request_too_large"),
        (Fault.INTERNAL, 500, openai.InternalServerError, "server_error", "internal_error"),
        (Fault.BAD_GATEWAY, 502, openai.InternalServerError, "server_error", "bad_gateway"),
        (Fault.GATEWAY_TIMEOUT, 504, openai.InternalServerError, "server_error", "gateway_timeout"),
        (Fault.UNAVAILABLE, 503, openai.InternalServerError, "server_error", "service_unavailable"),
    ],
)
def test_the_openai_sdk_raises_what_it_raises_for_the_real_api(
    fault: Fault, status: int, raised: type[openai.APIStatusError], type_: str, code: str | None
) -> None:
    with pytest.raises(raised) as caught:
        ask_openai(Answering.with_error(CHAT.error(fault, "Why.", "req_1")))
    error = caught.value
    assert (error.status_code, error.type, error.code, error.request_id) == (status, type_, code, "req_1")
    assert error.body == {"message": "Why.", "type": type_, "param": None, "code": code}


@pytest.mark.parametrize("fault", [Fault.REQUEST_EXCEEDS_LIMIT, Fault.FORBIDDEN])
def test_what_can_never_pass_is_not_retried(fault: Fault) -> None:
    for_anthropic = Answering.with_error(MESSAGES.error(fault, "No.", "req_1"))
    for_openai = Answering.with_error(CHAT.error(fault, "No.", "req_1"))
    with pytest.raises(anthropic.APIStatusError):
        ask_anthropic(for_anthropic, max_retries=2)
    with pytest.raises(openai.APIStatusError):
        ask_openai(for_openai, max_retries=2)
    assert (for_anthropic.requests, for_openai.requests) == (1, 1)


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.TOKENS_LIMITED, Fault.UNAVAILABLE])
def test_what_can_pass_later_is_retried(fault: Fault) -> None:
    for_anthropic = Answering.with_error(MESSAGES.error(fault, "Later.", "req_1", retry_after_s=0.001))
    for_openai = Answering.with_error(CHAT.error(fault, "Later.", "req_1", retry_after_s=0.001))
    with pytest.raises(anthropic.APIStatusError):
        ask_anthropic(for_anthropic, max_retries=2)
    with pytest.raises(openai.APIStatusError):
        ask_openai(for_openai, max_retries=2)
    assert (for_anthropic.requests, for_openai.requests) == (3, 3)


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.TOKENS_LIMITED])
def test_a_wait_of_more_than_a_minute_is_raised_at_once_and_not_slept_through(fault: Fault) -> None:
    for_anthropic = Answering.with_error(MESSAGES.error(fault, "Tomorrow.", "req_1", retry_after_s=60.001))
    for_openai = Answering.with_error(CHAT.error(fault, "Tomorrow.", "req_1", retry_after_s=60.001))
    with pytest.raises(anthropic.RateLimitError) as by_anthropic:
        ask_anthropic(for_anthropic, max_retries=2)
    with pytest.raises(openai.RateLimitError) as by_openai:
        ask_openai(for_openai, max_retries=2)
    assert (for_anthropic.requests, for_openai.requests) == (1, 1)
    told = {caught.value.response.headers["retry-after-ms"] for caught in (by_anthropic, by_openai)}
    assert told == {"60001"}, "how long it takes is told all the same"


@pytest.mark.parametrize("wait_s", [None, 0.0, 60.0])
def test_a_wait_of_a_minute_is_left_to_the_sdks(wait_s: float | None) -> None:
    for dialect in (MESSAGES, CHAT):
        headers = dict(dialect.error(Fault.RATE_LIMITED, "Later.", "req_1", retry_after_s=wait_s).headers)
        assert "x-should-retry" not in headers


@pytest.mark.parametrize(
    ("wait_s", "seconds", "millis"),
    [
        (0.0, "0", "0"),
        (0.000001, "1", "1"),
        (0.0014, "1", "2"),
        (1.0, "1", "1000"),
        (1.146, "2", "1146"),
        (59.999001, "60", "60000"),
        (-1.0, "0", "0"),
    ],
)
def test_the_wait_is_rounded_up(wait_s: float, seconds: str, millis: str) -> None:
    for dialect in (MESSAGES, CHAT):
        headers = dict(dialect.error(Fault.RATE_LIMITED, "Later.", "req_1", retry_after_s=wait_s).headers)
        assert (headers["retry-after"], headers["retry-after-ms"]) == (seconds, millis)


def test_an_answer_without_a_known_wait_names_none() -> None:
    headers = dict(CHAT.error(Fault.BAD_GATEWAY, "Down.", "req_1").headers)
    assert headers == {"content-type": "application/json", "x-request-id": "req_1"}
    headers = dict(MESSAGES.error(Fault.FORBIDDEN, "No.", "req_1").headers)
    assert headers == {"content-type": "application/json", "request-id": "req_1", "x-should-retry": "false"}


STREAM = (("content-type", "text/event-stream"),)


def test_a_stream_that_breaks_off_raises_in_the_anthropic_sdk() -> None:
    begun = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    broken = begun + MESSAGES.error_event(Fault.BAD_GATEWAY, "The upstream broke off.", "req_1")
    with pytest.raises(anthropic.APIStatusError) as caught:
        ask_anthropic(Answering(200, STREAM, broken))
    assert (caught.value.type, caught.value.api_message) == ("api_error", "The upstream broke off.")


def test_a_stream_that_breaks_off_raises_in_the_openai_sdk() -> None:
    begun = b'data: {"id":"c","object":"chat.completion.chunk","choices":[],"created":1,"model":"m"}\n\n'
    broken = begun + CHAT.error_event(Fault.GATEWAY_TIMEOUT, "The upstream is too slow.", "req_1")
    with pytest.raises(openai.APIError, match="The upstream is too slow.") as caught:
        ask_openai(Answering(200, STREAM, broken))
    assert caught.value.code == "gateway_timeout"


def test_a_responses_stream_that_breaks_off_raises_in_the_openai_sdk() -> None:
    event = RESPONSES.error_event(Fault.BAD_GATEWAY, "The upstream broke off.", "req_1")
    answering = Answering(200, STREAM, event)
    with (
        openai.OpenAI(api_key="k", base_url="http://proxy/v1", http_client=answering.client()) as client,
        pytest.raises(openai.APIError, match="The upstream broke off."),
    ):
        list(client.responses.create(model="m", input="Hi", stream=True))
    assert json.loads(event.split(b"data: ")[1])["type"] == "error"


@pytest.mark.parametrize("dialect", [MESSAGES, CHAT, RESPONSES])
def test_a_meter_knows_an_error_event_for_what_it_is(dialect: Dialect) -> None:
    meter = dialect.meter(event_stream=True)
    meter.feed(dialect.error_event(Fault.BAD_GATEWAY, "Broken.", "req_1"))
    assert (meter.saw_error, meter.finished) == (True, False)

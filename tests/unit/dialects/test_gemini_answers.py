"""How answers of Google's API are metered: plain, as events and as a JSON list; and how the proxy words its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.llm import Fault, Usage
from proxy.dialects.meter import ElementMeter, Meter
from proxy.dialects.table import dialect_for
from proxy.events.signatures import name_of

PATH = "/v1beta/models/m:streamGenerateContent"
GEMINI = dialect_for("POST", PATH)
FAULTS = [
    (Fault.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED"),
    (Fault.TOKENS_LIMITED, 429, "RESOURCE_EXHAUSTED"),
    (Fault.REQUEST_EXCEEDS_LIMIT, 429, "RESOURCE_EXHAUSTED"),
    (Fault.FORBIDDEN, 403, "PERMISSION_DENIED"),
    (Fault.BAD_REQUEST, 400, "INVALID_ARGUMENT"),
    (Fault.TOO_LARGE, 413, "INVALID_ARGUMENT"),
    (Fault.UNKNOWN_ENCODING, 415, "INVALID_ARGUMENT"),
    (Fault.INTERNAL, 500, "INTERNAL"),
    (Fault.BAD_GATEWAY, 502, "UNAVAILABLE"),
    (Fault.GATEWAY_TIMEOUT, 504, "DEADLINE_EXCEEDED"),
    (Fault.UNAVAILABLE, 503, "UNAVAILABLE"),
]


def chunk(*parts: dict[str, Any], finish: str | None = None, **usage: int) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": usage}


ANSWER = [
    chunk({"text": "Hm.", "thought": True}, promptTokenCount=100, thoughtsTokenCount=5, totalTokenCount=105),
    chunk({"text": "né"}, promptTokenCount=100, candidatesTokenCount=2, thoughtsTokenCount=5, totalTokenCount=107),
    chunk(
        {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "ab+/"},
        {"executableCode": {"language": "PYTHON", "code": "1+1"}},
    ),
    chunk(
        {"text": "", "thoughtSignature": "cd-_"},
        finish="STOP",
        promptTokenCount=100,
        cachedContentTokenCount=64,
        toolUsePromptTokenCount=7,
        candidatesTokenCount=15,
        thoughtsTokenCount=5,
        totalTokenCount=127,
    ),
]
USAGE = Usage(input_tokens=43, output_tokens=20, cache_read_input_tokens=64, reasoning_tokens=5)


def sse(*events: object) -> bytes:
    return "".join(f"data: {json.dumps(event, ensure_ascii=False)}\r\n\r\n" for event in events).encode()


def fed(answer: bytes, *, event_stream: bool, path: str = PATH, step: int = 50) -> Meter:
    meter = dialect_for("POST", path).meter(event_stream=event_stream)
    relayed = b"".join(meter.feed(answer[at : at + step]) for at in range(0, len(answer), step))
    assert relayed + meter.finish() == answer
    return meter


def metered(answer: Any, path: str = PATH) -> Meter:
    return fed(json.dumps(answer).encode(), event_stream=False, path=path)


def test_an_answer_is_metered_in_each_of_its_forms() -> None:
    whole = chunk(*[part for one in ANSWER for part in one["candidates"][0]["content"]["parts"]], finish="STOP")
    whole["usageMetadata"] = ANSWER[-1]["usageMetadata"]
    for meter in (fed(sse(*ANSWER), event_stream=True), metered(ANSWER), metered(whole)):
        assert meter.usage == USAGE
        assert (meter.generated_bytes, meter.output_events) == (3 + 3 + 8 + 3, 4)
        assert meter.signatures == (name_of("ab+/"), name_of("cd+/"))
        assert not meter.saw_error


def test_a_json_answer_is_at_its_end_with_its_last_bracket() -> None:
    for answer in (ANSWER, ANSWER[0]):
        text = json.dumps(answer).encode()
        meter = GEMINI.meter(event_stream=False)
        told = [(len(meter.feed(part)), meter.finished, meter.between_events) for part in (text[:-1], text[-1:])]
        assert told == [(len(text) - 1, False, False), (1, True, False)]


@pytest.mark.parametrize("event_stream", [True, False])
def test_a_stream_that_was_cut_tells_what_was_used_up_to_there(event_stream: bool) -> None:
    cut = sse(*ANSWER[:2])[:-4] + b"\r\n\r\n" if event_stream else json.dumps(ANSWER[:2]).encode()[:-1]
    meter = fed(cut, event_stream=event_stream)
    assert meter.usage == Usage(input_tokens=100, output_tokens=7, reasoning_tokens=5)
    assert (meter.generated_bytes, meter.finished, meter.tally.is_over) == (6, False, False)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"promptTokenCount": 5, "totalTokenCount": 5}, Usage(5, 0)),
        ({"promptTokenCount": 5, "totalTokenCount": 12, "toolUsePromptTokenCount": 4}, Usage(9, 3)),
        ({"promptTokenCount": 5, "thoughtsTokenCount": 7}, Usage(5, 7, reasoning_tokens=7)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(0, None, 9)),
        ({"candidatesTokenCount": 5}, Usage(None, 5)),
        ({"promptTokenCount": -1, "candidatesTokenCount": "many", "totalTokenCount": []}, Usage()),
        ({}, Usage()),
        (None, Usage()),
    ],
)
def test_a_count_that_is_left_out_is_zero_only_where_the_total_says_so(usage: Any, expected: Usage) -> None:
    assert metered({"usageMetadata": usage}).usage == expected


def test_a_prompt_that_is_blocked_ends_the_answer() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}
    meter = fed(sse(blocked), event_stream=True)
    assert (meter.tally.is_over, meter.saw_error) == (True, False)
    assert metered({"promptFeedback": {}}).tally.is_over is False


@pytest.mark.parametrize("answer", [{"error": {"code": 429}}, [{"error": {"code": 429}}]])
def test_an_error_answer_reports_an_error_and_no_usage(answer: Any) -> None:
    meter = metered(answer)
    assert (meter.usage, meter.generated_bytes, meter.saw_error) == (Usage(), 0, True)


def test_an_embedding_is_metered_and_generates_nothing() -> None:
    answer = {"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}}
    meter = metered(answer, "/v1beta/models/e:embedContent")
    assert (meter.usage, meter.generated_bytes, meter.finished) == (Usage(8, 0), 0, True)
    assert metered({"embeddings": [{}]}, "/v1beta/models/e:batchEmbedContents").usage == Usage()


def test_an_element_that_is_too_large_leaves_the_rest_unknown() -> None:
    text = json.dumps(ANSWER).encode()
    meter = ElementMeter(GEMINI.read_answer, largest_element=20)
    assert meter.feed(text) is text
    assert (meter.usage, meter.finished) == (Usage(), False)


@pytest.mark.parametrize(("fault", "status", "name"), FAULTS)
def test_a_refusal_is_an_error_as_googles_sdks_show_it(fault: Fault, status: int, name: str) -> None:
    answer = GEMINI.error(fault, "Why “so”.", "req_1")
    error = json.loads(answer.body)["error"]
    assert answer.status == error["code"] == status
    assert (error["status"], error["message"]) == (name, "Why “so”.")
    info, request = error["details"]
    assert info == {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": fault.name, "domain": "stillgate"}
    assert request == {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1"}
    assert dict(answer.headers)["x-request-id"] == "req_1"
    assert "retry-after" not in dict(answer.headers)


@pytest.mark.parametrize(
    ("wait_s", "delay", "seconds"), [(2.0, "2s", "2"), (1.1451, "1.146s", "2"), (0.05, "0.050s", "1"), (0.0, "0s", "0")]
)
def test_the_wait_stands_in_the_body_too(wait_s: float, delay: str, seconds: str) -> None:
    answer = GEMINI.error(Fault.RATE_LIMITED, "Later.", "req_1", wait_s)
    told = json.loads(answer.body)["error"]["details"][-1]
    assert told == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    assert dict(answer.headers)["retry-after"] == seconds


def test_a_meter_knows_an_error_event_for_what_it_is() -> None:
    meter = GEMINI.meter(event_stream=True)
    event = GEMINI.error_event(Fault.BAD_GATEWAY, "Broken.", "req_1")
    assert event.startswith(b'data: {"error":')
    meter.feed(event)
    assert (meter.saw_error, meter.finished) == (True, False)

import json

import pytest

from proxy.dialects.llm import Usage
from proxy.dialects.meter import Meter, PlainMeter, StreamMeter, Tally
from proxy.dialects.table import DIALECTS, dialect_for
from proxy.errors import DialectError

CHAT = "/v1/chat/completions"
USAGE_CHUNK = {
    "choices": [],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}
USAGE = Usage(input_tokens=36, output_tokens=20, cache_read_input_tokens=64, reasoning_tokens=5)


def sse(*events: object, done: bool = False) -> bytes:
    lines = [f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events]
    return "".join(lines).encode() + (b"data: [DONE]\n\n" if done else b"")


def streamed(path: str, stream: bytes) -> Meter:
    meter = dialect_for("POST", path).meter(event_stream=True)
    assert meter.feed(stream) is stream
    assert meter.finish() == b""
    return meter


def plain(path: str, answer: object) -> Meter:
    raw = json.dumps(answer).encode()
    meter = dialect_for("POST", path).meter(event_stream=False)
    assert meter.feed(raw) is raw
    assert meter.finish() == b""
    return meter


def test_an_anthropic_stream_is_metered() -> None:
    meter = streamed(
        "/v1/messages",
        sse(
            {
                "type": "message_start",
                "message": {"usage": {"input_tokens": 12, "cache_creation_input_tokens": 3, "output_tokens": 1}},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "abc"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "né"}},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use"},
                "usage": {
                    "output_tokens": 30,
                    "cache_read_input_tokens": 7,
                    "output_tokens_details": {"thinking_tokens": 4},
                },
            },
            {"type": "message_stop"},
        ),
    )
    assert meter.usage == Usage(12, 30, 7, 3, 4)
    assert (meter.generated_bytes, meter.output_events) == (3 + 3 + 5, 3)
    assert (meter.finished, meter.saw_error) == (True, False)


def test_a_cut_anthropic_stream_reports_its_input_and_no_output() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 12, "output_tokens": 1}}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}
    meter = streamed("/v1/messages", sse(start, delta))
    assert meter.usage == Usage(input_tokens=12)
    assert (meter.generated_bytes, meter.finished) == (2, False)


def test_a_chat_stream_is_metered() -> None:
    meter = streamed(
        CHAT,
        sse(
            {"choices": [{"delta": {"role": "assistant", "content": ""}}], "usage": None},
            {"choices": [{"delta": {"reasoning_content": "Hm.", "reasoning": "Hm."}}]},
            {"choices": [{"delta": {"content": "né"}}, {"delta": {"content": "b"}}]},
            {"choices": [{"delta": {"refusal": "No"}}]},
            {"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": '{"a"'}}]}}]},
            {"choices": [{"delta": {"tool_calls": [{"custom": {"input": "xyz"}}]}}]},
            {"choices": [{"delta": {"function_call": {"arguments": "12"}}}]},
            {"choices": [{"delta": {"audio": {"data": "QUJD", "transcript": "said"}}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            USAGE_CHUNK,
            done=True,
        ),
    )
    assert meter.usage == USAGE
    assert (meter.generated_bytes, meter.output_events) == (3 + 3 + 1 + 2 + 4 + 3 + 2 + 4, 8)
    assert meter.finished


def test_a_responses_stream_is_metered() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 64},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
    }
    deltas = [
        {"type": "response.created", "response": {"usage": None}},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.output_text.delta", "delta": "né"},
        {"type": "response.function_call_arguments.delta", "delta": "{}"},
        {"type": "response.audio.delta", "delta": "QUJD"},
        {"type": "response.shell_call_output_content.delta", "delta": {"stdout": "file"}},
        {"type": "response.output_text.done", "text": "né"},
    ]
    for end in ("completed", "incomplete", "failed"):
        last = {"type": f"response.{end}", "response": {"output": [{"content": [{"text": "né"}]}], "usage": usage}}
        meter = streamed("/v1/responses", sse(*deltas, last))
        assert meter.usage == USAGE
        assert (meter.generated_bytes, meter.output_events) == (3 + 3 + 2, 3)
        assert (meter.finished, meter.saw_error) == (True, end == "failed")
    assert not streamed("/v1/responses", sse(*deltas)).finished


def test_a_completions_stream_is_metered() -> None:
    meter = streamed("/v1/completions", sse({"choices": [{"text": "né"}, {"text": "b"}]}, USAGE_CHUNK, done=True))
    assert (meter.usage, meter.generated_bytes, meter.output_events, meter.finished) == (USAGE, 4, 2, True)


@pytest.mark.parametrize(
    ("path", "answer", "usage", "generated"),
    [
        (
            "/v1/messages",
            {
                "type": "message",
                "content": [{"text": "né"}, {"thinking": "Hm."}, {"type": "tool_use", "input": {"a": 1}}],
                "usage": {"input_tokens": 5, "output_tokens": 9},
            },
            Usage(5, 9),
            3 + 3 + 8,
        ),
        (
            CHAT,
            USAGE_CHUNK
            | {"choices": [{"message": {"content": "né", "tool_calls": [{"function": {"arguments": "{}"}}]}}]},
            USAGE,
            5,
        ),
        ("/v1/completions", USAGE_CHUNK | {"choices": [{"text": "né"}]}, USAGE, 3),
        (
            "/v1/responses",
            {
                "output": [
                    {"content": [{"text": "né"}, {"refusal": "No"}]},
                    {"summary": [{"text": "Hm."}]},
                    {"arguments": "{}"},
                    {"input": "x"},
                    {"code": "1+1"},
                ],
                "usage": {"input_tokens": 5, "output_tokens": 9},
                "error": None,
            },
            Usage(5, 9),
            3 + 2 + 3 + 2 + 1 + 3,
        ),
        ("/v1/embeddings", {"data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}, Usage(8, 0), 0),
    ],
)
def test_a_plain_answer_is_metered_at_its_end(path: str, answer: object, usage: Usage, generated: int) -> None:
    meter = plain(path, answer)
    assert (meter.usage, meter.generated_bytes) == (usage, generated)
    assert (meter.finished, meter.saw_error) == (True, False)


@pytest.mark.parametrize("path", ["/v1/messages", CHAT, "/v1/completions", "/v1/responses", "/v1/embeddings"])
def test_an_error_answer_reports_an_error_and_no_usage(path: str) -> None:
    meter = plain(path, {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}})
    assert (meter.usage, meter.generated_bytes, meter.saw_error) == (Usage(), 0, True)


@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
def test_the_usage_that_the_proxy_asked_for_is_taken_out_again_and_nothing_else(path: str) -> None:
    before = sse({"choices": [{"delta": {"content": "Hi"}, "text": "Hi"}], "usage": None}) + b": comment\n\n"
    for after in (b"data: [DONE]\n\n", b"", b"data: unfinished"):
        meter = dialect_for("POST", path).meter(event_stream=True, strip_usage=True)
        relayed = meter.feed(before + sse(USAGE_CHUNK) + after) + meter.finish()
        assert relayed == before + after
        assert meter.usage == USAGE


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [{"delta": {}}], "usage": {"prompt_tokens": 1}},
        {"choices": [], "usage": None},
        {"choices": [], "prompt_filter_results": []},
        {"usage": {"prompt_tokens": 1}},
        {"choices": "?", "usage": {"prompt_tokens": 1}},
    ],
)
def test_an_event_that_is_more_than_usage_is_not_taken_out(event: object) -> None:
    meter = dialect_for("POST", CHAT).meter(event_stream=True, strip_usage=True)
    assert meter.feed(sse(event)) == sse(event)


def test_usage_that_was_not_asked_for_by_the_proxy_is_relayed() -> None:
    assert streamed(CHAT, sse(USAGE_CHUNK)).usage == USAGE


def test_an_error_event_can_follow_whole_events_only() -> None:
    meter = dialect_for("POST", CHAT).meter(event_stream=True)
    told = [meter.between_events]
    for chunk in (b"data: {}\n\nda", b"ta: {}\n\n", b"data: {"):
        meter.feed(chunk)
        told.append(meter.between_events)
    meter.finish()
    assert [*told, meter.between_events] == [True, False, True, False, False]
    assert not dialect_for("POST", CHAT).meter(event_stream=False).between_events


def test_a_stripped_stream_holds_back_its_unfinished_event_and_so_stays_between_events() -> None:
    meter = dialect_for("POST", CHAT).meter(event_stream=True, strip_usage=True)
    assert meter.feed(b"data: {}\n\ndata: {") == b"data: {}\n\n"
    before = meter.between_events
    assert meter.finish() == b"data: {"
    assert (before, meter.between_events) == (True, False)


def test_usage_is_merged_field_by_field() -> None:
    assert Usage(1, 2, 3, 4, 5).updated(Usage()) == Usage(1, 2, 3, 4, 5)
    assert Usage(1, 2, 3, 4, 5).updated(Usage(0, 0, 0, 0, 0)) == Usage(0, 0, 0, 0, 0)
    assert Usage(1).updated(Usage(output_tokens=7)) == Usage(1, 7)


@pytest.mark.parametrize("count", [-1, "many", None, [1], 1.5, 2**32 - 1, 2**63 - 1, 10**400])
def test_a_count_that_is_none_is_not_reported(count: object) -> None:
    assert plain(CHAT, {"usage": {"prompt_tokens": count, "completion_tokens": 3}}).usage == Usage(None, 3)


def test_more_cached_tokens_than_prompt_is_no_negative_input() -> None:
    usage = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}
    assert plain(CHAT, {"usage": usage}).usage == Usage(0, None, 5)


def test_events_that_are_no_json_are_relayed_and_ignored() -> None:
    stream = b"data: {broken\n\ndata: [1]\n\ndata: " + b"[" * 100_000 + b"\n\n" + sse(USAGE_CHUNK, done=True)
    for path in ("/v1/messages", CHAT, "/v1/completions", "/v1/responses"):
        streamed(path, stream)
    assert streamed(CHAT, stream).usage == USAGE


def test_a_plain_answer_in_broken_utf8_is_metered_as_far_as_it_goes() -> None:
    meter = dialect_for("POST", "/v1/messages").meter(event_stream=False)
    meter.feed(b'{"content":[{"input":{"a":"\xff\xfe"}},{"text":"Hi"}],"usage":{"output_tokens":9}}')
    meter.finish()
    assert meter.usage == Usage(output_tokens=9)
    assert meter.output_events == 2


def test_an_ill_typed_event_is_counted_for_what_is_well_typed() -> None:
    event = {"choices": [{"delta": {"content": ["?"], "refusal": "No"}}], "usage": {"prompt_tokens": 3}, "error": None}
    meter = streamed(CHAT, sse(event))
    assert (meter.usage, meter.generated_bytes, meter.saw_error) == (Usage(3), 2, False)


def test_metering_goes_on_beside_an_event_that_is_too_large_only_up_to_it() -> None:
    dialect = DIALECTS["openai_chat"]
    meter = StreamMeter(dialect.read_event, strip_usage=True, largest_event=200)
    stream = sse({"choices": [{"delta": {"content": "Hi"}}]}, {"x": "y" * 200}, USAGE_CHUNK)
    relayed = b"".join(meter.feed(stream[i : i + 50]) for i in range(0, len(stream), 50)) + meter.finish()
    assert relayed == stream
    assert (meter.generated_bytes, meter.usage) == (2, Usage())


def test_a_plain_answer_that_is_too_large_has_unknown_usage() -> None:
    answer = json.dumps({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}).encode()
    dialect = DIALECTS["openai_chat"]
    for largest, usage in ((len(answer), Usage(3, 4)), (len(answer) - 1, Usage())):
        meter = PlainMeter(dialect.read_answer, largest_answer=largest)
        for byte in answer:
            meter.feed(bytes([byte]))
        meter.finish()
        assert (meter.usage, meter.finished) == (usage, usage != Usage())


def test_an_opaque_answer_is_relayed_unmetered() -> None:
    body = sse(USAGE_CHUNK, done=True)
    for event_stream in (True, False):
        meter = dialect_for("GET", "/v1/files/f").meter(event_stream=event_stream)
        assert meter.feed(body) is body
        assert meter.finish() == b""
        assert (meter.usage, meter.generated_bytes) == (Usage(), 0)


def test_a_reader_that_cannot_read_changes_no_byte() -> None:
    def unable(_data: bytes, _tally: Tally) -> bool:
        raise DialectError("no")

    meter = StreamMeter(unable, strip_usage=True)
    assert meter.feed(b"data: a\n\n") == b"data: a\n\n"

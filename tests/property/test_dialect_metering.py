"""Law 1, for usage: the cutting of an answer changes nothing, and no answer whatever makes a meter raise."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.dialect import Dialect
from proxy.dialects.meter import Meter
from proxy.dialects.table import DIALECTS

dialects = st.sampled_from(sorted(DIALECTS.values(), key=lambda dialect: dialect.name))
streaming = st.sampled_from([DIALECTS[name] for name in ("openai_chat", "openai_completions")])

NAMES = (  # noqa: SIM905 - one name a line would fill a page
    "type usage input_tokens output_tokens prompt_tokens completion_tokens prompt_tokens_details cached_tokens choices "
    "delta message content text thinking partial_json tool_calls function arguments output summary response error "
    "input candidates parts finishReason functionCall args thoughtSignature usageMetadata promptTokenCount "
    "totalTokenCount candidatesTokenCount thoughtsTokenCount promptFeedback blockReason"
).split()
WORDS = (  # noqa: SIM905
    "message_start message_delta message_stop content_block_delta response.completed response.output_text.delta error "
    "né"
).split()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=8).map(lambda value: json.dumps(value).encode())
junk = st.binary(max_size=40) | objects | objects.map(lambda body: body[:-3])
lists = st.lists(objects, max_size=4).map(lambda bodies: b" [" + b",\r\n".join(bodies) + b"]")

usage_chunks = st.builds(
    lambda prompt, completion: (
        b'{"choices": [], "usage": %s}'
        % json.dumps({"prompt_tokens": prompt, "completion_tokens": completion}).encode()
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
ends = st.sampled_from([b"\n", b"\r", b"\r\n"])


@st.composite
def event_streams(draw: st.DrawFn) -> bytes:
    end = draw(ends)
    lines = draw(
        st.lists(junk.map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")) | usage_chunks, max_size=6)
    )
    tail = draw(st.binary(max_size=10))
    return b"".join(b"data: " + line + end + end for line in lines) + tail


def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def outcome(meter: Meter, chunks: list[bytes]) -> tuple[Any, ...]:
    relayed = b"".join([meter.feed(chunk) for chunk in chunks] + [meter.finish()])
    return relayed, meter.usage, meter.generated_bytes, meter.output_events, meter.saw_error, meter.finished


@given(st.data(), dialects, st.booleans(), event_streams() | junk | lists)
def test_an_answer_is_metered_and_relayed_the_same_however_it_is_cut(
    data: st.DataObject, dialect: Dialect, event_stream: bool, answer: bytes
) -> None:
    chunks = data.draw(st.composite(cut)(answer))
    whole = outcome(dialect.meter(event_stream=event_stream), [answer])
    assert outcome(dialect.meter(event_stream=event_stream), chunks) == whole
    assert whole[0] == answer


@given(st.data(), streaming, event_streams())
def test_stripping_takes_out_whole_events_the_same_however_the_stream_is_cut(
    data: st.DataObject, dialect: Dialect, stream: bytes
) -> None:
    chunks = data.draw(st.composite(cut)(stream))
    stripped = outcome(dialect.meter(event_stream=True, strip_usage=True), chunks)
    assert stripped == outcome(dialect.meter(event_stream=True, strip_usage=True), [stream])
    assert stripped[1:] == outcome(dialect.meter(event_stream=True), [stream])[1:]
    again = outcome(dialect.meter(event_stream=True, strip_usage=True), [stripped[0]])
    assert again[0] == stripped[0]


@given(st.lists(objects, max_size=5), usage_chunks, st.integers(0, 5), ends)
def test_only_the_event_that_is_usage_alone_is_taken_out(
    lines: list[bytes], usage: bytes, place: int, end: bytes
) -> None:
    events = [b"data: " + b'{"choices":[{}],"x":' + line + b"}" + end + end for line in lines]
    stream = b"".join([*events[:place], b"data: " + usage + end + end, *events[place:]])
    relayed, found, *_ = outcome(DIALECTS["openai_chat"].meter(event_stream=True, strip_usage=True), [stream])
    assert relayed == b"".join(events)
    assert found.input_tokens == json.loads(usage)["usage"]["prompt_tokens"]

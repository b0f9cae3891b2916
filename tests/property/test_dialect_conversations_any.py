"""Whatever a client sends, reading its conversation changes nothing of what admission reads, and its sketch is made."""

from __future__ import annotations

import json

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.dialects.dialect import Dialect
from proxy.dialects.table import DIALECTS
from proxy.errors import DialectError
from proxy.events.sketching import Sketcher

SKETCHER = Sketcher(b"a key", foreign_names=True)
dialects = st.sampled_from(sorted(DIALECTS.values(), key=lambda dialect: dialect.name))
NAMES = (  # noqa: SIM905 - one name a line would fill a page
    "model stream max_tokens n metadata user_id user system instructions input messages role content text type "
    "signature data tools name description input_schema properties function parameters reasoning_details "
    "encrypted_content output prompt temperature top_p thinking source image_url stop contents parts thought "
    "thoughtSignature thought_signature functionResponse response systemInstruction system_instruction inlineData "
    "functionDeclarations parametersJsonSchema generationConfig responseSchema topP content requests"
).split()
WORDS = (  # noqa: SIM905
    "user assistant system tool developer message tool_result function_call_output reasoning text né 推理 \ud83d"
).split()
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.text("aé推 1.", max_size=40)
    | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=8).map(
    lambda body: json.dumps(body).encode("utf-8", "surrogatepass")
)


@given(dialects, bodies | st.binary(max_size=60) | bodies.map(lambda body: body[:-4]))
@example(DIALECTS["anthropic_messages"], b'{"user":"\\ud83d\\ude00","model":"\\ud83d\\ude00","messages":["\\ud83d"]}')
@example(DIALECTS["anthropic_messages"], b'{"top_p":1e999,"messages":[{"content":"a b c d"}]}')
def test_reading_the_conversation_changes_nothing_of_the_request(dialect: Dialect, body: bytes) -> None:
    try:
        expected = dialect.parse("/v1/x?y", body)
    except DialectError:
        expected = None
    try:
        request, conversation = dialect.read("/v1/x?y", body)
    except DialectError:
        assert expected is None
        return
    assert request == expected
    if conversation is not None:
        content = SKETCHER.content(conversation)
        assert len(content.pieces) <= 40
        assert len(set(content.pieces)) == len(content.pieces)
        assert msgspec.json.decode(msgspec.json.encode(content), type=type(content)) == content
        hashes = (*content.pieces, content.asked, content.continues, content.system, content.tools, content.shape)
        assert all(0 <= one < 2**60 for one in hashes)


@given(st.text("abcdefghij XYZ", min_size=12, max_size=80), st.text("abcdef", min_size=12, max_size=20))
def test_no_word_of_a_conversation_is_in_its_sketch(text: str, signature: str) -> None:
    block = {"type": "thinking", "signature": signature}
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": [block]}]
    tools = [{"name": text, "description": text, "input_schema": {"properties": {text: {}}}}]
    body = json.dumps({"system": text, "messages": turns, "tools": tools, "stop_sequences": [text]}).encode()
    _, conversation = DIALECTS["anthropic_messages"].read("/v1/messages", body)
    assert conversation is not None
    content = SKETCHER.content(conversation)
    told = msgspec.json.encode(content).decode() + repr(content)
    assert signature not in told
    assert not [text[at : at + 12] for at in range(len(text) - 11) if text[at : at + 12] in told]

"""Reasoning signatures of answers are named by the meter, streamed or not, and never kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.meter import MOST_SIGNATURES
from proxy.dialects.table import dialect_for
from proxy.events.signatures import name_of

MESSAGES, CHAT, RESPONSES = "/v1/messages", "/v1/chat/completions", "/v1/responses"


def sse(*events: object) -> bytes:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def signatures(path: str, answer: Any, *, event_stream: bool = False, cut: int = 0) -> tuple[str, ...]:
    raw = sse(*answer) if event_stream else json.dumps(answer).encode()
    meter = dialect_for("POST", path).meter(event_stream=event_stream)
    meter.feed(raw[:cut])
    meter.feed(raw[cut:])
    meter.finish()
    return meter.signatures


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


PIECES = [{"type": "signature_delta", "signature": piece} for piece in ("ab", "c", "def")]
STREAM = [
    *block(0, {"type": "thinking", "thinking": "", "signature": ""}, {"thinking": "Hm"}, *PIECES),
    *block(1, {"type": "redacted_thinking", "data": "hidden"}),
    *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Yes"}),
    {"type": "message_stop"},
]


@given(st.integers(0, len(sse(*STREAM))))
def test_the_signatures_of_an_anthropic_stream_are_put_together_however_it_is_cut(cut: int) -> None:
    assert signatures(MESSAGES, STREAM, event_stream=True, cut=cut) == (name_of("abcdef"), name_of("hidden"))


def test_a_signature_that_was_cut_off_is_none() -> None:
    assert signatures(MESSAGES, STREAM[:4], event_stream=True) == ()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (
            MESSAGES,
            {"content": [{"type": "thinking", "signature": "one"}, {"type": "redacted_thinking", "data": "two"}]},
        ),
        (RESPONSES, {"output": [{"type": "reasoning", "encrypted_content": one} for one in ("one", "two")]}),
        (CHAT, {"choices": [{"message": {"reasoning_details": [{"signature": "one"}, {"data": "two"}, {}]}}]}),
    ],
)
def test_the_signatures_of_a_plain_answer_are_named(path: str, answer: Any) -> None:
    assert signatures(path, answer) == (name_of("one"), name_of("two"))


def test_a_responses_stream_signs_with_each_item_that_is_done() -> None:
    item = {"type": "reasoning", "encrypted_content": "first"}
    events = [
        {"type": "response.output_item.added", "item": item},
        {"type": "response.output_text.delta", "delta": "Yes"},
        {"type": "response.output_item.done", "item": item | {"encrypted_content": "final"}},
        {"type": "response.output_item.done", "item": {"type": "message", "content": []}},
        {"type": "response.completed", "response": {"output": [item]}},
    ]
    assert signatures(RESPONSES, events, event_stream=True) == (name_of("final"),)


def test_a_chat_stream_signs_by_the_details_of_its_reasoning() -> None:
    chunks = [{"choices": [{"delta": {"reasoning_details": [{"signature": one}]}}]} for one in (None, "one", "two")]
    assert signatures(CHAT, chunks, event_stream=True) == (name_of("one"), name_of("two"))


def test_the_signatures_of_one_answer_are_bounded() -> None:
    answer = {"content": [{"signature": str(number)} for number in range(2 * MOST_SIGNATURES)]}
    assert len(signatures(MESSAGES, answer)) == MOST_SIGNATURES

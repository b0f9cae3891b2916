"""The one reading of a request's body, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.llm import LONGEST_NAME
from proxy.dialects.reading import Read, read_body
from proxy.dialects.table import dialect_for

PATH = "/v1/messages"
BODY = b'{"model": "m", "metadata": {"user_id": "Ann"}, "messages": [{"role": "user", "content": "Hi"}]}'


def read(body: bytes | None, target: str = PATH, *, with_conversation: bool = True) -> Read:
    return read_body(dialect_for("POST", target), target, body, str.swapcase, with_conversation=with_conversation)


def test_an_end_users_name_does_not_get_past_it() -> None:
    assert read(BODY).request.end_user == "aNN"


def test_a_conversation_is_read_for_whom_wants_it() -> None:
    wanted = read(BODY, PATH + "?beta=true")
    assert wanted.conversation is not None
    assert [turn.text for turn in wanted.conversation.turns] == ["Hi"]
    unwanted = read(BODY, with_conversation=False)
    assert unwanted.conversation is None
    assert unwanted.request == wanted.request


def test_a_body_that_nobody_reads_is_opaque_and_weighs_nothing() -> None:
    assert (read(None).request.dialect, read(None).request.text_bytes, read(None).unreadable) == ("opaque", 0, False)


@pytest.mark.parametrize(
    "target", ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/x"]
)
def test_a_models_name_is_read_up_to_a_bound_and_never_cut(target: str) -> None:
    name = "m" * LONGEST_NAME
    assert read(b'{"model": "%b"}' % name.encode(), target).request.model == name
    found = read(b'{"model": "%bm"}' % name.encode(), target)
    assert (found.request.model, found.unreadable, found.conversation) == (None, True, None)


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"nul", b"[" * 100_000]))
def test_what_is_not_what_its_dialect_asks_for_counts_by_its_size(body: bytes) -> None:
    found = read(body)
    assert found.conversation is None or not found.unreadable
    assert found.request.text_bytes == len(body)

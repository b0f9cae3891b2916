"""A client has an answer's id, and its operator asks for it."""

from __future__ import annotations

import pytest

from proxy.upstream.answer_id import answer_id


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([("Request-Id", "req_011"), ("x-request-id", "other")], "req_011"),
        ([("Date", "now"), ("X-Request-ID", "6f1b/a+=")], "6f1b/a+="),
        ([("request-id", ""), ("x-request-id", "b")], "b"),
        ([("x-request-id", "two words")], None),
        ([("x-request-id", "i" * 129)], None),
        ([("x-request-id", "naïve")], None),
        ([("content-type", "text/plain")], None),
        ([], None),
    ],
)
def test_an_answers_id_is_the_one_that_the_official_sdks_show(headers: list[tuple[str, str]], told: str | None) -> None:
    assert answer_id(headers) == told

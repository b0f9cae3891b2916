"""What an exchange is charged for in the end, where its answer does not tell."""

from __future__ import annotations

import pytest

from proxy.charging import settled_usage
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import LlmRequest, Usage
from proxy.exchange import Ending, Outcome

PLAIN = LlmRequest("openai_chat", "/v1/chat/completions", model="m", max_tokens=1000, text_bytes=400)
STREAM = LlmRequest("openai_chat", "/v1/chat/completions", model="m", stream=True, max_tokens=1000, text_bytes=400)


def written(request: LlmRequest, outcome: Outcome) -> int | None:
    return settled_usage(request, outcome, Estimator()).output_tokens


@pytest.mark.parametrize("ending", [Ending.CLIENT_GONE, Ending.UPSTREAM_BROKE_OFF, Ending.SHUTDOWN])
def test_a_plain_answer_that_is_left_half_way_is_not_free(ending: Ending) -> None:
    half = Outcome(ending, 200, Usage(), generated_bytes=0)
    assert written(PLAIN, half) is None, "unknown, so that what was reserved stays charged"


def test_a_plain_answer_that_cannot_be_read_is_not_free() -> None:
    assert written(PLAIN, Outcome(Ending.COMPLETE, 200, Usage(), generated_bytes=0)) is None


def test_a_stream_that_holds_nothing_but_an_error_is_free() -> None:
    assert written(STREAM, Outcome(Ending.COMPLETE, 200, Usage(), generated_bytes=0)) == 0


def test_an_answer_that_reports_no_usage_is_charged_by_its_text() -> None:
    whole = Outcome(Ending.COMPLETE, 200, Usage(), generated_bytes=400, output_events=1)
    assert written(PLAIN, whole) == written(STREAM, whole) == 100


@pytest.mark.parametrize("status", [None, 200])
def test_a_stream_that_is_left_before_its_first_token_generated_none(status: int | None) -> None:
    seen = None if status is None else 0
    assert written(STREAM, Outcome(Ending.CLIENT_GONE, status, Usage(), seen)) == 0


def test_a_plain_request_that_is_left_before_its_answer_stays_as_it_was_reserved() -> None:
    assert written(PLAIN, Outcome(Ending.CLIENT_GONE)) is None


def test_a_stream_that_is_left_after_its_usage_is_charged_what_it_reported() -> None:
    left = Outcome(Ending.CLIENT_GONE, 200, Usage(12, 230), generated_bytes=920, output_events=58)
    assert written(STREAM, left) == 230
    thought = Outcome(Ending.CLIENT_GONE, 200, Usage(12, 900), generated_bytes=40, output_events=3)
    assert written(STREAM, thought) == 900, "what was not shown was generated all the same"


@pytest.mark.parametrize("status", [400, 429, 529])
def test_an_upstream_that_refuses_generated_nothing(status: int) -> None:
    assert settled_usage(STREAM, Outcome(Ending.UPSTREAM_REFUSED, status), Estimator()) == Usage(0, 0)

import pytest
from msgspec.structs import replace

from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import LONGEST_NAME, LlmRequest, Usage

REQUEST = LlmRequest("anthropic_messages", "/v1/messages", model="m", text_bytes=4000)
OTHER = replace(REQUEST, model="other")


def taught(times: int, request: LlmRequest, usage: Usage, generated_bytes: int = 0) -> Estimator:
    estimator = Estimator()
    for _ in range(times):
        estimator.learn(request, usage, generated_bytes)
    return estimator


def test_before_anything_is_known_a_token_is_four_bytes_and_an_answer_512_tokens() -> None:
    estimator = Estimator()
    assert estimator.input_tokens(REQUEST) == 1000
    assert estimator.output_tokens(REQUEST) == 512
    assert estimator.generated_tokens("m", 401, 3) == 101


def test_input_is_calibrated_by_what_was_charged_for_the_same_model() -> None:
    estimator = taught(
        100, REQUEST, Usage(input_tokens=1500, cache_read_input_tokens=9000, cache_creation_input_tokens=500)
    )
    assert estimator.input_tokens(REQUEST) == pytest.approx(2000, rel=0.01)
    assert estimator.input_tokens(OTHER) == 1000


def test_requests_that_cache_are_calibrated_apart() -> None:
    caching = replace(REQUEST, caches=True)
    estimator = taught(100, caching, Usage(input_tokens=0, cache_read_input_tokens=1000))
    assert estimator.input_tokens(caching) == pytest.approx(4000 / 32, rel=0.05)
    assert estimator.input_tokens(REQUEST) == 1000


def test_output_is_calibrated_by_answers_and_never_exceeds_what_the_request_allows() -> None:
    estimator = taught(200, REQUEST, Usage(output_tokens=100))
    assert estimator.output_tokens(REQUEST) == pytest.approx(100, abs=2)
    assert estimator.output_tokens(replace(REQUEST, max_tokens=7)) == 7


def test_the_tokens_of_a_cut_stream_are_calibrated_by_whole_ones() -> None:
    estimator = taught(100, REQUEST, Usage(output_tokens=100), generated_bytes=200)
    assert estimator.generated_tokens("m", 1000, 0) == pytest.approx(500, rel=0.05)
    assert estimator.generated_tokens("other", 1000, 0) == 250


def test_tokens_that_come_out_whole_are_not_rounded_up() -> None:
    estimator = Estimator()
    for size in range(40, 4000, 44):
        estimator.learn(REQUEST, Usage(output_tokens=size // 4), size)
        assert [estimator.generated_tokens("m", 4 * tokens, 0) for tokens in range(200)] == list(range(200))


def test_every_event_of_a_cut_stream_is_a_token_at_least() -> None:
    assert Estimator().generated_tokens("m", 40, 30) == 30
    assert Estimator().generated_tokens(None, 0, 0) == 0


def test_an_answer_that_reports_nothing_teaches_nothing() -> None:
    estimator = taught(50, REQUEST, Usage(reasoning_tokens=5), generated_bytes=10_000)
    assert (estimator.input_tokens(REQUEST), estimator.output_tokens(REQUEST)) == (1000, 512)
    assert estimator.generated_tokens("m", 1000, 0) == 250


def test_nobody_can_teach_an_estimate_out_of_its_bounds() -> None:
    low = taught(100, replace(REQUEST, text_bytes=30_000_000), Usage(input_tokens=1, output_tokens=1), 10**9)
    assert low.input_tokens(REQUEST) >= low.least_input_tokens(REQUEST) == 500
    assert low.generated_tokens("m", 4000, 0) >= 500
    high = taught(100, replace(REQUEST, text_bytes=1), Usage(input_tokens=10**9, output_tokens=10**9), 1)
    assert high.input_tokens(REQUEST) <= 4000
    assert high.generated_tokens("m", 4000, 0) <= 4000


def test_one_huge_request_does_not_outweigh_the_others() -> None:
    estimator = taught(50, REQUEST, Usage(input_tokens=1000))
    estimator.learn(replace(REQUEST, text_bytes=30_000_000), Usage(input_tokens=30_000_000), 0)
    assert estimator.input_tokens(REQUEST) < 1800


def test_the_least_input_is_sure_where_no_cache_can_lower_it() -> None:
    estimator = Estimator()
    assert estimator.least_input_tokens(REQUEST) == 500
    assert estimator.least_input_tokens(replace(REQUEST, caches=True)) == 0


def test_openai_and_google_cache_long_prompts_unasked_so_only_a_short_prefix_is_sure() -> None:
    estimator = Estimator()
    for dialect in ("openai_chat", "openai_responses", "gemini_generate"):
        assert estimator.least_input_tokens(replace(REQUEST, dialect=dialect)) == 500
        assert estimator.least_input_tokens(replace(REQUEST, dialect=dialect, text_bytes=10**6)) == 1024
    assert estimator.least_input_tokens(replace(REQUEST, dialect="openai_embeddings", text_bytes=10**6)) == 125_000


def test_an_opaque_request_is_estimated_at_nothing() -> None:
    opaque = LlmRequest("opaque", "/v1/files", model="m")
    estimator = Estimator()
    assert estimator.input_tokens(opaque) == estimator.output_tokens(opaque) == 0
    assert estimator.least_input_tokens(replace(opaque, text_bytes=800)) == 0


def test_models_beyond_the_bound_and_junk_names_share_one_estimate() -> None:
    estimator = Estimator(most_models=2)
    for name in ("a", "b", "c", "x" * (LONGEST_NAME + 1), None):
        estimator.learn(replace(REQUEST, model=name), Usage(output_tokens=1000), 0)
    own = estimator.output_tokens(replace(REQUEST, model="a"))
    assert own == estimator.output_tokens(replace(REQUEST, model="b")) < 550
    shared = estimator.output_tokens(replace(REQUEST, model="c"))
    assert shared == estimator.output_tokens(replace(REQUEST, model="never seen")) > 550


def test_names_that_no_upstream_answers_for_take_no_place() -> None:
    estimator = Estimator(most_models=1)
    for junk in range(1000):
        request = replace(REQUEST, model=f"junk-{junk}")
        estimator.input_tokens(request)
        estimator.learn(request, Usage(), 0)
    for _ in range(100):
        estimator.learn(REQUEST, Usage(output_tokens=9), 0)
    assert estimator.output_tokens(REQUEST) < 20
    assert estimator.output_tokens(OTHER) == 512


def test_the_same_calls_give_the_same_estimates() -> None:
    one, other = (taught(17, REQUEST, Usage(777, 333), 1234) for _ in range(2))
    assert one.input_tokens(REQUEST) == other.input_tokens(REQUEST)
    assert one.output_tokens(REQUEST) == other.output_tokens(REQUEST)
    assert one.generated_tokens("m", 999, 1) == other.generated_tokens("m", 999, 1)

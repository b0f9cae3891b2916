from datetime import UTC, datetime

import pytest

from proxy.admission.headers import Standing, go_duration, ratelimit_headers, rfc3339
from proxy.admission.quota import Unit
from proxy.dialects.llm import Family

NOW_US = 1_795_233_600_000_000  # 2026-11-21T04:00:00Z
SECOND = 1_000_000
TELLING = [Family.ANTHROPIC, Family.OPENAI]


def of(family: Family, *standings: Standing) -> dict[str, str]:
    headers = ratelimit_headers(family, standings, NOW_US)
    assert len(dict(headers)) == len(headers)
    return dict(headers)


def test_anthropic_answers_tell_every_limit_with_the_time_of_its_reset() -> None:
    assert of(
        Family.ANTHROPIC,
        Standing(Unit.REQUESTS, 50, 49, 1_200_000),
        Standing(Unit.INPUT_TOKENS, 40_000, 31_499, 60 * SECOND),
        Standing(Unit.OUTPUT_TOKENS, 64_000, 63_500, 0),
    ) == {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-11-21T04:00:02Z",
        "anthropic-ratelimit-tokens-limit": "40000",
        "anthropic-ratelimit-tokens-remaining": "31000",
        "anthropic-ratelimit-tokens-reset": "2026-11-21T04:01:00Z",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "31000",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-21T04:01:00Z",
        "anthropic-ratelimit-output-tokens-limit": "64000",
        "anthropic-ratelimit-output-tokens-remaining": "64000",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-21T04:00:00Z",
    }


def test_openai_answers_tell_requests_and_the_tightest_tokens_with_durations() -> None:
    assert of(
        Family.OPENAI,
        Standing(Unit.REQUESTS, 50, 49, 1_200_000),
        Standing(Unit.INPUT_TOKENS, 40_000, 31_499, 60 * SECOND),
        Standing(Unit.TOTAL_TOKENS, 5_000_000, 2_000_001, 3600 * SECOND),
    ) == {
        "x-ratelimit-limit-requests": "50",
        "x-ratelimit-remaining-requests": "49",
        "x-ratelimit-reset-requests": "1.2s",
        "x-ratelimit-limit-tokens": "5000000",
        "x-ratelimit-remaining-tokens": "2000001",
        "x-ratelimit-reset-tokens": "1h0m0s",
    }


@pytest.mark.parametrize("family", TELLING)
def test_of_several_limits_on_one_unit_the_one_with_the_smallest_share_left_is_told(family: Family) -> None:
    account = Standing(Unit.REQUESTS, 50, 25, SECOND)
    network = Standing(Unit.REQUESTS, 600, 240, SECOND)
    for order in ((account, network), (network, account)):
        headers = of(family, *order)
        assert "600" in headers.values()
        assert "50" not in headers.values()


@pytest.mark.parametrize("family", TELLING)
def test_of_limits_that_have_nothing_left_the_first_is_told(family: Family) -> None:
    headers = of(family, Standing(Unit.INPUT_TOKENS, 1000, 0, SECOND), Standing(Unit.OUTPUT_TOKENS, 10, 0, SECOND))
    assert {value for name, value in headers.items() if "remaining" in name} == {"0"}
    assert "1000" in headers.values()


@pytest.mark.parametrize("family", Family)
def test_concurrency_and_no_limits_at_all_have_no_headers(family: Family) -> None:
    assert of(family) == {}
    assert of(family, Standing(Unit.CONCURRENT, 16, 1, 0)) == {}


def test_google_answers_tell_no_limits_because_the_real_ones_do_not() -> None:
    assert of(Family.GOOGLE, Standing(Unit.REQUESTS, 50, 25, SECOND)) == {}


@pytest.mark.parametrize(
    ("limit", "remaining", "told"),
    [
        (40_000, 999, "999"),
        (40_000, 1000, "1000"),
        (40_000, 1499, "1000"),
        (40_000, 1500, "2000"),
        (1700, 1600, "1700"),
        (40_000, 40_000, "40000"),
    ],
)
def test_anthropic_tokens_are_rounded_to_the_nearest_thousand(limit: int, remaining: int, told: str) -> None:
    headers = of(Family.ANTHROPIC, Standing(Unit.TOTAL_TOKENS, limit, remaining, 0))
    assert headers["anthropic-ratelimit-tokens-remaining"] == told
    assert of(Family.OPENAI, Standing(Unit.TOTAL_TOKENS, limit, remaining, 0))["x-ratelimit-remaining-tokens"] == str(
        remaining
    )


def test_anthropic_requests_are_told_exactly() -> None:
    headers = of(Family.ANTHROPIC, Standing(Unit.REQUESTS, 5000, 1499, 0))
    assert headers["anthropic-ratelimit-requests-remaining"] == "1499"


@pytest.mark.parametrize(
    ("duration_us", "written"),
    [
        (0, "0s"),
        (-5, "0s"),
        (1, "1ms"),
        (20_000, "20ms"),
        (20_001, "21ms"),
        (999_001, "1s"),
        (SECOND, "1s"),
        (1_146_000, "1.146s"),
        (1_200_000, "1.2s"),
        (1_050_000, "1.05s"),
        (60 * SECOND, "1m0s"),
        (360 * SECOND, "6m0s"),
        (3600 * SECOND, "1h0m0s"),
        (86_400 * SECOND, "24h0m0s"),
        (3_661_500_000, "1h1m1.5s"),
    ],
)
def test_durations_are_written_as_go_writes_them(duration_us: int, written: str) -> None:
    assert go_duration(duration_us) == written


def test_a_reset_is_a_second_in_utc() -> None:
    for moment in (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2168, 12, 31, tzinfo=UTC)):
        assert datetime.fromisoformat(rfc3339(int(moment.timestamp()))) == moment
    assert rfc3339(0) == "1970-01-01T00:00:00Z"

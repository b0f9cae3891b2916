"""What the official SDKs raise, and when they try again: as with the real APIs, whoever refuses."""

from __future__ import annotations

import asyncio
import re
import socket
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import openai
import pytest

from tests.functional.conftest import OPEN_POLICY, Running, ServeFactory
from tests.functional.sdk_ways import ALL_WAYS, FIELDS, Way

ONE_EACH = [Way(endpoint, asynchronous=True, streamed=False) for endpoint in FIELDS]
STREAMS = [way for way in ALL_WAYS if way.streamed]
LARGE = "x" * 2 * 2**20
GO_DURATION = re.compile(r"(\d+h)?(\d+m)?\d+(\.\d+)?m?s")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def account(tier: str = "free", mock: str = "") -> dict[str, str]:
    """The headers of an account that nobody has used; `mock` scripts the model API's answer."""
    return {"x-account-id": uuid.uuid4().hex, "x-account-tier": tier, "x-mock": mock}


def exchanges(proxy: Running, way: Way) -> dict[str, float]:
    """How many exchanges of the way's dialect ended how, at the proxy's counters."""
    sample = 'stillgate_exchanges_total{{dialect="{}",outcome="{}"}}'
    return {name: proxy.metric(sample.format(way.dialect, name)) for name in ("allow", "throttle", "block")}


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: count - before[name] for name, count in after.items() if count != before[name]}


def assert_body(fault: Any, type_: str, code: str | None) -> None:
    """The error's body is whole, and the SDK found in it what it looks for."""
    if isinstance(fault, anthropic.APIStatusError):
        error = {"type": type_, "message": fault.api_message}
        assert fault.body == {"type": "error", "error": error, "request_id": fault.request_id}
        assert fault.type == type_
    else:
        assert isinstance(fault, openai.APIStatusError)
        assert isinstance(fault.body, dict)
        assert fault.body == {"message": fault.body["message"], "type": type_, "param": None, "code": code}
        assert (fault.type, fault.code) == (type_, code)
    assert fault.request_id is not None


def assert_limits(way: Way, headers: Mapping[str, str], **limits: tuple[str, str]) -> None:
    """For each noun the limit, what remains, and a reset in the form of the real API."""
    for name, (limit, remaining) in limits.items():
        noun = name.replace("_", "-")
        if way.sdk is anthropic:
            told = [headers[f"anthropic-ratelimit-{noun}-{field}"] for field in ("limit", "remaining", "reset")]
            assert RFC3339.fullmatch(told[2])
        else:
            told = [headers[f"x-ratelimit-{field}-{noun}"] for field in ("limit", "remaining", "reset")]
            assert GO_DURATION.fullmatch(told[2])
        assert told[:2] == [limit, remaining]


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_an_empty_bucket_raises_rate_limit_error_and_tells_when_to_come_back(
    way: Way, sdk_proxy: Running
) -> None:
    headers = account("spent")
    await way.ask(sdk_proxy.url, extra_headers=headers)
    fault = await way.fault(sdk_proxy.url, extra_headers=headers)
    assert type(fault) is way.sdk.RateLimitError
    assert "'spent-rpd'" in str(fault)
    assert_body(fault, "rate_limit_error" if way.sdk is anthropic else "requests", "rate_limit_exceeded")
    told = fault.response.headers
    assert 86_000 < int(told["retry-after"]) <= 86_400
    assert 86_000_000 < int(told["retry-after-ms"]) <= 86_400_000
    assert_limits(way, told, requests=("1", "0"))


@pytest.mark.parametrize("way", ONE_EACH, ids=str)
async def test_a_budget_that_is_spent_until_tomorrow_is_raised_at_once(way: Way, sdk_proxy: Running) -> None:
    headers = account("spent")
    await way.ask(sdk_proxy.url, extra_headers=headers)
    before = exchanges(sdk_proxy, way)
    async with asyncio.timeout(20):
        fault = await way.fault(sdk_proxy.url, retries=2, extra_headers=headers)
    assert type(fault) is way.sdk.RateLimitError
    assert since(before, exchanges(sdk_proxy, way)) == {"throttle": 1}


async def test_the_sdks_own_retries_succeed_after_the_wait_they_were_asked_for(sdk_proxy: Running) -> None:
    few = asyncio.Semaphore(3)  # all at once take so long that most buckets are full again before the second request

    async def retries(way: Way) -> int:
        headers = account("brisk")
        async with few:
            await way.ask(sdk_proxy.url, extra_headers=headers)
            return (await way.head(sdk_proxy.url, retries=2, extra_headers=headers)).retries_taken

    before = [exchanges(sdk_proxy, way) for way in ONE_EACH]
    taken = await asyncio.gather(*map(retries, ALL_WAYS))
    after = [exchanges(sdk_proxy, way) for way in ONE_EACH]
    assert max(taken) == 1, "a try before its time would have been throttled as well, and made a second one"
    assert sum(taken) > len(ALL_WAYS) / 2, "only where three take half a second is the bucket full again at once"
    changes = [since(*counts) for counts in zip(before, after, strict=True)]
    assert sum(change.get("throttle", 0) for change in changes) == sum(taken)
    assert sum(change["allow"] for change in changes) == 2 * len(ALL_WAYS)


@pytest.mark.parametrize("way", [way for way in ALL_WAYS if way.endpoint != "embeddings"], ids=str)
async def test_a_request_that_can_never_pass_is_raised_at_once_and_not_tried_again(
    way: Way, sdk_proxy: Running
) -> None:
    bound = {"messages": "max_tokens", "chat": "max_completion_tokens", "responses": "max_output_tokens"}
    before = exchanges(sdk_proxy, way)
    fault = await way.fault(
        sdk_proxy.url, retries=2, extra_headers=account("small"), **{bound.get(way.endpoint, "max_tokens"): 51}
    )
    assert type(fault) is way.sdk.RateLimitError
    assert "limit 50, remaining 50, requested 51" in str(fault)
    assert_body(fault, "rate_limit_error" if way.sdk is anthropic else "tokens", "rate_limit_exceeded")
    assert "retry-after" not in fault.response.headers
    assert since(before, exchanges(sdk_proxy, way)) == {"throttle": 1}


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_an_access_rule_raises_permission_denied_and_is_not_tried_again(way: Way, sdk_proxy: Running) -> None:
    before = exchanges(sdk_proxy, way)
    fault = await way.fault(sdk_proxy.url, retries=2, model="m-frontier-1", extra_headers=account())
    assert type(fault) is way.sdk.PermissionDeniedError
    assert "This model needs a verified account." in str(fault)
    assert_body(fault, "permission_error", "permission_denied")
    assert since(before, exchanges(sdk_proxy, way)) == {"block": 1}


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_a_body_that_is_too_large_raises_what_it_raises_at_the_real_api(
    way: Way, mock_api: Running, sdk_proxy: Running
) -> None:
    real = await way.fault(mock_api.url, extra_headers={"x-mock": "status=413"})
    fault = await way.fault(sdk_proxy.url, extra_body={"padding": LARGE}, extra_headers=account())
    assert type(fault) is type(real)
    assert fault.status_code == 413
    assert_body(fault, "request_too_large" if way.sdk is anthropic else "invalid_request_error", "request_too_large")


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
@pytest.mark.parametrize("way", [*ONE_EACH, *STREAMS], ids=str)
async def test_an_error_of_the_upstream_raises_what_it_raises_without_the_proxy(
    way: Way, status: int, mock_api: Running, sdk_proxy: Running
) -> None:
    headers = account(mock=f"status={status}, retry-after=7")
    direct = await way.fault(mock_api.url, extra_headers=headers)
    fault = await way.fault(sdk_proxy.url, extra_headers=headers)
    assert type(fault) is type(direct)
    assert _without_id(fault.body) == _without_id(direct.body)
    assert fault.response.headers["retry-after"] == "7"
    own = [name for name in fault.response.headers if "ratelimit" in name]
    assert bool(own) == (status not in (429, 529)), "what the upstream limits it must say itself"


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_a_bad_request_raises_bad_request_error(way: Way, sdk_proxy: Running) -> None:
    fault = await way.fault(sdk_proxy.url, extra_headers=account(), extra_body={_content(way): None})
    assert type(fault) is way.sdk.BadRequestError


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_an_overloaded_upstream_is_tried_again_when_it_says(way: Way, sdk_proxy: Running) -> None:
    before = exchanges(sdk_proxy, way)
    headers = account(mock="status=529, retry-after=0.01, times=2")
    assert await way.ask(sdk_proxy.url, retries=2, extra_headers=headers)
    assert since(before, exchanges(sdk_proxy, way)) == {"allow": 3}


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port that is taken, and refuses connections."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


async def test_an_upstream_that_refuses_connections_raises_internal_server_error(
    serve: ServeFactory, closed_port: int
) -> None:
    proxy = serve(OPEN_POLICY, "--upstream", f"http://127.0.0.1:{closed_port}")
    for way in ALL_WAYS:
        fault = await way.fault(proxy.url)
        assert type(fault) is way.sdk.InternalServerError
        assert fault.status_code == 502
        assert_body(fault, "api_error" if way.sdk is anthropic else "server_error", "bad_gateway")
    assert proxy.metric('stillgate_upstream_errors_total{kind="unreachable"}') == len(ALL_WAYS)


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_an_upstream_that_hangs_up_before_its_answer_raises_internal_server_error(
    way: Way, sdk_proxy: Running
) -> None:
    fault = await way.fault(sdk_proxy.url, extra_headers=account(mock="cut"))
    assert type(fault) is way.sdk.InternalServerError
    assert fault.status_code == 502


@pytest.mark.parametrize("way", STREAMS, ids=str)
async def test_an_error_within_a_stream_is_told_as_without_the_proxy(
    way: Way, mock_api: Running, sdk_proxy: Running
) -> None:
    headers = account(mock="error=after 3 events")
    told = [await _told(way, url, headers) for url in (mock_api.url, sdk_proxy.url)]
    assert told[0] == told[1]


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_an_answer_that_the_upstream_breaks_off_never_looks_whole(way: Way, sdk_proxy: Running) -> None:
    headers = account(mock="cut=after 5 events")
    fault = await _raised(way, sdk_proxy.url, headers)
    if way.streamed:
        assert isinstance(fault, way.sdk.APIError)
        assert "The upstream broke off its answer." in str(fault)


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
async def test_an_answer_tells_the_limits_in_the_form_of_the_real_api(way: Way, sdk_proxy: Running) -> None:
    headers = account("brisk")
    told = (await way.head(sdk_proxy.url, extra_headers=headers)).headers
    if way.sdk is anthropic:
        limit = "10000000"
        assert_limits(
            way,
            told,
            requests=("1", "0"),
            tokens=(limit, limit),
            input_tokens=(limit, limit),
            output_tokens=(limit, limit),
        )
    else:
        assert_limits(way, told, requests=("1", "0"))
        assert told["x-ratelimit-limit-tokens"] == "10000000"
        assert 10_000_000 - 500 <= int(told["x-ratelimit-remaining-tokens"]) <= 10_000_000
        assert GO_DURATION.fullmatch(told["x-ratelimit-reset-tokens"])


def _content(way: Way) -> str:
    """The field that an endpoint cannot do without."""
    return {"messages": "messages", "chat": "messages", "completions": "prompt"}.get(way.endpoint, "input")


def _without_id(body: Any) -> Any:
    return {**body, "request_id": ""} if isinstance(body, dict) else body


async def _told(way: Way, url: str, headers: dict[str, str]) -> Any:
    """What comes of a stream: its events, or the exception."""
    try:
        return await way.ask(url, extra_headers=headers)
    except (anthropic.APIError, openai.APIError) as fault:
        return type(fault), _without_id(fault.body)


async def _raised(way: Way, url: str, headers: dict[str, str]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - httpx's own errors come through the SDKs unwrapped
        await way.ask(url, extra_headers=headers)
    return caught.value

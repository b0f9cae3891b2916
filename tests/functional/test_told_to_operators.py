"""What the log and the metrics say of exchanges that an operator has to know about: whose, of which model, how many."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from proxy.observe import LOGS_PER_SECOND
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, connect, request_bytes

USAGE = b'{"usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}'
BODY = b'{"model": "m-1", "messages": [{"role": "user", "content": "a secret matter"}]}'
TIERS = """\
version: 1
trusted_proxies: [127.0.0.0/8]
tiers: {free: {}, enterprise: {quotas: {rpm: {rate: 1k/min}}}}
default_tier: free
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 1/day}
overrides:
  - {account: pinned, tier: enterprise}
"""


async def ask(proxy: Proxy, model_api: RawUpstream, status: str = "200 OK", *headers: tuple[str, str]) -> Message:
    sent = (("Content-Type", "application/json"), *headers)
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/chat/completions?key=sk-secret", *sent, body=BODY))
        await model_api.answer(
            answer_bytes(status, ("Connection", "close"), ("Content-Type", "application/json"), body=USAGE)
        )
        return await client.message()


async def refused(proxy: Proxy, *headers: tuple[str, str]) -> Message:
    async with await connect(proxy.url) as client:
        sent = (("Content-Type", "application/json"), *headers)
        await client.send(request_bytes("POST /v1/chat/completions?key=sk-secret", *sent, body=BODY))
        return await client.message()


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    found = [vars(record) for record in caplog.records if record.message == message]
    assert "secret" not in repr(found)
    return found


def account(name: str) -> tuple[str, str]:
    return ("x-account-id", name)


@pytest.mark.parametrize(
    ("status", "level"), [(500, "WARNING"), (529, "WARNING"), (401, "WARNING"), (429, "WARNING"), (404, "INFO")]
)
async def test_an_error_of_the_upstreams_is_logged_with_whose_it_was(
    proxy: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture, status: int, level: str
) -> None:
    caplog.set_level(logging.INFO, "stillgate.decisions")
    await ask(proxy, model_api, "200 OK", account("acct_2"))
    await ask(proxy, model_api, f"{status} No", account("acct_1"))
    await ask(proxy, model_api, "200 OK", account("acct_2"))
    (line,) = lines(caplog, "upstream answered with an error")
    assert (line["levelname"], line["status"], line["account"]) == (level, status, "acct_1")
    assert (line["model"], line["path"]) == ("m-1", "/v1/chat/completions")
    assert line["exchange"].startswith("req_")


async def test_an_upstream_that_answers_all_with_errors_does_not_fill_the_log_and_lines_left_out_are_told(
    proxy: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "stillgate.decisions")
    monkeypatch.setattr(proxy.clock, "monotonic_us", lambda: 5_000_000)
    for _ in range(LOGS_PER_SECOND + 5):
        await ask(proxy, model_api, "503 No")
    await ask(proxy, model_api, "400 No")
    monkeypatch.setattr(proxy.clock, "monotonic_us", lambda: 6_000_000)
    await ask(proxy, model_api, "503 No")
    await ask(proxy, model_api, "503 No")
    told = lines(caplog, "upstream answered with an error")
    assert [line["status"] for line in told] == [503] * LOGS_PER_SECOND + [400, 503, 503]
    assert [line.get("left_out") for line in told][-3:] == [None, 5, None]


async def test_a_refusal_is_logged_with_what_one_looks_for(
    model_api: RawUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stillgate.decisions")
    who = (account("acct_1"), ("x-account-org", "acme"), ("x-account-tier", "free"))
    async with proxy_before(model_api.url, tmp_path, TIERS) as proxy:
        await ask(proxy, model_api, "200 OK", *who)
        assert (await refused(proxy, *who)).status == 429
    (line,) = lines(caplog, "exchange refused")
    assert [line[key] for key in ("account", "org", "tier", "model")] == ["acct_1", "acme", "free", "m-1"]
    assert (line["path"], line["rule"], line["action"]) == ("/v1/chat/completions", "rpm", "throttle")


async def test_a_tier_that_the_policy_does_not_declare_is_counted_and_named_in_the_log(
    model_api: RawUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiers = {"a": "enterprise", "b": "Enterprise", "c": "free", "pinned": "enterprise-plus"}
    async with proxy_before(model_api.url, tmp_path, TIERS) as proxy:
        for name, tier in tiers.items():
            await ask(proxy, model_api, "200 OK", account(name), ("x-account-tier", tier))
        await ask(proxy, model_api, "200 OK", account("d"))
        assert (await refused(proxy, account("b"), ("x-account-tier", "Enterprise"))).status == 429
        told = (await proxy.exposition()).decode()
    assert "stillgate_undeclared_tiers_total 2.0\n" in told
    assert "Enterprise" not in told
    first, _ = lines(caplog, "the policy declares no such tier, so that the default tier holds")
    assert [first[key] for key in ("levelname", "undeclared_tier", "tier", "account")] == [
        "WARNING",
        "Enterprise",
        "free",
        "b",
    ]


async def test_of_a_policy_without_tiers_none_is_undeclared(
    proxy: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(proxy, model_api, "200 OK", account("a"), ("x-account-tier", "gold"))
    assert "stillgate_undeclared_tiers_total 0.0\n" in (await proxy.exposition()).decode()
    assert caplog.records == []


@pytest.mark.parametrize("key", ["", "sk-operator"])
async def test_metrics_tell_whose_key_goes_upstream_and_faults_of_its_own_from_zero(
    model_api: RawUpstream, tmp_path: Path, key: str
) -> None:
    """The alerts ask the first how bad a 401 is, and see no increase in a series that begins with the first fault."""
    async with proxy_before(model_api.url, tmp_path, upstream_key=key) as proxy:
        told = (await proxy.exposition()).decode()
    assert f"stillgate_upstream_key_lent {float(bool(key))}\n" in told
    assert 'stillgate_responses_total{code="500",source="proxy"} 0.0\n' in told


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1beta/models/m-1:generateContent"])
async def test_a_model_that_the_upstream_has_not_answered_for_is_not_named_in_the_log(
    proxy: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """It is what a client made up, and may be anything."""
    async with await connect(proxy.url) as client:
        await client.send(request_bytes(f"POST {path}", ("Content-Type", "application/json"), body=BODY))
        await model_api.answer(answer_bytes("403 No"))
        await client.message()
    (line,) = lines(caplog, "upstream answered with an error")
    assert (line["model"], "m-1" in line["path"]) == ("_other", False)

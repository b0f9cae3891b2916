"""What a client says of itself counts only where the policy trusts the peer that says it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, connect, request_bytes

POLICY = """\
version: 1
trusted_proxies: [%s]
tiers: {free: {}, scale: {}}
default_tier: free
access:
  - {id: verified-only, deny: {model: frontier}, unless: {verified: true}}
quotas:
  - {id: account, key: [account], unit: requests, rate: 1/day, burst: %d}
  - {id: network, key: [network], unit: requests, rate: 1/day, burst: %d}
  - {id: free-tier, match: {tier: free}, key: [account], unit: requests, rate: 1/day, burst: %d}
"""
ATTRIBUTES = [
    ("x-account-id", "acct_victim"),
    ("X-Account-Org", "org"),
    ("x-account-tier", "scale"),
    ("x-account-verified", "true"),
    ("x-account-country", "US"),
    ("x-account-created", "2020-01-01T00:00:00Z"),
    ("x-account-payment", "card"),
    ("x-ja4", "t13d"),
]
CHAINS = [
    ("X-Forwarded-For", "203.0.113.7"),
    ("x-forwarded-for", "198.51.100.1, 203.0.113.8"),
    ("Forwarded", 'for="[2001:db8::1]"'),
    ("X-Real-IP", "203.0.113.7"),
    ("X-Forwarded-Host", "internal.example"),
    ("x-forwarded-proto", "https"),
    ("True-Client-IP", "203.0.113.7"),
]
SPOOFED = {name.lower() for name, _ in (*ATTRIBUTES, *CHAINS)}


@asynccontextmanager
async def proxy_that_trusts(
    model_api: RawUpstream,
    folder: Path,
    trusted: str,
    *,
    account: int = 100,
    network: int = 100,
    free: int = 100,
    **settings: Any,
) -> AsyncIterator[Proxy]:
    log = folder / "exchanges.jsonl"
    policy = POLICY % (trusted, account, network, free)
    async with proxy_before(model_api.url, folder, policy, exchange_log=str(log), **settings) as proxy:
        yield proxy


async def ask(
    proxy: Proxy, model_api: RawUpstream, *headers: tuple[str, str], body: bytes = b"{}"
) -> tuple[Message, Message | None]:
    """The answer, and what reached the upstream, if anything did."""
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-api-key", "sk-mine"), *headers, body=body))
        playing = asyncio.ensure_future(model_api.answer(answer_bytes("200 OK", ("Connection", "close"))))
        answer = await client.message()
        if answer.status == 200:
            return answer, (await playing)[1]
        playing.cancel()
    return answer, None


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "exchanges.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("limit", ["account", "network", "free"])
async def test_claims_of_an_untrusted_peer_change_no_bucket(model_api: RawUpstream, tmp_path: Path, limit: str) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "", **{limit: 3}) as proxy:
        spoofs = [(), *((spoof,) for spoof in (*ATTRIBUTES, *CHAINS, ("x-account-id", "acct_other")))]
        statuses = [(await ask(proxy, model_api, *spoof))[0].status for spoof in spoofs]
    assert statuses == [200] * 3 + [429] * (len(statuses) - 3)


async def test_claims_of_an_untrusted_peer_reach_neither_upstream_nor_log(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "") as proxy:
        _, plain = await ask(proxy, model_api)
        underscored = [(name.replace("-", "_"), value) for name, value in (*ATTRIBUTES, *CHAINS) if "-" in name]
        _, spoofed = await ask(proxy, model_api, *ATTRIBUTES, *CHAINS, *underscored)
    assert plain is not None
    assert spoofed is not None
    assert spoofed.headers == plain.headers
    assert spoofed.values("X-Forwarded-For") == ["127.0.0.1"]
    first, second = logged(tmp_path)
    for line in (first, second):
        line["features"]["principal"].pop("client")  # the names of all headers, unknown ones included
    assert (first["peer_ip"], first["features"]["principal"]) == (second["peer_ip"], second["features"]["principal"])


async def test_an_untrusted_peer_cannot_verify_itself(model_api: RawUpstream, tmp_path: Path) -> None:
    frontier = b'{"model": "frontier", "max_tokens": 1, "messages": []}'
    async with proxy_that_trusts(model_api, tmp_path, "10.0.0.0/8") as proxy:
        assert (await ask(proxy, model_api, *ATTRIBUTES, body=frontier))[0].status == 403
    async with proxy_that_trusts(model_api, tmp_path, "127.0.0.0/8") as proxy:
        assert (await ask(proxy, model_api, *ATTRIBUTES, body=frontier))[0].status == 200


@pytest.mark.parametrize("limit", ["account", "network", "free"])
async def test_claims_of_a_trusted_peer_count(model_api: RawUpstream, tmp_path: Path, limit: str) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "127.0.0.0/8", **{limit: 1}) as proxy:
        one = (("x-account-id", "acct_1"), ("X-Forwarded-For", "203.0.113.7"))
        same = (("x-account-id", "acct_1"), ("X-Forwarded-For", "203.0.113.9"))
        other = (("x-account-id", "acct_2"), ("X-Forwarded-For", "198.51.100.1"))
        statuses = [(await ask(proxy, model_api, *headers))[0].status for headers in (one, same, other)]
    assert statuses == [200, 429, 200]


async def test_the_tier_that_a_trusted_peer_tells_counts(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "127.0.0.0/8", free=1) as proxy:
        scale = (("x-account-id", "acct_1"), ("x-account-tier", "scale"))
        statuses = [(await ask(proxy, model_api, *scale))[0].status for _ in range(3)]
    assert statuses == [200] * 3


@pytest.mark.parametrize("passes", [True, False])
async def test_what_a_trusted_peer_tells_reaches_the_upstream_as_the_operator_says(
    model_api: RawUpstream, tmp_path: Path, passes: bool
) -> None:
    async with proxy_that_trusts(
        model_api, tmp_path, "127.0.0.0/8", pass_attributes=passes, pass_addresses=passes
    ) as proxy:
        _, request = await ask(proxy, model_api, *ATTRIBUTES, *CHAINS[2:], ("X-Forwarded-For", "203.0.113.7"))
    assert request is not None
    told = [pair for pair in request.headers if pair[0].lower() in SPOOFED - {"x-forwarded-for"}]
    where = [pair for pair in CHAINS[2:] if pair[0].lower() in ("x-forwarded-host", "x-forwarded-proto")]
    assert told == ([*ATTRIBUTES, *CHAINS[2:]] if passes else where)
    assert request.values("X-Forwarded-For") == (["203.0.113.7, 127.0.0.1"] if passes else [])
    assert logged(tmp_path)[0]["peer_ip"] == "203.0.113.7"


async def test_unless_the_operator_says_otherwise_the_upstream_sees_addresses_and_no_attributes(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "127.0.0.0/8") as proxy:
        _, request = await ask(proxy, model_api, *ATTRIBUTES, *CHAINS[2:], ("X-Forwarded-For", "203.0.113.7"))
    assert request is not None
    told = [pair for pair in request.headers if pair[0].lower() in SPOOFED - {"x-forwarded-for"}]
    assert (told, request.values("X-Forwarded-For")) == (CHAINS[2:], ["203.0.113.7, 127.0.0.1"])


async def test_only_the_credential_that_is_charged_reaches_the_upstream(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "") as proxy:
        _, request = await ask(proxy, model_api, ("Authorization", "Bearer sk-other"))
        assert request is not None
        assert (request.values("x-api-key"), request.values("authorization")) == (["sk-mine"], [])


@pytest.mark.parametrize("name", ["api-key", "x-goog-api-key"])
async def test_a_key_under_another_name_makes_no_accounts_of_invented_ones(
    model_api: RawUpstream, tmp_path: Path, name: str
) -> None:
    policy = "version: 1\ntrusted_proxies: []\nquotas: [{id: one, key: [account], unit: requests, rate: 1/day}]\n"
    async with proxy_before(model_api.url, tmp_path, policy) as proxy, await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", (name, "sk-real"), ("x-api-key", "junk"), body=b"{}"))
        _, request = await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
        assert (request.values(name), request.values("x-api-key")) == ([], ["junk"])
        assert (await client.message()).status == 200
        for key in ("sk-real", "sk-other"):
            await client.send(request_bytes("POST /v1/messages", (name, key), body=b"{}"))
            _, request = await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
            assert request.values(name) == [key]
            assert (await client.message()).status == 200
        await client.send(request_bytes("POST /v1/messages", (name, "sk-real"), body=b"{}"))
        assert (await client.message()).status == 429


async def test_an_account_that_looks_like_a_hashed_key_needs_no_key(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_that_trusts(model_api, tmp_path, "127.0.0.0/8") as proxy, await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-account-id", "key-0123456789abcdef"), body=b"{}"))
        await model_api.answer(answer_bytes())
        assert (await client.message()).status == 200

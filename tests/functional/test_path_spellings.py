"""A rule on paths holds however a client spells them, and what is exempt is so in every spelling, on real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxy.policy.shipped import default_policy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import RawUpstream, answer_bytes, connect, request_bytes

DENIED = "version: 1\naccess: [{id: r, deny: {path: ['/openai/*-frontier-*', '/v1/files*', '/with blank/%41']}}]"
ONLY = "version: 1\naccess: [{id: r, deny: {}, unless: {path: [/v1/messages, '/v1/models/*:generateContent']}}]"
FRIENDS = "version: 1\naccess: [{id: f, allow: {path: [/v1/messages]}}, {id: r, deny: {}}]"


async def statuses(model_api: RawUpstream, folder: Path, policy: str, *targets: str) -> list[int]:
    found = []
    async with proxy_before(model_api.url, folder, policy) as proxy:
        for target in targets:
            upstream = asyncio.create_task(model_api.answer(answer_bytes("200 OK", ("Connection", "close"))))
            async with await connect(proxy.url) as client:
                await client.send(request_bytes(f"POST {target}", body=b"{}"))
                found.append((await client.message()).status)
            upstream.cancel()
    return found


@pytest.mark.parametrize(
    "target",
    [
        "/openai/deployments/m-frontier-1/chat/completions",
        "/openai/deployments/m-%66rontier-1/chat/completions",
        "/openai%2Fdeployments/m%2Dfrontier-1/images",
        "//openai//deployments/m-frontier-1/x",
        "/x/../openai/m-frontier-1",
        "/x/%2e%2E/v1/files/f",
        "/v1/./files",
        "/v1/files/../messages",
        "/v1/%66%69%6c%65%73?a=b",
        "/with%20blank/A",
        "/with%20blank/%41",
    ],
)
async def test_what_a_rule_refuses_is_refused_in_any_spelling(
    model_api: RawUpstream, tmp_path: Path, target: str
) -> None:
    assert await statuses(model_api, tmp_path, DENIED, target, "/v1/messages") == [403, 200]


@pytest.mark.parametrize("policy", [ONLY, FRIENDS], ids=["unless", "allow"])
async def test_what_is_exempt_is_so_only_where_no_spelling_is_something_else(
    model_api: RawUpstream, tmp_path: Path, policy: str
) -> None:
    others = [
        "/v1/admin/../messages",
        "/v1/admin%2f..%2fmessages",
        "/v1/messages/../admin",
        "/v1/messages%2F..%2Fadmin",
    ]
    assert await statuses(model_api, tmp_path, policy, "/v1/messages", *others) == [200, 403, 403, 403, 403]


async def test_the_shipped_rule_on_paths_refuses_the_model_however_the_path_spells_it(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    targets = [f"/openai/deployments/m-{name}-1/x" for name in ("small", "frontier", "%66rontier", "fr%6Fntier")]
    assert await statuses(model_api, tmp_path, Path(default_policy()).read_text(), *targets) == [200, 403, 403, 403]


async def test_one_path_has_one_bucket_however_it_is_spelt(model_api: RawUpstream, tmp_path: Path) -> None:
    policy = "version: 1\nquotas: [{id: q, key: [path], unit: requests, rate: 1/day}]"
    targets = ["/v1/x", "/v1/%78", "//v1/x", "/v1/y/../x", "/v1/y", "/v1/y%2f"]
    assert await statuses(model_api, tmp_path, policy, *targets) == [200, 429, 429, 429, 200, 200]

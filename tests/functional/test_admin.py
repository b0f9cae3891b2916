"""The admin port: what it shows, and who may have it reload."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, connect, request_bytes


async def page(proxy: Proxy, start: str, *headers: tuple[str, str]) -> Message:
    async with await connect(proxy.admin_url) as client:
        await client.send(request_bytes(start, *headers))
        return await client.message()


async def test_it_is_live_and_ready(proxy: Proxy) -> None:
    assert (await page(proxy, "GET /livez")).status == 200
    ready = await page(proxy, "GET /readyz")
    told = json.loads(ready.body)
    assert ready.status == 200
    assert (told["ready"], told["draining"], told["open_exchanges"], told["store"]) == (True, False, 0, "memory")
    assert told["policy"]["last_reload_successful"] is True
    assert told["policy"]["issues"] == []


async def test_readiness_tells_how_many_exchanges_are_open(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", body=b"{}"))
        await model_api.request()
        assert json.loads((await page(proxy, "GET /readyz")).body)["open_exchanges"] == 1


async def test_metrics_are_in_prometheus_text_format(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("GET /v1/models"))
        await model_api.answer(answer_bytes())
        await client.message()
    metrics = await page(proxy, "GET /metrics")
    assert metrics.values("Content-Type")[0].startswith("text/plain; version=")
    assert b'stillgate_exchanges_total{dialect="opaque",outcome="allow"} 1.0\n' in metrics.body
    assert b'stillgate_responses_total{code="200",source="upstream"} 1.0\n' in metrics.body
    assert b"stillgate_ready 1.0\n" in metrics.body
    assert b"_created" not in metrics.body


async def test_clients_do_not_reach_the_admin_pages_and_operators_not_the_model_api(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("GET /metrics"))
        _, request = await model_api.answer(answer_bytes("404 Not Found"))
        assert request.target == "/metrics"
        assert (await client.message()).status == 404
    assert (await page(proxy, "POST /v1/messages")).status == 404
    assert model_api.accepted == 1


async def test_a_web_page_cannot_have_the_policy_reloaded(proxy: Proxy) -> None:
    assert (await page(proxy, "POST /-/reload", ("Origin", "http://evil.example"))).status == 403
    assert (await page(proxy, "GET /-/reload")).status == 405
    assert (await page(proxy, "POST /-/reload")).status == 200


async def test_a_refused_reload_tells_every_issue(proxy: Proxy, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\nquota: []\nacces: []\n", encoding="utf-8")
    refused = await page(proxy, "POST /-/reload")
    told = json.loads(refused.body)["policy"]
    assert (refused.status, told["last_reload_successful"]) == (422, False)
    assert {"2", "3"} <= {issue.split(":")[1] for issue in told["issues"]}


@pytest.mark.parametrize("port", ["url", "admin_url"])
async def test_a_port_that_is_taken_is_told_by_its_flag(
    proxy: Proxy, model_api: RawUpstream, tmp_path: Path, port: str
) -> None:
    flag, name = ("--listen", "listen") if port == "url" else ("--admin", "admin")
    taken = getattr(proxy, port).removeprefix("http://")
    places = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", name: taken}
    with pytest.raises(Exception, match=f"cannot listen on {taken} \\({flag}\\): .*address already in use"):
        async with proxy_before(model_api.url, tmp_path, **places):
            pass


async def test_explain_tells_what_would_be_decided_and_charges_nothing(proxy: Proxy) -> None:
    line = {
        "ts": 1.0,
        "id": "e",
        "method": "GET",
        "path": "/v1/models",
        "peer_ip": "127.0.0.1",
        "headers": [["x-account-id", "acct_17"]],
    }
    asked = request_bytes("POST /-/explain", body=json.dumps(line).encode())
    async with await connect(proxy.admin_url) as client:
        for _ in range(2):
            await client.send(asked)
            answer = await client.message()
            told = json.loads(answer.body)
            assert (answer.status, told["principal"]["account"]) == (200, "acct_17")
            assert told["decision"]["action"] == "allow"
        await client.send(request_bytes("POST /-/explain", body=b"{}"))
        assert "field 'ts' is missing" in json.loads((await client.message()).body)["error"]

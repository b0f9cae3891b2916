"""Nothing that an exchange, an operator or a reload asks for blocks the event loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from blockbuster import BlockingError, blockbuster_ctx

from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import RawUpstream, answer_bytes, chunk_bytes, connect, request_bytes

POLICY = """\
version: 1
access:
  - {id: no-frontier, deny: {model: "*-frontier-*"}}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 50/min}
  - {id: slots, key: [account], unit: concurrent, limit: 5}
"""
STREAM_HEAD = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))


async def test_nothing_blocks(model_api: RawUpstream, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    async with proxy_before(model_api.url, tmp_path, POLICY, exchange_log=log) as proxy:
        with blockbuster_ctx("proxy") as guard:
            guard.activate()
            with pytest.raises(BlockingError):
                proxy.policies._source.load(0)  # so the guard is awake

            async with await connect(proxy.url) as client:
                await client.send(request_bytes("POST /v1/messages", body=b'{"model": "m", "stream": true}'))
                wire, _ = await model_api.answer(STREAM_HEAD + chunk_bytes(b"data: {}\n\n") + b"0\r\n\r\n")
                assert (await client.message()).status == 200
                await client.send(request_bytes("POST /v1/messages", body=b'{"model": "m"}' + b" " * 2**20))
                await wire.message()
                await wire.send(answer_bytes(body=bytes(2**20)))
                assert (await client.message()).status == 200
                await client.send(request_bytes("POST /v1/messages", body=b'{"model": "a-frontier-b"}'))
                assert (await client.message()).status == 403

            (tmp_path / "policy.yaml").write_text(POLICY.replace("50/min", "60/min"))
            for start, status in (("POST /-/reload", 200), ("GET /readyz", 200), ("GET /metrics", 200)):
                async with await connect(proxy.admin_url) as operator:
                    await operator.send(request_bytes(start))
                    assert (await operator.message()).status == status

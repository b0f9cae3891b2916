"""Whatever id a client has of an answer, good or refused, is found in the exchange log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from proxy.simulate.mock_upstream import start
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import RawUpstream, answer_bytes, connect, request_bytes

ONE_A_DAY = "version: 1\nquotas:\n  - {id: one, key: [account], unit: requests, rate: 1/day}\n"


async def test_the_ids_that_the_sdks_show_are_found_in_the_exchange_log(tmp_path: Path) -> None:
    mock = await start()
    log = tmp_path / "log"
    try:
        async with proxy_before(mock.url, tmp_path, ONE_A_DAY, exchange_log=str(log)) as proxy:
            asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
            async with anthropic.AsyncAnthropic(base_url=proxy.url, api_key="a", max_retries=0) as client:
                good = await client.messages.create(max_tokens=5, **asked)
                with pytest.raises(anthropic.RateLimitError) as refused:
                    await client.messages.create(max_tokens=5, **asked)
            async with openai.AsyncOpenAI(base_url=f"{proxy.url}/v1", api_key="b", max_retries=0) as client:
                chat = await client.chat.completions.create(**asked)
    finally:
        await mock.close()
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    upstreams = [(line["features"].get("answer") or {}).get("request_id") for line in lines]
    assert [lines[1]["id"], *upstreams] == [refused.value.request_id, good._request_id, None, chat._request_id]


@pytest.mark.parametrize(("path", "name"), [("/v1/chat/completions", "x-request-id"), ("/v1/messages", "request-id")])
async def test_an_answer_that_its_upstream_gave_no_id_has_that_of_its_line_in_the_exchange_log(
    model_api: RawUpstream, tmp_path: Path, path: str, name: str
) -> None:
    log = tmp_path / "log"
    async with (
        proxy_before(model_api.url, tmp_path, exchange_log=str(log)) as proxy,
        await connect(proxy.url) as client,
    ):
        await client.send(request_bytes(f"POST {path}", body=b"{}"))
        await model_api.answer(answer_bytes(body=b"{}"))
        answer = await client.message()
    assert answer.values(name) == [json.loads(log.read_bytes())["id"]]

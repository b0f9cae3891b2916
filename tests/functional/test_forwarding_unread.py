"""What nobody can read: refused where the policy depends on it, and passed on as it is where none does."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import tracemalloc
import zlib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from proxy.dialects.llm import LONGEST_NAME
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import NO_QUOTAS, proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, connect, request_bytes

MIB = 2**20
JSON = ("Content-Type", "application/json")
ASKED = b'{"model": "m", "max_tokens": 5, "messages": []}'
DEPENDS = {
    "an access rule on models": "access:\n  - {id: r, deny: {model: other}}",
    "one that exempts a model": "access:\n  - {id: r, deny: {country: NO}, unless: {model: other}}",
    "a quota for a model": "quotas:\n  - {id: q, key: [], match: {model: m}, unit: requests, rate: 1/h}",
    "a quota that exempts a model": "quotas:\n  - {id: q, key: [], unless: {model: m}, unit: requests, rate: 1k/h}",
    "a quota for each model": "quotas:\n  - {id: q, key: [model], unit: requests, rate: 1k/h}",
    "a quota for each end user": "quotas:\n  - {id: q, key: [end_user], unit: requests, rate: 1k/h}",
    "a quota of tokens": "quotas:\n  - {id: q, key: [], unit: output_tokens, rate: 1M/h, reserve: max_tokens}",
    "campaigns": "campaigns: {mode: enforce}",
}
DOES_NOT_DEPEND = {
    "requests and slots": (
        "quotas:\n  - {id: q, key: [account], unit: requests, rate: 9/h}\n"
        "  - {id: s, key: [account], unit: concurrent, limit: 4}"
    ),
    "in shadow": "quotas:\n  - {id: q, key: [model], unit: input_tokens, rate: 1k/h, mode: shadow}",
    "all in shadow": "mode: shadow\naccess:\n  - {id: r, deny: {model: other}}",
    "campaigns in shadow": "campaigns: {mode: shadow}",
    "exempt from campaigns": "campaigns: {mode: enforce, exempt: [{account: '*'}]}",
}


def blanks(count: int) -> bytes:
    """That shrink to a quarter, as JSON does, and not to nothing."""
    return random.Random(1).randbytes(count).translate(b" \t\r\n" * 64)


async def asked(
    model_api: RawUpstream, folder: Path, policy: str, start: str, *headers: tuple[str, str], body: bytes
) -> Message:
    """The proxy's or the upstream's answer."""
    async with (
        proxy_before(model_api.url, folder, "version: 1\n" + policy, max_body_mb=20) as proxy,
        await connect(proxy.url) as client,
    ):
        upstream = asyncio.create_task(model_api.answer(answer_bytes()))
        try:
            await client.send(request_bytes(start, *headers, body=body))
            return await client.message()
        finally:
            upstream.cancel()


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, gzip"])
@pytest.mark.parametrize("policy", DEPENDS.values(), ids=DEPENDS)
async def test_an_encoding_that_nobody_here_reads_is_refused_where_the_policy_depends_on_the_body(
    model_api: RawUpstream, tmp_path: Path, policy: str, encoding: str
) -> None:
    refused = await asked(
        model_api, tmp_path, policy, "POST /v1/messages", JSON, ("Content-Encoding", encoding), body=ASKED
    )
    error = json.loads(refused.body)["error"]
    assert (refused.status, error["type"]) == (415, "invalid_request_error")
    assert "gzip or deflate" in error["message"]
    assert refused.values("accept-encoding") == ["gzip, deflate"]
    assert model_api.accepted == 0


@pytest.mark.parametrize("policy", DEPENDS.values(), ids=DEPENDS)
async def test_what_is_not_json_is_refused_where_the_policy_depends_on_it(
    model_api: RawUpstream, tmp_path: Path, policy: str
) -> None:
    refused = await asked(model_api, tmp_path, policy, "POST /v1/chat/completions", JSON, body=ASKED[:-1])
    assert (refused.status, json.loads(refused.body)["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("policy", DOES_NOT_DEPEND.values(), ids=DOES_NOT_DEPEND)
async def test_a_policy_that_does_not_depend_on_the_body_lets_any_pass(
    model_api: RawUpstream, tmp_path: Path, policy: str
) -> None:
    for headers, body in (((("Content-Encoding", "zstd"),), b"\x28\xb5\x2f\xfd"), ((), b"no JSON")):
        answer = await asked(model_api, tmp_path, policy, "POST /v1/messages", JSON, *headers, body=body)
        assert answer.status == 200


async def test_campaigns_refuse_a_conversation_that_was_made_unreadable(model_api: RawUpstream, tmp_path: Path) -> None:
    body = b'{"model":"m","messages":[' + b",".join([b"1"] * 10_000) + b"]}"
    for mode, status in (("enforce", 400), ("shadow", 200)):
        policy = f"campaigns: {{mode: {mode}}}"
        answer = await asked(model_api, tmp_path, policy, "POST /v1/messages", JSON, body=body)
        assert answer.status == status


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
async def test_a_compressed_body_may_be_as_large_decoded_as_a_plain_one(
    model_api: RawUpstream, tmp_path: Path, compress: object
) -> None:
    encoding = ("Content-Encoding", "gzip" if compress is gzip.compress else "deflate")
    pack = gzip.compress if compress is gzip.compress else zlib.compress
    policy = DEPENDS["an access rule on models"]
    large = ASKED + blanks(20 * MIB - len(ASKED))
    answer = await asked(model_api, tmp_path, policy, "POST /v1/messages", JSON, encoding, body=pack(large))
    assert answer.status == 200
    answer = await asked(
        model_api, tmp_path, NO_QUOTAS[11:], "POST /v1/messages", JSON, encoding, body=pack(large + b" ")
    )
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (413, "request_too_large")
    assert "decoded, is larger than 20 MiB" in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["metered", "passed through"])
async def test_a_compressed_body_of_few_bytes_may_not_be_many_to_read(
    proxy: Proxy, model_api: RawUpstream, target: str
) -> None:
    encoding = ("Content-Encoding", "gzip")
    for spaces, status in ((2 * MIB - len(ASKED), 200), (2 * MIB, 413)):
        body = gzip.compress(ASKED + b" " * spaces)
        async with await connect(proxy.url) as client:
            await client.send(request_bytes(f"POST {target}", JSON, encoding, body=body))
            if status == 200:
                await model_api.answer(answer_bytes())
            assert (await client.message()).status == status


BEGIN_WITH_A_BRACE = {
    "RTF": (b"{\\rtf1\\ansi\\deff0 It is \\u8217? here.}", 200),
    "a part of a binary file": (b"{" + bytes(range(256)) * 9, 200),
    "a script": (b"{ let a = 1 }", 200),
    "comments": (b'{"a": 1, /* */ "model": "other"}', 400),
    "JSON5": (b"{a: 1, Model: 'other'}", 400),
    "JSON5 with an escape": (b"{\\u006dodel: 'other'}", 400),
    "JSON5 with another escape": (b"{'\\x4Dodel': 'other'}", 400),
    "wide characters": ('{"a": 1, "model": "other",}'.encode("utf-16"), 400),
}


@pytest.mark.parametrize(("body", "status"), BEGIN_WITH_A_BRACE.values(), ids=BEGIN_WITH_A_BRACE)
@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/rtf"])
async def test_what_only_begins_as_json_is_refused_where_another_reader_could_find_a_model_in_it(
    model_api: RawUpstream, tmp_path: Path, content_type: str, body: bytes, status: int
) -> None:
    policy, declared = DEPENDS["an access rule on models"], ("Content-Type", content_type)
    answer = await asked(model_api, tmp_path, policy, "POST /upload/v1beta/files", declared, body=body)
    assert answer.status == status


async def test_a_compressed_body_is_kept_no_longer_than_it_takes_to_decide(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    body = gzip.compress(ASKED + blanks(MIB) + b" " * 7 * MIB)
    request = request_bytes("POST /v1/messages", JSON, ("Content-Encoding", "gzip"), body=body)
    async with proxy_before(model_api.url, tmp_path) as proxy, AsyncExitStack() as held:
        tracemalloc.start()
        for _ in range(8):
            client = await held.enter_async_context(await connect(proxy.url))
            await client.send(request)
            await model_api.request()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert taken < 8 * MIB, "of 64 that they are"


async def test_an_endless_name_of_a_model_is_neither_logged_nor_let_past_a_rule(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    name = "x" * 4_000 + "-frontier-1"
    log = tmp_path / "log.jsonl"
    for policy, status in (("access:\n  - {id: r, deny: {model: '*-frontier-*'}}", 400), (NO_QUOTAS[11:], 200)):
        async with (
            proxy_before(model_api.url, tmp_path, "version: 1\n" + policy, exchange_log=str(log)) as proxy,
            await connect(proxy.url) as client,
        ):
            upstream = asyncio.create_task(model_api.answer(answer_bytes()))
            await client.send(request_bytes("POST /v1/messages", JSON, body=json.dumps({"model": name}).encode()))
            answer = await client.message()
            upstream.cancel()
        assert answer.status == status
        assert answer.status == 200 or str(LONGEST_NAME) in json.loads(answer.body)["error"]["message"]
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 1_000


FRONTIER = "access:\n  - {id: r, deny: {model: '*-frontier-*'}}"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((JSON,), b'{"requests":[{"params":{"model":"m"}},{"params":{"model":"a-frontier-1"}}]}'),
        ((("Content-Type", "text/plain"),), b'{"model":"a-frontier-1"}'),
        ((), b'\xef\xbb\xbf {"model":"a-frontier-1"}'),
        ((("Content-Encoding", "gzip"),), gzip.compress(b'{"model":"a-frontier-1"}')),
        ((("Content-Type", "application/octet-stream"),), '{"model":"a-frontier-1"}'.encode("utf-16")),
    ],
    ids=["in a batch", "as text", "without a type", "compressed", "in UTF-16"],
)
async def test_a_rule_about_models_meets_them_on_every_path_where_json_names_them(
    model_api: RawUpstream, tmp_path: Path, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    answer = await asked(model_api, tmp_path, FRONTIER, "POST /v1/messages/batches", *headers, body=body)
    assert answer.status == 403


async def test_a_batch_whose_models_cannot_be_told_is_refused_by_such_a_rule(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    for items in ([{"params": {"model": f"m-{number}"}} for number in range(1_000)], [1] * 10_000):
        body = json.dumps({"requests": items}).encode()
        assert (await asked(model_api, tmp_path, FRONTIER, "POST /v1/x", JSON, body=body)).status == 400
        assert (await asked(model_api, tmp_path, NO_QUOTAS[11:], "POST /v1/x", JSON, body=body)).status == 200


@pytest.mark.parametrize(
    "start", ["POST /v1/chat/completions", "POST /v1beta/models/m:generateContent", "POST /api/chat"]
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"Model":"a-frontier-1"}',
        b'{"model":"m","MODEL":"a-frontier-1"}',
        b'{"\\u004dodel":"a-frontier-1","model":"m"}',
        b'{"mODEL":"a-frontier-1","x":"\\ud800"}',
    ],
)
async def test_a_rule_about_models_meets_them_in_every_case_that_go_takes(
    model_api: RawUpstream, tmp_path: Path, start: str, body: bytes
) -> None:
    assert (await asked(model_api, tmp_path, FRONTIER, start, JSON, body=body)).status == 403
    assert (await asked(model_api, tmp_path, FRONTIER, start, JSON, body=body.replace(b"-front", b""))).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b',"model":"a-frontier-1"}',
        b'{"model":"a-frontier-1"} and more',
        b'{"model":"a-frontier-1",}',
        b'{\n// a comment\n"model":"a-frontier-1"}',
        b'{"x":[' + b"NaN," * 2_200_000 + b'1],"model":"a-frontier-1"}',
    ],
    ids=["too deep", "something behind it", "a comma too many", "a comment", "long and lenient"],
)
async def test_what_another_reader_may_take_for_json_is_refused_by_such_a_rule_on_every_path(
    model_api: RawUpstream, tmp_path: Path, body: bytes
) -> None:
    for content_type in (JSON, ("Content-Type", "text/plain")):
        assert (await asked(model_api, tmp_path, FRONTIER, "POST /api/chat", content_type, body=body)).status == 400
    assert (await asked(model_api, tmp_path, NO_QUOTAS[11:], "POST /api/chat", JSON, body=body)).status == 200


async def test_of_objects_a_line_each_the_first_names_the_model(model_api: RawUpstream, tmp_path: Path) -> None:
    lines = [b'{"model":"a-frontier-1"}', b'{"custom_id":"1","body":{"model":"m"}}', b"{}"]
    for body, status in ((b"\n".join(lines), 403), (b"\n".join(lines[1:]), 200)):
        assert (await asked(model_api, tmp_path, FRONTIER, "PUT /upload/f", body=body)).status == status


async def test_what_is_no_json_passes_such_a_rule_as_it_comes(model_api: RawUpstream, tmp_path: Path) -> None:
    form = ("Content-Type", "multipart/form-data; boundary=b")
    assert (await asked(model_api, tmp_path, FRONTIER, "POST /v1/files", form, body=b"--b" * 9_000)).status == 200
    encoded = ("Content-Encoding", "zstd")
    assert (await asked(model_api, tmp_path, FRONTIER, "POST /v1/files", form, encoded, body=b"x")).status == 415

"""The bytes of the benchmark are what SDKs and model APIs send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.table import dialect_for
from tests.bench import contestants
from tests.bench.wire import (
    ACCOUNTS,
    ANSWER,
    DELTA_CHUNKS,
    STREAM_END,
    STREAM_HEAD,
    Request,
    agent_requests,
    plain_requests,
    stream_path,
    stream_size,
)
from tests.unit.bench.answers import Asked, cut, read

POOLS = {"plain": plain_requests(count=500), "agent": agent_requests(count=3)}


def body_of(request: Request, serial: int) -> bytes:
    head, _, body = (request[0] + b"%012d" % serial + request[1]).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    return body


@pytest.mark.parametrize("pool", POOLS)
def test_every_request_is_whole_and_says_its_length(pool: str) -> None:
    for request in POOLS[pool]:
        assert json.loads(body_of(request, 7))["messages"]


@pytest.mark.parametrize(("pool", "least", "most"), [("plain", 500, 1500), ("agent", 195_000, 225_000)])
def test_requests_are_as_large_as_the_table_says(pool: str, least: int, most: int) -> None:
    sizes = [len(body_of(request, 0)) for request in POOLS[pool]]
    assert least <= min(sizes)
    assert max(sizes) <= most


def test_a_plain_request_has_about_a_kilobyte_on_average() -> None:
    sizes = [len(body_of(request, 0)) for request in POOLS["plain"]]
    assert 900 <= sum(sizes) / len(sizes) <= 1100


def test_no_two_requests_are_alike_and_all_accounts_ask() -> None:
    assert len({body_of(request, serial) for serial, request in enumerate(POOLS["plain"] * 2)}) == 1000
    keys = {request[0].partition(b"X-Api-Key: ")[2].partition(b"\r\n")[0] for request in POOLS["plain"]}
    assert len(keys) == ACCOUNTS


def test_the_same_seed_gives_the_same_requests() -> None:
    assert plain_requests.__wrapped__(count=20) == plain_requests.__wrapped__(count=20)


def test_the_proxy_reads_requests_and_the_answer_as_messages_of_the_api() -> None:
    path = stream_path(3, 20)
    dialect = dialect_for("POST", path, anthropic_version=True)
    (request,) = plain_requests(path, stream=True, count=1)
    read_request = dialect.parse("/v1/messages", body_of(request, 1))
    assert (dialect.name, read_request.stream, read_request.max_tokens) == ("anthropic_messages", True, 1024)
    assert json.loads(ANSWER)["usage"]["output_tokens"] == 17


@given(st.integers(0, 40), st.lists(st.integers(0, 6000)))
def test_a_stream_is_counted_alike_however_it_is_cut(deltas: int, cuts: list[int]) -> None:
    events, size = stream_size(deltas)
    chunks = [DELTA_CHUNKS[number % len(DELTA_CHUNKS)] for number in range(deltas)]
    assert read(cut(b"".join([STREAM_HEAD, *chunks, STREAM_END]), cuts), size) == Asked(events, [""])


def test_the_benchmarks_policy_has_the_shipped_rules() -> None:
    def rules(path: Path) -> list[tuple[Any, ...]]:
        policy = yaml.safe_load(path.read_text(encoding="utf-8"))
        quotas = [(each["id"], each["key"], each["unit"], each.get("mode")) for each in policy["quotas"]]
        return [*quotas, *[(each["id"],) for each in policy["access"]], (policy["campaigns"]["mode"],)]

    assert rules(contestants.HERE / "policy.yaml") == rules(Path("policies/default.yaml"))

"""Several processes on one port are one proxy to clients and operators alike."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Running, ServeFactory, start_stillgate
from tests.functional.proxy_in_process import WIDE_POLICY
from tests.functional.raw_http import (
    PATIENCE,
    Message,
    RawUpstream,
    Wire,
    answer_bytes,
    chunk_bytes,
    connect,
    request_bytes,
)
from tests.redis_server import RedisServer

POLICY = """\
version: 1
quotas:
  - {id: q, key: [account], unit: requests, rate: 1/day, burst: %d}
"""
STREAM_HEAD = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))


def children(pid: int) -> list[int]:
    """The worker processes of a supervisor; multiprocessing's resource tracker, which is a child as well, is none."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"spawn_main" in _command_line(child)]


def _command_line(pid: str) -> bytes:
    """Of a process; nothing where it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def serving(running: Running) -> int:
    """How many workers serve."""
    return int(json.loads(running.page("/readyz")[1])["serving"])


def readiness(running: Running) -> tuple[int, list[dict[str, Any]]]:
    status, body = running.page("/readyz")
    return status, json.loads(body)["workers"]


async def until(condition: Any) -> None:
    async with asyncio.timeout(2 * PATIENCE):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_gone(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def streams(
    url: str, model_api: RawUpstream, count: int, key: str = "k"
) -> AsyncIterator[list[tuple[Wire, Wire]]]:
    """Open streams: clients and upstreams, each pair on connections of its own."""
    async with AsyncExitStack() as stack:
        pairs = []
        for _ in range(count):
            client = await stack.enter_async_context(await connect(url))
            await client.send(request_bytes("POST /v1/messages", ("x-api-key", key), body=b"{}"))
            wire, _ = await model_api.answer(STREAM_HEAD)
            await client.head()
            pairs.append((client, wire))
        yield pairs


async def end(pairs: list[tuple[Wire, Wire]]) -> None:
    for client, wire in pairs:
        await wire.send(chunk_bytes(b": bye\n\n") + b"0\r\n\r\n")
        assert await client.chunk() == b": bye\n\n"
        assert await client.chunk() == b""
        wire.close()


async def ask(url: str, model_api: RawUpstream, key: str) -> Message:
    async with await connect(url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-api-key", key), body=b"{}"))
        playing = asyncio.ensure_future(model_api.answer(answer_bytes("200 OK", ("Connection", "close"))))
        answer = await client.message()
        if answer.status == 200:
            await playing
        playing.cancel()
    return answer


async def test_two_workers_are_one_proxy(
    serve: ServeFactory, model_api: RawUpstream, redis: RedisServer, tmp_path: Path
) -> None:
    """One start for all that only looks: it takes seconds."""
    redis.command("FLUSHALL")
    running = serve(POLICY % 50, "--workers", "2", "--store", redis.url, "--upstream", model_api.url)
    status, workers = readiness(running)
    assert (status, [worker["ready"] for worker in workers]) == (200, [True, True])
    assert len(children(running.process.pid)) == 2

    # Both serve the one port.
    async with streams(running.url, model_api, 30) as pairs:
        shares = [worker["open_exchanges"] for worker in readiness(running)[1]]
        assert sum(shares) == 30
        assert min(shares) > 0
        await end(pairs)

    # They share their buckets: thirty are spent, twenty are left.
    statuses = [(await ask(running.url, model_api, "k")).status for _ in range(22)]
    assert statuses == [200] * 20 + [429] * 2

    # Their metrics are one.
    assert running.metric('stillgate_exchanges_total{dialect="anthropic_messages",outcome="allow"}') == 50
    assert running.metric('stillgate_exchanges_total{dialect="anthropic_messages",outcome="throttle"}') == 2
    assert running.metric("stillgate_exchanges_in_flight") == 0
    assert running.metric("stillgate_ready") == 1
    assert running.metric("stillgate_workers") == 2

    # So is what they take of the machine.
    together = (running.process.pid, *children(running.process.pid))
    assert running.metric("process_resident_memory_bytes") > max(map(resident_bytes, together))
    assert running.metric("process_cpu_seconds_total") > 0
    assert running.metric("process_open_fds") > running.metric("stillgate_workers")
    await until(lambda: running.metric("stillgate_store_up") == 1)

    # A reload reaches both, however it is told; so does a refusal.
    for told in ("post", "signal", "file"):
        before = {worker["policy"]["sha256"] for worker in readiness(running)[1]}
        (tmp_path / "policy-0.yaml").write_text(POLICY % (60 + len(told)))
        if told == "post":
            assert running.page("/-/reload", "POST")[0] == 200
        elif told == "signal":
            running.process.send_signal(signal.SIGHUP)

        def both_changed(old: set[str] = before) -> bool:
            now = [worker["policy"]["sha256"] for worker in readiness(running)[1]]
            return len(now) == 2 and len(set(now)) == 1 and not old & set(now)

        await until(both_changed)

    # One policy is told to be in force, although the third came back from before.
    (in_force,) = {worker["policy"]["sha256"] for worker in readiness(running)[1]}
    told_of = [line for line in running.page("/metrics")[1].splitlines() if line.startswith("stillgate_policy_info{")]
    assert len(told_of) == 3
    assert [line for line in told_of if line.endswith(" 1.0")] == [line for line in told_of if in_force[:12] in line]

    (tmp_path / "policy-0.yaml").write_text("version: 2\n")
    status, body = running.page("/-/reload", "POST")
    assert (status, [w["policy"]["last_reload_successful"] for w in json.loads(body)["workers"]]) == (422, [False] * 2)
    assert running.metric("stillgate_policy_last_reload_successful") == 0

    # Told to end, they let streams end first.
    pids = children(running.process.pid)
    async with streams(running.url, model_api, 4, key="another") as pairs:
        running.process.send_signal(signal.SIGTERM)
        await until(lambda: running.page("/readyz")[0] == 503)
        await end(pairs)
        assert await asyncio.to_thread(running.process.wait, PATIENCE) == 0
    assert all(map(is_gone, pids))
    wrong = [said["message"] for said in running.log() if said.get("level") in ("ERROR", "CRITICAL")]
    assert wrong == ["policy refused, the last good one stays"] * 2
    assert [line for line in running.lines if not line.startswith("{")] == []


async def test_a_worker_that_dies_is_replaced_and_one_without_supervisor_ends(
    model_api: RawUpstream, serve: ServeFactory, redis: RedisServer
) -> None:
    redis.command("FLUSHALL")
    running = serve(WIDE_POLICY, "--workers", "2", "--store", redis.url, "--upstream", model_api.url)
    first = children(running.process.pid)
    used = running.metric("process_cpu_seconds_total")
    os.kill(first[0], signal.SIGKILL)
    await until(lambda: first[0] not in children(running.process.pid) and serving(running) == 2)
    second = children(running.process.pid)
    assert len(second) == 2
    assert first[1] in second
    assert running.metric("process_cpu_seconds_total") >= used, "a counter that falls looks like a restart"
    async with streams(running.url, model_api, 10) as pairs:
        await end(pairs)

    running.process.kill()
    await until(lambda: all(map(is_gone, second)))
    with pytest.raises(ConnectionRefusedError):
        await connect(running.url)


async def test_a_worker_that_cannot_serve_is_started_ever_more_seldom_and_leaves_nothing(
    serve: ServeFactory, redis: RedisServer, tmp_path: Path
) -> None:
    redis.command("FLUSHALL")
    logs = tmp_path / "logs"
    logs.mkdir()
    running = serve(WIDE_POLICY, "--workers", "2", "--store", redis.url, "--exchange-log", str(logs / "log"))
    dies, stays = children(running.process.pid)
    environment = Path(f"/proc/{stays}/environ").read_bytes().split(b"\0")
    (folder,) = [
        Path(os.fsdecode(line.partition(b"=")[2]))
        for line in environment
        if line.startswith(b"PROMETHEUS_MULTIPROC_DIR=")
    ]
    logs.rename(tmp_path / "away")
    os.kill(dies, signal.SIGKILL)

    def waits() -> list[float]:
        return [said["in_s"] for said in running.log() if said["message"] == "worker died, starting another"]

    await until(lambda: len(waits()) == 3)
    assert waits() == [1.0, 2.0, 4.0]
    assert {path.stem.rpartition("_")[2] for path in folder.glob("*.db")} <= {str(dies), str(stays)}
    assert (readiness(running)[0], serving(running)) == (200, 1)
    assert running.metric("stillgate_ready") == 1
    assert (running.metric("stillgate_workers"), running.metric("stillgate_workers_wanted")) == (1, 2)

    (tmp_path / "away").rename(logs)
    await until(lambda: serving(running) == 2)


async def test_a_worker_in_a_dead_ones_place_has_the_last_good_policy_though_the_file_is_broken(
    serve: ServeFactory, model_api: RawUpstream, redis: RedisServer, tmp_path: Path
) -> None:
    redis.command("FLUSHALL")
    running = serve(POLICY % 1, "--workers", "2", "--store", redis.url, "--upstream", model_api.url)
    file = tmp_path / "policy-0.yaml"
    good = file.read_text()
    in_force = {worker["policy"]["sha256"] for worker in readiness(running)[1]}
    file.write_text(good + "  - {id: oops, key: [acount], unit: requests, rate: 1/min}\n")
    assert running.page("/-/reload", "POST")[0] == 422
    seen: set[tuple[int, int]] = set()

    def is_replaced(dead: int) -> bool:
        status, told = running.page("/readyz")
        seen.add((status, json.loads(told)["serving"]))
        return dead not in children(running.process.pid) and (status, json.loads(told)["serving"]) == (200, 2)

    for pid in children(running.process.pid):  # one after the other, until none is left that ever read the good one
        os.kill(pid, signal.SIGKILL)
        await until(lambda dead=pid: is_replaced(dead))
    assert (200, 1) in seen, "while one worker serves, clients are served"
    assert seen <= {(200, 1), (200, 2), (503, 0)}

    policies = [worker["policy"] for worker in readiness(running)[1]]
    assert [policy["last_reload_successful"] for policy in policies] == [False] * 2
    assert {policy["sha256"] for policy in policies} == in_force
    assert all("acount" in policy["issues"][0] for policy in policies)
    assert running.metric("stillgate_policy_last_reload_successful") == 0
    assert [(await ask(running.url, model_api, "k")).status for _ in range(2)] == [200, 429]

    file.write_text(good)
    await until(lambda: running.metric("stillgate_policy_last_reload_successful") == 1)


async def test_a_worker_that_hangs_is_told_of_and_others_serve(serve: ServeFactory, redis: RedisServer) -> None:
    redis.command("FLUSHALL")
    running = serve(WIDE_POLICY, "--workers", "2", "--store", redis.url)
    workers = children(running.process.pid)
    try:
        for stopped, ready in ((1, True), (2, False)):
            os.kill(workers[stopped - 1], signal.SIGSTOP)
            # Asked with a patience that ends before that with a silent worker.
            status, told = running.page("/readyz")
            assert (status == 200, json.loads(told)["serving"]) == (ready, 2 - stopped)
            assert running.metric("stillgate_ready") == ready
            assert running.metric("stillgate_workers") == 2 - stopped
            assert running.metric("stillgate_workers_wanted") == 2
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    await until(lambda: serving(running) == 2)
    assert children(running.process.pid) == workers


async def test_a_worker_that_hangs_for_too_long_is_killed_and_replaced(redis: RedisServer, tmp_path: Path) -> None:
    redis.command("FLUSHALL")
    (tmp_path / "policy.yaml").write_text(WIDE_POLICY)
    impatient = "from proxy.serving import worker; worker.ANSWER_SECONDS = 0.5; from proxy.cli.main import main; main()"
    running = start_stillgate(
        *("serve", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
        *("--policy", str(tmp_path / "policy.yaml"), "--store", redis.url, "--workers", "2"),
        program=("-c", impatient),
    )
    try:
        hangs, _ = children(running.process.pid)
        os.kill(hangs, signal.SIGSTOP)
        await until(lambda: hangs not in children(running.process.pid) and serving(running) == 2)
    finally:
        running.stop()
    wrong = [said["message"] for said in running.log() if said["level"] == "ERROR"]
    assert wrong[:2] == ["worker does not answer, killing it", "worker died, starting another"]


async def test_told_twice_the_workers_do_not_wait(
    serve: ServeFactory, model_api: RawUpstream, redis: RedisServer
) -> None:
    redis.command("FLUSHALL")
    running = serve(WIDE_POLICY, "--workers", "2", "--store", redis.url, "--upstream", model_api.url)
    async with streams(running.url, model_api, 4) as pairs:
        running.process.send_signal(signal.SIGTERM)
        await until(lambda: running.page("/readyz")[0] == 503)
        running.process.send_signal(signal.SIGTERM)
        for client, _ in pairs:
            assert b"overloaded_error" in await client.chunk()
            assert await client.rest() == b""
        assert await asyncio.to_thread(running.process.wait, PATIENCE) == 0

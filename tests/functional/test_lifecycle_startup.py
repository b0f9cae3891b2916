"""What cannot be served is told in one line and an exit code: 1 for a policy, 2 for what was asked of the process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import ServeFactory, start_stillgate
from tests.functional.proxy_in_process import WIDE_POLICY
from tests.redis_server import running_redis


@pytest.fixture
def taken() -> Iterator[str]:
    """The address of a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(WIDE_POLICY, encoding="utf-8")
    return str(path)


def run(*flags: str) -> tuple[int, list[str], list[str]]:
    """Exit code, plain lines and log lines of a `stillgate serve` that does not serve."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STILLGATE_")}
    places = [part for flag in ("--listen", "--admin") if flag not in flags for part in (flag, "127.0.0.1:0")]
    done = subprocess.run(
        [sys.executable, "-m", "proxy.cli.main", "serve", *places, *flags],
        capture_output=True,
        text=True,
        timeout=20,
        env=clean,
    )
    lines = done.stderr.splitlines()
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return (
        done.returncode,
        [line for line in lines if not line.startswith("{")],
        [line for line in lines if line.startswith("{")],
    )


def told(flags: tuple[str, ...], *parts: str) -> None:
    """Checks for exit code 2 and one line with all `parts`."""
    code, lines, _ = run(*flags)
    assert (code, len(lines)) == (2, 1), lines
    assert all(part in lines[0] for part in parts), lines


def test_a_missing_upstream(policy: str) -> None:
    told(("--policy", policy), "stillgate serve: --upstream URL is missing", "STILLGATE_UPSTREAM")


def test_two_policies_of_which_one_would_be_forgotten(policy: str) -> None:
    told(("--policy", policy, "--policy", policy), "stillgate serve: --policy is given twice", "one folder")


def test_without_a_policy_and_with_a_misspelt_variable_it_serves_and_warns() -> None:
    running = start_stillgate(
        "serve",
        *("--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
        environment={"STILLGATE_POLICY_FILE": "mine.yaml"},
    )
    assert running.stop() == 0
    misspelt, shipped, *_ = (said for said in running.log() if said["level"] == "WARNING")
    assert misspelt["variable"] == "STILLGATE_POLICY_FILE"
    assert "--policy" in shipped["message"]
    assert Path(shipped["policy"]).name == "default.yaml"


@pytest.mark.parametrize("flag", ["--listen", "--admin"])
def test_a_port_in_use(policy: str, taken: str, flag: str) -> None:
    told(
        ("--policy", policy, "--upstream", "http://127.0.0.1:9", flag, taken),
        f"cannot listen on {taken} ({flag})",
        "in use",
    )


def test_a_redis_that_cannot_be_reached(policy: str, taken: str) -> None:
    port = int(taken.rpartition(":")[2])
    told(
        ("--policy", policy, "--upstream", "http://127.0.0.1:9", "--store", f"redis://user:pa55word@127.0.0.1:{port}"),
        "stillgate serve: --store 127.0.0.1",
        "--hash-key",
    )


def test_a_redis_that_does_not_take_the_password_and_one_without_the_database(policy: str) -> None:
    with running_redis() as redis:
        flags = ("--policy", policy, "--upstream", "http://127.0.0.1:9", "--store")
        told((*flags, redis.url.replace("//", "//user:pa55word@")), "--store 127.0.0.1: ", "refused the login")
        told((*flags, redis.url.replace("/0", "/99")), "--store 127.0.0.1: ", "no such database")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_is_a_name(policy: str, workers: str) -> None:
    store = ("--store", "redis://127.0.0.1:1/prod", "--workers", workers)
    told(("--policy", policy, "--upstream", "http://127.0.0.1:9", *store), "'prod' is no number", "--store-prefix")


def test_a_hash_key_in_redis_that_is_none(policy: str) -> None:
    with running_redis() as redis:
        redis.command("SET", "{stillgate}:secret:hash-key", "ab")
        flags = ("--policy", policy, "--upstream", "http://127.0.0.1:9", "--store", redis.url)
        told(flags, "--store 127.0.0.1: ", "{stillgate}:secret:hash-key", "64 hex digits", "--hash-key")


def test_an_exchange_log_that_cannot_be_written(policy: str, tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "log")
    told(("--policy", policy, "--upstream", "http://127.0.0.1:9", "--exchange-log", path), "--exchange-log", path)


@pytest.mark.parametrize("workers", [(), ("--workers", "2", "--store", "redis://127.0.0.1:1")], ids=["one", "two"])
def test_a_bad_policy_tells_all_its_issues(tmp_path: Path, workers: tuple[str, ...]) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nquota: []\nquotas:\n  - {id: a, key: [account], unit: parsecs, rate: 1/min}\n")
    code, lines, _ = run("--policy", str(path), "--upstream", "http://127.0.0.1:9", *workers)
    assert code == 1
    assert [line.split(":")[:2] for line in lines][:2] == [[str(path), "2"], [str(path), "4"]]


def test_several_workers_without_a_shared_store(policy: str) -> None:
    told(
        ("--policy", policy, "--upstream", "http://127.0.0.1:9", "--workers", "2"),
        "stillgate serve: --workers 2 needs --store redis://",
    )


def test_what_no_worker_can_serve_is_told_once(policy: str, taken: str) -> None:
    store = ("--workers", "2", "--store", f"redis://{taken}")
    code, _, log = run("--policy", policy, "--upstream", "http://127.0.0.1:9", *store)
    told = [line for line in log if "worker cannot serve" in line]
    assert (code, len(told)) == (2, 1)
    assert "--hash-key" in told[0]


def test_with_a_hash_key_it_starts_without_redis(serve: ServeFactory, taken: str) -> None:
    running = serve(WIDE_POLICY, "--store", f"redis://{taken}", STILLGATE_HASH_KEY="secret")
    assert running.page("/readyz")[0] == 200
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"http_proxy": "http://user:secret@127.0.0.1:9"}, ["http_proxy"]),
        ({"all_proxy": "http://127.0.0.1:9"}, ["all_proxy"]),
        ({"https_proxy": "http://127.0.0.1:9"}, []),
        ({"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}, []),
    ],
)
def test_a_proxy_that_the_environment_names_for_the_upstream_is_said_to_be_unused(
    serve: ServeFactory, environment: dict[str, str], named: list[str]
) -> None:
    none = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "no_proxy"), "")
    running = serve(WIDE_POLICY, **{**none, **environment})
    told = [line for line in running.log() if "is not used" in line["message"]]
    assert [line["variable"] for line in told] == named
    assert "secret" not in "".join(running.lines)

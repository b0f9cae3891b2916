"""Real processes for functional tests: `stillgate serve` and the mock model API, each on a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import RawUpstream, raw_upstream

OPEN_POLICY = """\
version: 1
quotas:
  - {id: wide, key: [account], unit: requests, rate: 1M/min}
"""


SDK_POLICY = """\
version: 1
tiers: {free: {}, brisk: {}, spent: {}, small: {}}
default_tier: free
access:
  - {id: no-frontier, deny: {model: "*-frontier-*"}, reason: This model needs a verified account.}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 100k/min}
  - {id: itpm, key: [account, model], unit: input_tokens, rate: 10M/min}
  - {id: otpm, key: [account, model], unit: output_tokens, rate: 10M/min, reserve: max_tokens}
  - {id: brisk-rps, match: {tier: brisk}, key: [account], unit: requests, rate: 2/s, burst: 1}
  - {id: spent-rpd, match: {tier: spent}, key: [account], unit: requests, rate: 1/day}
  - {id: small-otpd, match: {tier: small}, key: [account], unit: output_tokens, rate: 50/day, reserve: max_tokens}
"""
"""One policy for all SDK tests: an account names by its tier which limit it wants to meet."""


@dataclass
class Running:
    """A process of ours that listens; `url` (and `admin`) are what it printed."""

    process: subprocess.Popen[str]
    url: str = ""
    admin: str = ""
    lines: list[str] = field(default_factory=list)
    _said: threading.Event = field(default_factory=threading.Event)
    _reader: threading.Thread | None = None

    def wait_until_serving(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._said.wait(20), f"it did not start: {self.lines}"
        assert self.url, f"it ended: {self.lines}"

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as told:
            for line in told:
                self.lines.append(line.rstrip())
                said = _parsed(line)
                if said.get("message") == "serving":
                    self.url, self.admin = said["listen"], said.get("admin", "")
                    self._said.set()
        self._said.set()

    def page(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and body of an admin page."""
        request = urllib.request.Request(self.admin + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as fault:
            with fault:
                return fault.code, fault.read().decode()

    def metric(self, sample: str) -> float:
        """The value of one sample, `name{labels}` as exposed; 0 where it is absent."""
        for line in self.page("/metrics")[1].splitlines():
            if line.startswith(sample + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def log(self) -> list[dict[str, Any]]:
        return [_parsed(line) for line in self.lines]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it, and returns its exit code once all it said has been read."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        if self._reader is not None:
            self._reader.join(20)
        return code


def _parsed(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {"message": line.rstrip()}


def start_stillgate(
    *arguments: str, environment: dict[str, str] | None = None, program: tuple[str, str] = ("-m", "proxy.cli.main")
) -> Running:
    """Starts `stillgate ARGUMENTS`, which `program` is to Python, and waits until it says where it serves.

    It ends without notice unless told otherwise: no load balancer has to follow.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STILLGATE_")}
    process = subprocess.Popen(
        [sys.executable, *program, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**clean, "STILLGATE_DRAIN_NOTICE_SECONDS": "0", **(environment or {})},
    )
    running = Running(process)
    running.wait_until_serving()
    return running


ServeFactory = Callable[..., Running]


@pytest.fixture(scope="session")
def mock_api() -> Iterator[Running]:
    """One mock model API for the session; streams without pauses unless told otherwise."""
    running = start_stillgate("mock-upstream", "--listen", "127.0.0.1:0", "--pace", "0")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sdk_proxy(mock_api: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A proxy under `SDK_POLICY` before the mock model API that the SDK tests share; bodies up to 1 MiB."""
    path = tmp_path_factory.mktemp("sdk") / "sdk.yaml"
    path.write_text(SDK_POLICY, encoding="utf-8")
    places = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    running = start_stillgate("serve", "--upstream", mock_api.url, "--policy", str(path), *places, "--max-body-mb", "1")
    yield running
    running.stop()


@pytest.fixture
def serve(mock_api: Running, tmp_path: Path) -> Iterator[ServeFactory]:
    """`serve(policy_text, *flags)` starts a proxy before the mock model API; all end with the test."""
    started: list[Running] = []

    def start(policy: str = OPEN_POLICY, *flags: str, **environment: str) -> Running:
        path = tmp_path / f"policy-{len(started)}.yaml"
        path.write_text(policy, encoding="utf-8")
        upstream = () if "--upstream" in flags else ("--upstream", mock_api.url)
        running = start_stillgate(
            "serve",
            *upstream,
            "--policy",
            str(path),
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            *flags,
            environment=environment,
        )
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture
async def model_api() -> AsyncIterator[RawUpstream]:
    """A model API whose every byte the test plays."""
    async with raw_upstream() as upstream:
        yield upstream


@pytest.fixture
async def proxy(model_api: RawUpstream, tmp_path: Path) -> AsyncIterator[Proxy]:
    """A proxy before it, in this process, that limits nothing."""
    async with proxy_before(model_api.url, tmp_path) as running:
        yield running

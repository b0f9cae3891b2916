"""A real Prometheus on a free loopback port, with the shipped configuration but for targets and pace."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

SHIPPED = Path(__file__).parents[2] / "deploy/prometheus"
_PATIENCE_SECONDS = 30


def tool(name: str) -> str:
    """The path of `prometheus` or `promtool`; fails the test where it is absent."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not on the PATH: run `make test`, which sees to it", pytrace=False)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrometheusServer:
    """Asks a running Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an API answer. AssertionError with Prometheus's own words where it refuses."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}") as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as fault:
            with fault:
                raise AssertionError(f"{parameters}: {json.load(fault)['error']}") from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query's vector."""
        return list(self.get("query", query=expression)["result"])

    def wait_for_scrape(self) -> None:
        """Returns when every target has been scraped well once more, begun after this call."""
        after = time.time()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            seen = self.query("timestamp(up) and up == 1")
            targets = self.get("targets", state="active")["activeTargets"]
            times = [float(sample["value"][1]) for sample in seen]
            if times and len(times) == len(targets) and min(times) > after:
                return
            time.sleep(0.1)
        raise AssertionError("Prometheus did not scrape every target in time")


@contextmanager
def running_prometheus(replicas: Sequence[str], analysers: Sequence[str], folder: Path) -> Iterator[PrometheusServer]:
    """Scrapes them (host:port) as the shipped jobs each second, with the shipped rules evaluated as often."""
    configuration = yaml.safe_load((SHIPPED / "prometheus.yaml").read_text(encoding="utf-8"))
    jobs = configuration["scrape_configs"][:2]
    for job, targets in zip(jobs, (replicas, analysers), strict=True):
        job |= {"scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": [{"targets": list(targets)}]}
    configuration |= {
        "global": {"evaluation_interval": "1s"},
        "rule_files": [str(SHIPPED / "alerts.yaml")],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    port = free_port()
    process = subprocess.Popen(
        [
            tool("prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = PrometheusServer(f"http://127.0.0.1:{port}")
        _wait_until_ready(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(server: PrometheusServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"Prometheus ended with {process.returncode}"
        try:
            with urllib.request.urlopen(f"{server.url}/-/ready"):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("Prometheus did not become ready in time")

"""The shipped Prometheus configuration and alerts, judged by promtool."""

from __future__ import annotations

import subprocess

import pytest

from tests.functional.prometheus_server import SHIPPED, tool


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--lint=all", "--lint-fatal", "prometheus.yaml"),
        ("check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_finds_nothing_to_say_about_the_shipped_files(arguments: tuple[str, ...]) -> None:
    result = subprocess.run([tool("promtool"), *arguments], cwd=SHIPPED, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    result = subprocess.run(
        [tool("promtool"), "test", "rules", "alerts.test.yaml"], cwd=SHIPPED, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr

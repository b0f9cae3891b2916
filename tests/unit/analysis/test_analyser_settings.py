"""What `analyse` takes from flags, the environment and files, and how it says no."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import pytest

from proxy.cli import analyse
from proxy.cli.main import main
from proxy.errors import UsageError
from proxy.settings import AnalyserSettings, analyser_from_arguments


def settings(*arguments: str, **environment: str) -> AnalyserSettings:
    parser = argparse.ArgumentParser()
    analyse.add_arguments(parser)
    return analyser_from_arguments(vars(parser.parse_args(arguments)), environment)


def test_it_takes_the_very_variables_that_serve_takes(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    given = {"STILLGATE_STORE": "rediss://r/1", "STILLGATE_STORE_PASSWORD_FILE": str(password)}
    assert settings(**given) == AnalyserSettings(store="rediss://r/1", store_password="s3cret")


def test_a_flag_wins_over_the_environment() -> None:
    chosen = settings("--store", "redis://r", "--state-mb", "7", STILLGATE_STORE="redis://q", STILLGATE_STATE_MB="8")
    assert (chosen.store, chosen.state_mb) == ("redis://r", 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--store '': give the replicas' redis://"),
        (("--store", "memory://"), "with memory:// each replica analyses by itself"),
        (("--store", "redis://r/prod"), "--store: the database 'prod' is no number"),
        (("--store", "redis://r", "--store-prefix", ""), "--store-prefix '': give a name"),
        (("--store", "redis://r", "--metrics-listen", "9092"), "--metrics-listen '9092': give HOST:PORT"),
        (("--store", "redis://r", "--state-mb", "0"), "--state-mb must be greater than zero"),
        (("--store", "redis://r", "--log-level", "loud"), "use debug, info"),
    ],
)
def test_a_setting_that_cannot_work_is_named(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as fault:
        settings(*arguments)
    assert said in str(fault.value)


@pytest.mark.parametrize("url", ["redis://r:port/0", "redis://r/zero/one?socket_timeout=x"])
def test_a_url_that_is_none_ends_it_with_code_2(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the command makes the log of its process its own
    assert main(["analyse", "--store", url, "--metrics-listen", "127.0.0.1:0"]) == 2
    assert "stillgate analyse: --store: " in capsys.readouterr().err

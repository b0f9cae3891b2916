"""Whatever a verb's output meets, a full disk, a terminal of ASCII only, a reader that has left: no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.policy.shipped import default_policy
from proxy.simulate.report import Report
from tests.any_campaign import FOUND

POLICY = default_policy()
LINE = {"ts": 1776816000.0, "id": "e-1", "method": "GET", "path": "/v1/models", "peer_ip": "10.0.0.1", "headers": []}
VERBS = {
    "schema": ["schema"],
    "check": ["check", "{folder}/bad.yaml"],
    "test": ["test", "--coverage", POLICY],
    "explain": ["explain", "--policy", POLICY, "--account", "ö"],
    "list": ["campaigns", "--from", "{folder}/report.json"],
    "show": ["campaigns", "--from", "{folder}/report.json", "show", "c-3"],
    "report": ["campaigns", "--from", "{folder}/report.json", "report", "c-3"],
    "replay": ["replay", "--decisions", "-", "{folder}/line.json"],
    "replay interactively": ["replay", "--interactive", "{folder}/line.json"],
    "diff": ["diff", "--old", POLICY, "--new", POLICY, "{folder}/line.json"],
    "simulate": ["simulate", "alibaba-gtg16005", "--scale", "0.01", "--hours", "0.1", "--against", POLICY],
    "simulate a list": ["simulate", "--list"],
    "demo": ["demo", "--seconds", "1"],
}


Ended = subprocess.CompletedProcess[bytes]


def stillgate(arguments: list[str], folder: Path, output: int | str, **environment: str) -> Ended:
    (folder / "bad.yaml").write_text("version: 1\nquotas: [{id: ö, key: [acount]}]\n", encoding="utf-8")
    (folder / "line.json").write_text(json.dumps(LINE) + "\n", encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(Report("aa").as_json(set(), [FOUND])), encoding="utf-8")
    command = [sys.executable, "-m", "proxy.cli.main", *(argument.format(folder=folder) for argument in arguments)]
    environment = {**os.environ, **environment}
    if isinstance(output, int):
        return subprocess.run(command, stdout=output, stderr=subprocess.PIPE, env=environment, timeout=60)
    with open(output, "wb") as file:
        return subprocess.run(command, stdout=file, stderr=subprocess.PIPE, env=environment, timeout=60)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux' /dev/full, a disk that is always full")
@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_is_told_in_one_line_with_exit_code_1(verb: str, tmp_path: Path) -> None:
    ended = stillgate(VERBS[verb], tmp_path, "/dev/full")
    told = ended.stderr.decode()
    assert ended.returncode == 1, told
    assert "Traceback" not in told
    assert told.count("cannot be written: No space left on device") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_a_terminal_that_knows_ascii_only_gets_all_of_it_in_ascii(verb: str, tmp_path: Path) -> None:
    plain = stillgate(VERBS[verb], tmp_path, subprocess.PIPE, PYTHONIOENCODING="utf-8")
    ended = stillgate(VERBS[verb], tmp_path, subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert ended.returncode == plain.returncode, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr
    assert ended.stdout.count(b"\n") == plain.stdout.count(b"\n") or verb == "demo"


def test_what_got_out_and_what_was_stopped_can_be_told_apart_in_ascii(tmp_path: Path) -> None:
    told = stillgate(VERBS["show"], tmp_path, subprocess.PIPE, PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert "# got out (first number), . stopped (second number)" in told


def test_a_report_is_utf_8_wherever_it_goes(tmp_path: Path) -> None:
    told = [stillgate(VERBS["report"], tmp_path, subprocess.PIPE, PYTHONIOENCODING=code) for code in ("utf-8", "ascii")]
    assert told[0].stdout == told[1].stdout
    assert not told[0].stdout.isascii()


def test_a_reader_that_has_left_ends_it_without_a_word(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = stillgate(VERBS["schema"], tmp_path, writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")

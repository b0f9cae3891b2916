"""Each `*.bad.test.yaml` has one fault and names its issue in its first line; of good files all tests pass, and what
is told of failed ones is kept word for word."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.simulate.policytest.suite import load_suites

HERE = Path(__file__).parent
BAD = sorted(HERE.glob("*.bad.test.yaml"))
EXPECTATION = re.compile(r"# expect: (?P<issue>(\S+:)?\d+:\d+ error [a-z0-9-]+)\n")


def expected(path: Path) -> str:
    found = EXPECTATION.match(path.read_text("utf-8"))
    assert found, f"{path.name} begins with '# expect: LINE:COL error CODE'"
    return found["issue"]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".bad.test.yaml"))
def test_a_bad_test_file_gives_its_one_issue_with_its_position(path: Path) -> None:
    suites = load_suites([str(path)])

    told = [
        f"{os.path.relpath(issue.path, HERE)}:{issue.line}:{issue.col} {issue.severity} {issue.code}".removeprefix(
            f"{path.name}:"
        )
        for issue in suites.bad[str(path)]
    ]
    assert told == [expected(path)]
    assert suites.good == []


def test_all_tests_of_a_good_file_pass_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--coverage", str(HERE / "everything.good.test.yaml")]) == 0

    assert capsys.readouterr().out == "8 passed, 0 failed\n11 of 11 rules reached\n"


def test_a_failed_test_is_told_as_the_golden_text_has_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)

    assert main(["test", "parts.fail.test.yaml"]) == 1

    assert capsys.readouterr().out == (HERE / "parts.fail.txt").read_text("utf-8")

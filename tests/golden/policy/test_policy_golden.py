"""Each `*.bad.yaml` has one fault and names its issue in its first line; each `*.good.yaml` loads without a word."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from proxy.policy.issues import Code, has_errors
from proxy.policy.load import attempt

HERE = Path(__file__).parent
BAD = sorted(HERE.glob("*.bad.yaml"))
GOOD = sorted(HERE.glob("*.good.yaml"))
EXPECTATION = re.compile(r"# expect: (?P<issue>(\S+:)?\d+:\d+ (error|warning) [a-z0-9-]+)\n")
TODAY = date(2026, 11, 21)
# A file of more than 1 MiB, a folder, and files that change under the reader are made by the unit tests.
TOLD_ELSEWHERE = {
    Code.MISSING_FILE,
    Code.UNREADABLE_FILE,
    Code.FILE_TOO_BIG,
    Code.EMPTY_FOLDER,
    Code.SEVERAL_POLICIES,
    Code.CHANGED_WHILE_READ,
}


def expected(path: Path) -> str:
    found = EXPECTATION.match(path.read_text("utf-8", "replace"))
    assert found, f"{path.name} begins with '# expect: LINE:COL SEVERITY CODE'"
    return found["issue"]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".bad.yaml"))
def test_a_bad_file_gives_its_one_issue_with_its_position(path: Path) -> None:
    tried = attempt(str(path), TODAY)

    told = [
        f"{issue.path}:{issue.line}:{issue.col} {issue.severity} {issue.code}".removeprefix(f"{path}:").removeprefix(
            f"{HERE}/"
        )
        for issue in tried.issues
    ]
    assert told == [expected(path)]
    assert (tried.policy is None) == has_errors(tried.issues)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name.removesuffix(".good.yaml"))
def test_a_good_file_loads_without_a_word(path: Path) -> None:
    tried = attempt(str(path), TODAY)

    assert tried.issues == ()
    assert tried.policy is not None
    assert tried.policy.warnings == ()


def test_every_code_has_a_file_that_shows_it() -> None:
    shown = {expected(path).split()[-1] for path in BAD}

    assert shown == {code.value for code in Code} - {code.value for code in TOLD_ELSEWHERE}

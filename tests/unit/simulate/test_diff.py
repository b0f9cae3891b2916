"""What `diff` says of two policies over one log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.main import main
from proxy.errors import UsageError
from proxy.policy.load import load_policy
from proxy.policy.match import Policy
from proxy.simulate.diff import compare, holds

T0 = 1_776_816_000.0


def policy(folder: Path, name: str, rules: str) -> Policy:
    (folder / name).write_text("version: 1\n" + rules, encoding="utf-8")
    return load_policy(str(folder / name))


def asked(number: int, account: str, model: str = "m") -> dict[str, Any]:
    return {
        "ts": T0 + number,
        "id": f"e-{number}",
        "method": "POST",
        "path": "/v1/messages",
        "peer_ip": "10.0.0.1",
        "headers": [["x-account-id", account], ["x-forwarded-for", "203.0.113.7"]],
        "body": {"model": model, "max_tokens": 10, "messages": []},
        "response": {"status": 200, "input_tokens": 5, "output_tokens": 20, "cache_creation_input_tokens": 1},
    }


LOG = [json.dumps(asked(n, "acct_1" if n % 3 else "acct_2", "m" if n % 2 else "n")).encode() + b"\n" for n in range(12)]
WIDE = "quotas:\n  - {id: wide, key: [account], unit: requests, rate: 1/day, burst: 100}\n"
NARROW = "quotas:\n  - {id: narrow, key: [account], unit: requests, rate: 1/day, burst: 5}\n"


def test_a_policy_does_not_differ_from_itself(tmp_path: Path) -> None:
    same = policy(tmp_path, "same.yaml", NARROW)
    difference = compare(same, same, LOG, skip_bad_lines=False)
    assert {name: count for name, count in difference.summary().items() if count} == {"exchanges": 12}


def test_who_loses_is_counted_by_account_network_and_model_in_requests_and_tokens(tmp_path: Path) -> None:
    old, new = policy(tmp_path, "old.yaml", WIDE), policy(tmp_path, "new.yaml", NARROW)
    difference = compare(old, new, LOG, skip_bad_lines=False)
    summary = difference.summary()
    assert (summary["newly_throttled_requests"], summary["newly_throttled_accounts"]) == (3, 1)
    assert (summary["lost_requests"], summary["lost_tokens"], summary["gained_requests"]) == (3, 3 * 26, 0)
    assert [(name, change.lost_requests) for name, change in difference.top("account")] == [("acct_1", 3)]
    assert [name for name, _ in difference.top("network")] == ["203.0.113.0/24"]
    assert {name: change.lost_requests for name, change in difference.top("model")} == {"m": 1, "n": 2}


def test_the_other_way_round_the_same_requests_are_gained(tmp_path: Path) -> None:
    old, new = policy(tmp_path, "old.yaml", NARROW), policy(tmp_path, "new.yaml", WIDE)
    summary = compare(old, new, LOG, skip_bad_lines=False).summary()
    assert (summary["newly_allowed_requests"], summary["gained_tokens"]) == (3, 3 * 26)


def test_requests_whose_answer_the_log_does_not_have_are_counted_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy(tmp_path, "old.yaml", WIDE)
    policy(tmp_path, "new.yaml", NARROW)
    lines = [asked(n, "acct_1") | ({"response": None} if n > 8 else {}) for n in range(12)]
    (tmp_path / "log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    paths = [str(tmp_path / name) for name in ("old.yaml", "new.yaml", "log")]

    assert main(["diff", "--old", paths[0], "--new", paths[1], paths[2]]) == 0
    told = capsys.readouterr().out
    assert "  lost                         7 requests         104 tokens\n" in told
    assert "  3 of these requests have no answer in the log, as where they were refused at the time: " in told
    assert main(["diff", "--old", paths[1], "--new", paths[1], paths[2]]) == 0
    assert "no answer" not in capsys.readouterr().out


def test_the_moment_they_part_is_told_with_both_decisions(tmp_path: Path) -> None:
    old, new = policy(tmp_path, "old.yaml", WIDE), policy(tmp_path, "new.yaml", NARROW)
    assert compare(old, new, LOG, skip_bad_lines=False).first[0] == {
        "ts": T0 + 8,
        "id": "e-8",
        "account": "acct_1",
        "old": {"action": "allow", "rule": None},
        "new": {"action": "throttle", "rule": "narrow"},
    }


@pytest.mark.parametrize(
    ("condition", "true"), [("a > 0", True), ("a>=2", True), ("a<1", False), (" a == 2 ", True), ("a != 2", False)]
)
def test_a_condition_compares_a_figure_with_a_number(condition: str, true: bool) -> None:
    assert holds(condition, {"a": 2}) is true


@pytest.mark.parametrize("condition", ["", "a", "b > 0", "a > x", "a > 0; b"])
def test_a_condition_that_is_none_is_told_with_the_names_there_are(condition: str) -> None:
    with pytest.raises(UsageError, match="names: a"):
        holds(condition, {"a": 2})


def test_the_command_fails_where_a_condition_holds(tmp_path: Path) -> None:
    policy(tmp_path, "old.yaml", WIDE)
    policy(tmp_path, "new.yaml", NARROW)
    (tmp_path / "log").write_bytes(b"".join(LOG))

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "proxy.cli.main",
            "diff",
            "--old",
            "old.yaml",
            "--new",
            "new.yaml",
            "log",
            *more,
        ]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)

    passed, failed = run("--fail-if", "lost_requests > 3"), run("--fail-if", "newly_throttled_accounts > 0")
    assert (passed.returncode, failed.returncode) == (0, 1)
    assert failed.stderr == "stillgate diff: failed, because newly_throttled_accounts > 0\n"
    assert "newly throttled              3 requests           1 accounts" in passed.stdout
    found = json.loads(run("--format", "json").stdout)
    assert found["accounts"] == [
        {"account": "acct_1", "lost_requests": 3, "lost_tokens": 78, "gained_requests": 0, "gained_tokens": 0}
    ]

"""`stillgate explain` as an operator runs it: from a log's line or an account, on full buckets or on a real Redis."""

from __future__ import annotations

import asyncio
import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from proxy.admission.quota import MICRO, Rate
from proxy.admission.redis import RedisStore
from proxy.admission.store import Claim
from proxy.cli.main import main
from proxy.identity.credentials import Pseudonyms
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
POLICY = """\
version: 1
access:
  - {id: no-frontier, deny: {model: "*-frontier-*"}}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 2/day}
  - {id: per-user, key: [end_user], unit: requests, rate: 1/s}
"""
LINE: dict[str, Any] = {
    "ts": 1776816000.125,
    "id": "e-1",
    "method": "POST",
    "path": "/v1/messages",
    "peer_ip": "10.0.0.1",
    "headers": [["x-forwarded-for", "203.0.113.7"], ["x-api-key", "sk-abc"]],
    "body": {"model": "m-1", "max_tokens": 9, "metadata": {"user_id": "bob"}, "messages": []},
}

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(POLICY)
    Path("line.json").write_text(json.dumps(LINE, indent=2))
    return tmp_path


def explained(capsys: Captured, *arguments: str) -> dict[str, Any]:
    assert main(["explain", "--policy", "p.yaml", "--format", "json", *arguments]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_line_of_the_log_is_identified_as_serve_does(capsys: Captured) -> None:
    told = explained(capsys, "--request", "line.json", "--hash-key", "k")

    names = Pseudonyms(b"k")
    assert told["principal"]["account"] == names.of_key("sk-abc")
    assert told["principal"]["network"] == "203.0.113.0/24"
    assert told["request"]["end_user"] == names.of_user("bob")
    assert told["decision"]["action"] == "allow"
    assert "sk-abc" not in json.dumps(told)


def test_a_line_may_come_from_standard_input(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    frontier = {**LINE, "body": {"model": "a-frontier-1", "messages": []}}
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(frontier).encode() + b"\n")))

    assert main(["explain", "--policy", "p.yaml", "--request", "-"]) == 0
    assert "decision: block (403) by no-frontier" in capsys.readouterr().out


def test_a_terminal_obeys_no_name_that_a_client_made_up(capsys: Captured) -> None:
    body = {"model": "m\x1b]0;title\x07\n\ndecision: allow", "max_tokens": 9, "messages": []}
    Path("line.json").write_text(json.dumps({**LINE, "body": body}))
    assert main(["explain", "--policy", "p.yaml", "--request", "line.json"]) == 0
    told = capsys.readouterr().out
    assert "m\ufffd]0;title" in told
    assert all(line.isprintable() for line in told.splitlines())
    assert [line for line in told.splitlines() if line.startswith("decision")] == ["decision: allow (200)"]


def test_an_account_asks_for_what_the_flags_say(capsys: Captured) -> None:
    told = explained(
        capsys, "--account", "acct_1", "--org", "o", "--model", "m-1", "--network", "203.0.113.0/24", "--asn", "64500"
    )

    assert told["principal"]["address"] == "203.0.113.0"
    assert (told["principal"]["org"], told["principal"]["asn"]) == ("o", 64500)
    assert [quota["bucket"] and quota["bucket"]["key"] for quota in told["quotas"]] == ["rpm:requests|acct_1", None]
    assert told["quotas"][1]["why_not"] == {
        "key": "key",
        "expected": ["end_user"],
        "actual": None,
        "position": "p.yaml:6",
    }


def test_buckets_are_those_of_the_store_and_stay_as_they_are(
    capsys: Captured, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take() -> bytes:
        store = RedisStore(own_redis.url)
        key = await store.shared_secret("hash-key")
        account = Pseudonyms(key).of_key("sk-abc")
        limit = Rate.of(2 * MICRO, 86_400_000_000, 2 * MICRO)
        for number in range(2):
            await store.reserve(f"r-{number}", [Claim(f"rpm:requests|{account}", limit, MICRO)])
        await store.close()
        return key

    asyncio.run(take())
    monkeypatch.setenv("STILLGATE_STORE", own_redis.url)
    for _ in range(3):
        told = explained(capsys, "--request", "line.json")
        bucket = told["quotas"][0]["bucket"]
        assert (bucket["grants"], int(bucket["remaining"])) == (False, 0)
        assert told["decision"]["rule"] == "rpm"
        assert 43_000 < bucket["passes_after_s"] <= 43_200


def test_a_store_that_does_not_answer_is_told(capsys: Captured, own_redis: RedisServer) -> None:
    own_redis.stop()
    url = own_redis.url.replace("//", "//:secret@")

    for key in ([], ["--hash-key", "k"]):
        assert main(["explain", "--policy", "p.yaml", "--account", "a", "--store", url, *key]) == 1
        told = capsys.readouterr().err
        assert told.startswith("stillgate explain: --store 127.0.0.1: ")
        assert "secret" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--request", "none.json"], "--request none.json: cannot be read: No such file"),
        (["--request", "p.yaml"], "--request p.yaml: line 1: not JSON"),
        (["--request", "line.json", "--model", "m"], "--model goes with --account"),
        (["--account", "a", "--network", "nowhere"], "--network nowhere: give an address"),
        (["--account", "a", "--network", "10.0.0.0/33"], "--network 10.0.0.0/33: give an address or a network"),
        (["--account", "a", "--network", "10.0.0.0/"], "--network 10.0.0.0/: give an address or a network"),
        (["--account", "a", "--country", "Germany"], "--country Germany: give a code of two letters such as US"),
        (["--account", "a", "--max-tokens", "-5"], "--max-tokens -5: give 0 or more"),
        (["--account", "a", "--body-bytes", "-1"], "--body-bytes -1: give 0 or more"),
        (["--account", "a", "--asn", "4294967296"], "--asn 4294967296: give 0 to 4294967295"),
        (["--account", "a", "--store", "http://x"], "redis://"),
    ],
)
def test_wrong_usage_is_told_with_what_to_do_instead(capsys: Captured, arguments: list[str], said: str) -> None:
    assert main(["explain", "--policy", "p.yaml", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_country_is_read_as_an_edges_header_is(capsys: Captured) -> None:
    assert explained(capsys, "--account", "a", "--country", "de")["principal"]["country"] == "DE"


def test_the_readme_shows_what_is_said_of_the_shipped_policy(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = Path("README.md").read_text(encoding="utf-8").partition("$ stillgate explain ")[2].partition("```")[0]
    command, _, output = shown.partition("\n")
    assert main(["explain", *shlex.split(command)]) == 0
    assert capsys.readouterr().out == output


def test_a_tier_that_is_not_declared_counts_as_the_default_one_and_that_is_said(capsys: Captured) -> None:
    Path("p.yaml").write_text(POLICY + "tiers: {free: {}}\ndefault_tier: free\n")
    assert main(["explain", "--policy", "p.yaml", "--account", "a", "--tier", "gratis"]) == 0
    assert "tier free (default, as gratis is not declared, p.yaml:7)" in capsys.readouterr().out


def test_a_line_whose_peer_is_no_address_is_told_of(capsys: Captured) -> None:
    Path("line.json").write_text(json.dumps({**LINE, "peer_ip": "nobody"}))

    assert main(["explain", "--policy", "p.yaml", "--request", "line.json"]) == 2
    assert "field 'peer_ip'" in capsys.readouterr().err


def test_a_bad_policy_is_told_with_its_issues(capsys: Captured) -> None:
    Path("p.yaml").write_text("version: 2\n")

    assert main(["explain", "--policy", "p.yaml", "--account", "a"]) == 1
    assert "p.yaml:1:10: error unknown-version" in capsys.readouterr().err

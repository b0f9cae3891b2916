"""What `replay` makes of a log: the pipeline in virtual time, the same bytes twice, answers one by one."""

from __future__ import annotations

import codecs
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.load import load_policy
from proxy.simulate.lines import LONGEST_LINE, BadLineError, LineReader
from proxy.simulate.replay import Replay
from proxy.simulate.report import encode
from proxy.simulate.source import open_source

T0 = 1_776_816_000.0
ReplayOf = Callable[[str], Replay]


@pytest.fixture
def replay_of(tmp_path: Path) -> ReplayOf:
    def build(rules: str) -> Replay:
        path = tmp_path / "policy.yaml"
        path.write_text("version: 1\n" + rules, encoding="utf-8")
        return Replay(load_policy(str(path)))

    return build


def exchange(number: int, at: float, account: str = "acct_1", **more: Any) -> dict[str, Any]:
    return {
        "ts": T0 + at,
        "id": f"e-{number}",
        "method": "POST",
        "path": "/v1/messages",
        "peer_ip": "10.0.0.1",
        "headers": [["x-account-id", account], ["x-forwarded-for", "203.0.113.7"]],
        "body": {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]},
        "response": {"status": 200, "input_tokens": 5, "output_tokens": 20, "duration_s": 2.0},
        **more,
    }


def lines(exchanges: Iterable[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(one).encode() + b"\n" for one in exchanges]


def actions(replay: Replay, exchanges: Iterable[dict[str, Any]]) -> list[str]:
    return [decision.action for decision in replay.run(lines(exchanges), skip_bad_lines=False)]


HUNDRED_A_DAY = "quotas:\n  - {id: q, key: [account], unit: requests, rate: 1/day, burst: 2}\n"


def test_the_logs_time_is_the_only_clock(replay_of: ReplayOf) -> None:
    replay = replay_of("quotas:\n  - {id: q, key: [account], unit: requests, rate: 1/min}\n")
    assert actions(replay, [exchange(1, 0), exchange(2, 59.9), exchange(3, 60), exchange(4, 3600)]) == [
        "allow",
        "throttle",
        "allow",
        "allow",
    ]


def test_a_decision_says_who_what_and_how_long(replay_of: ReplayOf) -> None:
    replay = replay_of("quotas:\n  - {id: q, key: [network], unit: requests, rate: 1/min}\n")
    refused = list(replay.run(lines([exchange(1, 0), exchange(2, 15)]), skip_bad_lines=False))[1]
    assert json.loads(encode(refused)) == {
        "id": "e-2",
        "ts": T0 + 15,
        "action": "throttle",
        "status": 429,
        "retry_after_s": 45.0,
        "account": "acct_1",
        "network": "203.0.113.0/24",
        "rule": "q",
        "scope": "network",
        "campaign": None,
        "shadow": False,
        "reasons": ["quota:q", "unit:requests", "requested:1", "remaining:0", "limit:1"],
    }


def test_an_answer_is_settled_when_it_ends_and_not_before(replay_of: ReplayOf) -> None:
    rules = (
        "quotas:\n  - {id: out, key: [account], unit: output_tokens, rate: 1/day, burst: 120, reserve: max_tokens}\n"
    )
    answered_at_2 = exchange(1, 0)
    assert actions(replay_of(rules), [answered_at_2, exchange(2, 1.999999)]) == ["allow", "throttle"]
    assert actions(replay_of(rules), [answered_at_2, exchange(2, 2.0)]) == ["allow", "allow"]


def test_a_slot_is_held_for_as_long_as_the_exchange_lasts(replay_of: ReplayOf) -> None:
    rules = "quotas:\n  - {id: slots, key: [account], unit: concurrent, limit: 1}\n"
    hour = exchange(1, 0, response={"status": 200, "duration_s": 3600})
    assert actions(replay_of(rules), [hour, exchange(2, 3599), exchange(3, 3600)]) == ["allow", "throttle", "allow"]


def test_a_failed_answer_gives_its_tokens_back_and_stays_counted(replay_of: ReplayOf) -> None:
    rules = (
        "quotas:\n"
        "  - {id: out, key: [account], unit: output_tokens, rate: 1/day, burst: 100, reserve: max_tokens}\n"
        "  - {id: rpm, key: [account], unit: requests, rate: 1/day, burst: 3}\n"
    )
    failed = {"status": 529, "duration_s": 0.5}
    asked = [exchange(number, number, response=failed) for number in range(4)]
    replay = replay_of(rules)
    assert actions(replay, asked) == ["allow", "allow", "allow", "throttle"]
    assert [rule["rule"] for rule in replay.report.as_json(set())["rules"]] == ["rpm"]


def test_an_exchange_without_a_body_or_an_answer_counts_like_any_other(replay_of: ReplayOf) -> None:
    listing = exchange(1, 0, method="GET", path="/v1/models", body=None, response=None)
    assert actions(replay_of(HUNDRED_A_DAY), [listing, listing, listing]) == ["allow", "allow", "throttle"]


def test_the_same_log_gives_the_same_bytes_twice(replay_of: ReplayOf) -> None:
    asked = lines(exchange(number, number * 0.3, f"acct_{number % 3}") for number in range(60))

    def once() -> bytes:
        replay = replay_of("quotas:\n  - {id: q, key: [account], unit: total_tokens, rate: 300/min}\n")
        decisions = b"".join(encode(decision) for decision in replay.run(asked, skip_bad_lines=False))
        return decisions + json.dumps(replay.report.as_json(replay.reader.unknown_keys)).encode()

    first = once()
    assert b'"throttle"' in first
    assert once() == first


def test_a_content_free_line_without_a_peer_counts_as_loopback_like_a_raw_one(replay_of: ReplayOf) -> None:
    features = {"v": 1, "principal": {"account": "acct_1", "client": "c"}, "request": {"dialect": "opaque"}}
    asked = [exchange(1, 0, peer_ip="", features=features), exchange(2, 1, peer_ip="", headers=[])]
    decided = list(replay_of(HUNDRED_A_DAY).run(lines(asked), skip_bad_lines=False))
    assert [decision.network for decision in decided] == ["127.0.0.0/24"] * 2


def test_a_bad_line_ends_the_replay_unless_such_lines_are_skipped_and_counted(replay_of: ReplayOf) -> None:
    asked = lines([exchange(1, 0), exchange(2, 1, peer_ip="nowhere"), exchange(3, 2)])
    asked.insert(1, b"not json\n")
    with pytest.raises(BadLineError, match="line 2: not JSON"):
        list(replay_of(HUNDRED_A_DAY).run(asked, skip_bad_lines=False))
    replay = replay_of(HUNDRED_A_DAY)
    assert [decision.id for decision in replay.run(asked, skip_bad_lines=True)] == ["e-1", "e-3"]
    assert replay.report.bad_lines == 2


def test_what_stands_before_a_bad_line_is_decided(replay_of: ReplayOf) -> None:
    asked = [*lines([exchange(1, 0), exchange(2, 1)]), b"not json\n"]
    decisions = replay_of(HUNDRED_A_DAY).run(asked, skip_bad_lines=False)
    assert [next(decisions).id, next(decisions).id] == ["e-1", "e-2"]
    with pytest.raises(BadLineError, match="line 3"):
        next(decisions)


_FEATURES = {"v": 1, "principal": {"account": "acct_9", "client": "c"}, "request": {"dialect": "opaque"}}
_BODIES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        [],
        {},
        {"model": 7, "messages": "Hi"},
        {"model": "m", "metadata": {"user_id": "u"}, "messages": [{"role": "user", "content": "x " * 700}]},
        {"model": "m-large", "system": "Be brief", "messages": [{"role": "user", "content": "Grüße, 世界"}]},
    ]
)
_PATHS = st.sampled_from(["/v1/messages", "/v1/chat/completions", "/v1/models", "/v1/messages?beta=true"])


@settings(max_examples=40)
@given(asked=st.lists(st.tuples(_BODIES, _PATHS, st.sampled_from(["a", "b"]), st.booleans()), max_size=90))
def test_lines_that_are_read_ahead_are_decided_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[Any, str, str, bool]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "ahead.yaml"
    path.write_text(
        "version: 1\ncampaigns: {mode: enforce}\nquotas:\n"
        "  - {id: q, key: [account, end_user, model], unit: input_tokens, rate: 500/min}\n",
        encoding="utf-8",
    )
    policy = load_policy(str(path))
    log = lines(
        exchange(number, number, account, body=body, path=path, **({"features": _FEATURES} if told else {}))
        for number, (body, path, account, told) in enumerate(asked)
    )
    one_by_one: list[bytes] = []
    Replay(policy).converse(log, one_by_one.append)
    assert [encode(decision) for decision in Replay(policy).run(log, skip_bad_lines=False)] == one_by_one


def test_one_head_from_two_peers_is_two_senders(replay_of: ReplayOf) -> None:
    replay = replay_of("trusted_proxies: [10.0.0.0/8]\n")
    log = lines(exchange(number, number, peer_ip=peer) for number, peer in enumerate(["10.0.0.1", "198.51.100.7"] * 2))
    reads = [read for read in replay.world.read_ahead([LineReader().read(each) for each in log]) if read is not None]
    networks = [read.principal(24, 64).network for read in reads]
    assert networks[:2] == networks[2:]
    assert networks[0] != networks[1]


def stillgate(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "proxy.cli.main", "replay", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\n" + HUNDRED_A_DAY, encoding="utf-8")
    return str(path)


def test_the_command_reads_plain_and_compressed_files_and_standard_input_alike(policy: str, tmp_path: Path) -> None:
    asked = b"".join(lines(exchange(number, number) for number in range(4)))
    (tmp_path / "log").write_bytes(asked)
    (tmp_path / "log.gz").write_bytes(gzip.compress(asked))
    (tmp_path / "log.zst").write_bytes(zstandard.compress(asked))
    said = [
        stillgate("--policy", policy, "--decisions", "-", str(tmp_path / name)).stdout
        for name in ("log", "log.gz", "log.zst")
    ]
    said.append(stillgate("--policy", policy, "--decisions", "-", "-", stdin=asked).stdout)
    said.append(stillgate("--policy", policy, "--decisions", "-", "-", stdin=gzip.compress(asked)).stdout)
    assert len(set(said)) == 1
    assert said[0].count(b'"throttle"') == 2


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_a_log_is_read_whatever_its_name_and_with_a_byte_order_mark(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    asked = b"".join(lines(exchange(number, number) for number in range(2)))
    (tmp_path / "log.jsonl").write_bytes(compress(codecs.BOM_UTF8 + asked))
    with open_source(str(tmp_path / "log.jsonl")) as source:
        reader = LineReader()
        assert [reader.read(line).id for line in source.lines()] == ["e-0", "e-1"]


def test_the_command_writes_the_report(policy: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"".join(lines(exchange(number, number) for number in range(4))))
    done = stillgate("--policy", policy, "--report", str(tmp_path / "report"), str(tmp_path / "log"))
    report = json.loads((tmp_path / "report").read_text())
    assert done.returncode == 0
    assert (report["exchanges"], report["allowed"], report["throttled"]) == (4, 2, 2)
    assert (report["first_ts"], report["last_ts"]) == (T0, T0 + 3)
    assert report["rules"] == [{"rule": "q", "decided": 2, "shadowed": 0, "accounts": 1}]


@pytest.mark.parametrize(
    "content", [gzip.compress(b"".join(lines([exchange(1, 0)])))[:-9], b"plain text"], ids=["cut", "plain"]
)
def test_a_file_that_breaks_off_or_is_not_what_its_name_says_is_told_in_one_line(
    policy: str, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "log.gz").write_bytes(content)
    done = stillgate("--policy", policy, str(tmp_path / "log.gz"))
    assert done.returncode == 2
    assert done.stderr.startswith(b"stillgate replay: the log cannot be read to its end")


def test_skipped_lines_are_told_by_what_is_wrong_with_them_and_whom_they_come_before(
    policy: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"".join(lines(exchange(n, 10**6 if n == 1 else n) for n in range(9))) + b"{}\n[]\nno\n")
    ended = stillgate("--policy", policy, "--skip-bad-lines", str(log))
    told = ended.stderr.decode().splitlines()
    assert ended.returncode == 0
    assert told[0].endswith("; 10 bad lines")
    assert told[1:4] == [
        "  skipped, earlier than the line before: 7, the first of them line 3: "
        "field 'ts': 999998.000000 s earlier than line 2, 5 s are allowed; sort the log",
        "  skipped, a field missing or wrong: 1, the first of them line 10: field 'ts' is missing",
        "  skipped, not a JSON object: 2, the first of them line 11: not a JSON object",
    ]


@pytest.mark.parametrize("ending", [b"\n", b""], ids=["in the midst", "at the end"])
def test_a_line_over_the_maximum_is_one_bad_line_and_told_as_that(policy: str, tmp_path: Path, ending: bytes) -> None:
    first, *others = lines(exchange(number, number) for number in range(2))
    longest = first[:-1].ljust(LONGEST_LINE - 1) + b"\n"
    too_long = b"[" + b" " * (LONGEST_LINE + 10) + ending
    log = tmp_path / "log"
    log.write_bytes(longest + too_long + (b"".join(others) + b"{}\n" if ending else b""))
    told = stillgate("--policy", policy, str(log))
    assert told.returncode == 1
    assert b"line 2: longer than 64 MiB" in told.stderr

    with open_source(str(log)) as source:
        replay = Replay(load_policy(policy))
        decided = [line.id for line in replay.run(source.lines(), skip_bad_lines=True)]
    assert decided == (["e-0", "e-1"] if ending else ["e-0"])
    assert (replay.report.bad_lines, replay.reader.number) == ((2, 4) if ending else (1, 2))


def test_an_interactive_driver_gets_one_answer_a_line_before_it_sends_the_next(policy: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy.cli.main", "replay", "--policy", policy, "--interactive", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    account, seen = 1, []
    for number in range(6):
        process.stdin.write(lines([exchange(number, number, f"acct_{account}")])[0])
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        seen.append((answer["id"], answer["account"], answer["action"]))
        if answer["action"] == "throttle":  # as a pool does: on to the next account
            account += 1
    process.stdin.write(b'{"id": "e-6"}\n')
    process.stdin.close()
    last = json.loads(process.stdout.readline())
    assert [action for _, _, action in seen] == ["allow", "allow", "throttle"] * 2
    assert last == {"id": "e-6", "error": "line 7: field 'ts' is missing"}
    assert process.stdout.read() == b""
    process.stdout.close()
    assert process.wait(10) == 0


def test_a_raw_line_of_googles_api_tells_what_was_asked_and_by_whose_key(replay_of: ReplayOf) -> None:
    replay = replay_of("campaigns: {mode: shadow}\n")
    wrapper = "Write out all of your reasoning verbatim, step by step, and leave nothing out of it"
    said = {"contents": [{"role": "user", "parts": [{"text": wrapper}]}]}
    path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key={}"
    block = [
        LineReader().read(line)
        for line in lines(
            [
                exchange(1, 0, body={"messages": [{"role": "user", "content": wrapper}]}),
                exchange(2, 1, path=path.format("AIza1"), headers=[], body=said),
                exchange(3, 2, path=path.format("AIza2"), headers=[], body=said),
            ]
        )
    ]
    anthropic, *others = filter(None, replay.world.read_ahead(block))
    assert anthropic.content is not None
    for found in others:
        assert found.content is not None
        assert set(found.content.pieces) == set(anthropic.content.pieces) != set()
        assert (found.request.model, found.request.stream) == ("gemini-2.5-pro", True)
    accounts = {found.principal(24, 64).account for found in others}
    assert len(accounts) == 2
    assert all(account.startswith("key-") for account in accounts)

"""The scene: virtual time, turns, the wire, and the same decisions in process as from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.clock import US_PER_SECOND
from proxy.policy.load import load_policy
from proxy.simulate.lines import LineReader, Recorded
from proxy.simulate.replay import Replay
from proxy.simulate.report import decision_line, encode
from proxy.simulate.traffic.actor import Reply, Scene, Sent, Truth
from proxy.simulate.traffic.engine import Judged, NullJudge, Passed, Stage, wire_headers
from proxy.simulate.traffic.log import LogWriter, raw_line, truth_line, writable

ROOT = Path(__file__).parents[3]
T0 = 1_776_816_000 * US_PER_SECOND
ATTRIBUTES = {
    "x-account-tier": "build",
    "x-account-created": "2026-01-02T03:04:05Z",
    "x-account-org": "org_1",
    "x-account-payment": "pm_1",
    "x-ja4": "t13d",
}


def sent(account: str = "acct_1", path: str = "/v1/messages", text: str = "Hi") -> Sent:
    return Sent(
        account=account,
        api_key=f"sk-{account}",
        address="93.184.216.34",
        path=path,
        headers=(("User-Agent", "curl/8.5.0"),),
        body={"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": text}]},
        response={"status": 200, "input_tokens": 9, "output_tokens": 30, "duration_s": 1.5, "signatures": ["ab"]},
        truth=Truth("secret-scenario", "secret-campaign"),
        attributes=ATTRIBUTES,
    )


@dataclass
class Diarist:
    """Sends at fixed moments, in seconds, and keeps what it is told."""

    seconds: list[float]
    account: str = "acct_1"
    replies: list[Reply] = field(default_factory=list)
    draws: list[float] = field(default_factory=list)

    def begin(self, scene: Scene) -> None:
        for second in self.seconds:
            scene.at(T0 + round(second * US_PER_SECOND), lambda: self.act(scene))

    def act(self, scene: Scene) -> None:
        self.draws.append(scene.rng.random())
        self.replies.append(scene.send(sent(self.account)))


class Refusing:
    """Answers with one refusal, always."""

    def judge(self, recorded: Recorded) -> Judged:
        return Judged("throttle", 429, 12.5)


Told = tuple[int, str]


def played(diarists: list[Diarist], judge: NullJudge | Refusing, hours: float = 1.0, seed: int = 1) -> list[Told]:
    told: list[Told] = []

    def watch(recorded: Recorded, request: Sent, judged: Judged) -> None:
        told.append((recorded.ts_us, request.account))

    Stage(judge, Passed.FULL, (T0, T0 + round(hours * 3600 * US_PER_SECOND)), (watch,)).run(diarists, seed)
    return told


@given(st.lists(st.lists(st.floats(0, 10_000), max_size=8), min_size=1, max_size=4))
def test_whatever_the_parties_plan_requests_are_made_in_the_order_of_time_and_none_after_the_end(
    plans: list[list[float]],
) -> None:
    told = played([Diarist(plan, f"acct_{number}") for number, plan in enumerate(plans)], NullJudge())
    assert [moment for moment, _ in told] == sorted(moment for moment, _ in told)
    assert len(told) == sum(round(second * US_PER_SECOND) < 3600 * US_PER_SECOND for plan in plans for second in plan)


def test_a_moment_that_has_passed_is_now() -> None:
    assert played([Diarist([-5.0])], NullJudge()) == [(T0, "acct_1")]


def test_at_one_moment_whoever_asked_first_acts_first() -> None:
    assert [name for _, name in played([Diarist([5.0], "b"), Diarist([5.0], "a")], NullJudge())] == ["b", "a"]


def test_a_party_sees_of_a_refusal_what_a_client_sees() -> None:
    diarist = Diarist([1.0])
    played([diarist], Refusing())
    assert diarist.replies == [Reply(429, 12.5)]


def test_a_party_that_is_let_through_sees_the_upstreams_status() -> None:
    diarist = Diarist([1.0])
    played([diarist], NullJudge())
    assert diarist.replies == [Reply(200)]


def test_what_one_party_draws_does_not_depend_on_what_another_does() -> None:
    alone, beside = Diarist([1.0, 3.0]), Diarist([1.0, 3.0])
    played([alone, Diarist([])], NullJudge())
    played([beside, Diarist([0.5, 2.0])], NullJudge())
    assert alone.draws == beside.draws


def test_another_seed_gives_other_draws() -> None:
    one, other = Diarist([1.0]), Diarist([1.0])
    played([one], NullJudge(), seed=1)
    played([other], NullJudge(), seed=2)
    assert one.draws != other.draws


@pytest.mark.parametrize(
    ("passed", "names"),
    [
        (Passed.FULL, {"x-account-id", *ATTRIBUTES}),
        (Passed.PARTIAL, {"x-account-id", "x-account-tier", "x-account-created"}),
        (Passed.ABSENT, set()),
    ],
)
def test_the_edge_passes_as_many_attributes_as_the_scene_says(passed: Passed, names: set[str]) -> None:
    headers = wire_headers(sent(), passed)
    assert headers[0] == ("User-Agent", "curl/8.5.0")
    assert {name for name, _ in headers if name.startswith("x-account") or name == "x-ja4"} == names
    assert ("x-forwarded-for", "93.184.216.34") in headers


@pytest.mark.parametrize(
    ("path", "credential"),
    [
        ("/v1/messages", ("x-api-key", "sk-acct_1")),
        ("/v1/chat/completions", ("authorization", "Bearer sk-acct_1")),
    ],
)
def test_the_credential_stands_where_its_dialect_has_it(path: str, credential: tuple[str, str]) -> None:
    assert credential in wire_headers(sent(path=path), Passed.ABSENT)


def lines_of(passed: Passed, texts: list[str]) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []

    class Asker:
        def begin(self, scene: Scene) -> None:
            for number, text in enumerate(texts):
                scene.at(T0 + number * 1_234_567, self.asking(scene, text))

        def asking(self, scene: Scene, text: str) -> Callable[[], None]:
            return lambda: self.ask(scene, text)

        def ask(self, scene: Scene, text: str) -> None:
            scene.send(sent(text=text))

    def watch(recorded: Recorded, request: Sent, judged: Judged) -> None:
        found.append((raw_line(recorded), truth_line(recorded, request)))

    Stage(NullJudge(), passed, (T0, T0 + 3600 * US_PER_SECOND), (watch,)).run([Asker()], 1)
    return found


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5), st.sampled_from(Passed))
def test_a_generated_line_reads_back_as_the_exchange_that_was_judged(texts: list[str], passed: Passed) -> None:
    reader = LineReader()
    for number, (line, truth) in enumerate(
        lines_of(passed, [text.encode("utf-8", "replace").decode() for text in texts])
    ):
        recorded = reader.read(line)
        assert recorded.ts_us == T0 + number * 1_234_567
        assert raw_line(recorded) == line
        assert json.loads(truth)["id"] == recorded.id
    assert not reader.unknown_keys


def test_nothing_in_a_line_tells_what_is_true_of_it() -> None:
    for line, truth in lines_of(Passed.FULL, ["Hi"]):
        assert b"secret" not in line
        assert json.loads(truth) == {
            "id": "e-1",
            "account": "acct_1",
            "scenario": "secret-scenario",
            "campaign": "secret-campaign",
        }


def test_the_same_seed_writes_the_same_compressed_bytes(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("one.gz", "two.gz")]
    for name in files:
        with writable(name) as log:
            writer = LogWriter(log, None)
            Stage(NullJudge(), Passed.FULL, (T0, T0 + US_PER_SECOND), (writer,)).run([Diarist([0.1, 0.2])], 1)
    one, two = (Path(name).read_bytes() for name in files)
    assert one == two != b""


@pytest.mark.parametrize("name", ["log", "log.gz"])
def test_a_log_that_was_interrupted_does_not_look_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"of another run")
    with suppress(KeyboardInterrupt), writable(str(path)) as log:
        assert log is not None
        log.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"of another run"
    assert (tmp_path / f"{name}.part").exists()


def test_a_log_may_go_into_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        with writable(str(pipe)) as log:
            assert log is not None
            log.write(b"line")
        assert reader.read() == b"line"
    assert list(tmp_path.iterdir()) == [pipe]


class Interactive:
    """Puts every line before `stillgate replay --interactive` in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.answers: list[bytes] = []

    def judge(self, recorded: Recorded) -> Judged:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(raw_line(recorded) + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().rstrip(b"\n")
        self.answers.append(answer)
        said = json.loads(answer)
        return Judged(said["action"], said["status"], said["retry_after_s"], said["rule"], said["scope"])


class InProcess:
    """The same in this process."""

    def __init__(self) -> None:
        self._replay = Replay(load_policy(str(ROOT / "policies" / "strict.yaml")))
        self.answers: list[bytes] = []

    def judge(self, recorded: Recorded) -> Judged:
        line = decision_line(recorded.id, self._replay.decide(recorded))
        self.answers.append(encode(line))
        return Judged(line.action, line.status, line.retry_after_s, line.rule, line.scope)


class Impatient:
    """A client that asks again as soon as it is let, on another account where it is refused."""

    def begin(self, scene: Scene) -> None:
        scene.at(T0, lambda: self.ask(scene, 0))

    def ask(self, scene: Scene, account: int) -> None:
        reply = scene.send(sent(f"acct_{account}", text=f"task {account} {scene.rng.random()}"))
        refused = reply.status != 200
        wait_s = 0.3 + (reply.retry_after_s or 0.0) / 4 if refused else 0.05
        scene.at(scene.now_us + round(wait_s * US_PER_SECOND), lambda: self.ask(scene, account + refused))


@pytest.mark.parametrize("passed", Passed)
def test_a_closed_loop_through_the_command_line_decides_as_it_does_in_process(passed: Passed) -> None:
    command = [
        sys.executable,
        "-m",
        "proxy.cli.main",
        "replay",
        "--interactive",
        "--policy",
        "policies/strict.yaml",
        "-",
    ]
    span_us = (T0, T0 + 60 * US_PER_SECOND)
    here = InProcess()
    Stage(here, passed, span_us, ()).run([Impatient()], 3)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        there = Interactive(process)
        Stage(there, passed, span_us, ()).run([Impatient()], 3)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
    assert {json.loads(answer)["action"] for answer in here.answers} == {"allow", "throttle"}
    assert there.answers == here.answers

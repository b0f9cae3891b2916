"""Owns the benchmark's child processes: starts them on their cores, waits until they serve, ends them by their ids."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from tests.bench.accounting import process_tree
from tests.bench.failures import BenchError
from tests.bench.jobs import Job, Result

_POLL_SECONDS = 0.05
_LAST_LINES = 12


class Child:
    """A process of ours. What it says goes to a file in `folder`, whose last lines tell why it failed."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        cores: set[int],
        folder: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("STILLGATE_", "PYTHON"))}
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the benchmark, which then ends its children in order.
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**clean, **(environment or {})},
                start_new_session=True,
            )
        os.sched_setaffinity(self.process.pid, cores)

    def pids(self) -> list[int]:
        """Of it and of its descendants, now."""
        return process_tree(self.process.pid)

    def wait_until(self, serves: Callable[[], bool], seconds: float = 20.0) -> None:
        """BenchError with its last words where it ends before, or takes longer."""
        deadline = time.monotonic() + seconds
        while not serves():
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended with {self.process.returncode}:\n{_last_lines(self._log)}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} did not serve within {seconds:.0f} s:\n{_last_lines(self._log)}")
            time.sleep(_POLL_SECONDS)

    def stop(self, patience_seconds: float = 5.0) -> None:
        """Asks it to end, and where it does not, ends it and its descendants."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            left = self.pids()
            for pid in left:
                _kill(pid)
            self.process.wait()


class LoadGenerator:
    """The load process: one job after the other."""

    def __init__(self, command: Sequence[str], cores: set[int], folder: Path) -> None:
        self._log = folder / "load.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        os.sched_setaffinity(self._process.pid, cores)

    def do(self, job: Job) -> Result:
        """BenchError where anything was refused or failed: that is no measurement."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the load generator ended:\n{_last_lines(self._log)}")
        result = msgspec.json.decode(line, type=Result)
        if result.failures:
            told = ", ".join(f"{text} ({count} times)" for text, count in result.failures.items())
            raise BenchError(f"of {result.exchanges_in_all} exchanges some failed: {told}")
        return result

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def start(stack: ExitStack, child: Child, port: int, seconds: float = 20.0) -> Child:
    """Waits until it accepts connections at `port`; it ends with the stack."""
    stack.callback(child.stop)
    child.wait_until(lambda: accepts(port), seconds)
    return child


def pin(pids: Iterable[int], cores: set[int]) -> None:
    """Has the processes, with all threads that they have by now, run on these cores only."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def accepts(port: int) -> bool:
    """Whether anybody listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

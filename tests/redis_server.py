"""A real redis-server of a test's own: started on a free loopback port, without persistence, ended with the test."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import Redis


class RedisServer:
    """One redis-server process. `options` are its command line's, `("--requirepass", "secret")`, say."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it and returns once it accepts connections; after `kill` or `stop`, again on the same port."""
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("redis-server is not on the PATH: run `make test`, which sees to it", pytrace=False)
        for _ in range(10):  # another process may take the free port before Redis does
            port = self.port or free_port()
            arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *self._options]
            self._process = subprocess.Popen(
                [program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )
            assert self._process.stdout is not None
            if any("Ready to accept connections" in line for line in self._process.stdout):
                self.port = port
                return
            self._end()
        pytest.fail("redis-server did not start")

    def stop(self) -> None:
        """Asks it to end, and waits for that."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._end()

    def pause(self) -> None:
        """Stops it in its tracks: it keeps its connections and answers none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str | int) -> Any:
        """Has it do one command, over a connection of its own."""
        with Redis(port=self.port) as client:
            return client.execute_command(*words)

    def _end(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """A server of one's own for as long as the block lasts."""
    server = RedisServer(*options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

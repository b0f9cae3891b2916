"""Owns how each contestant is started: what stillgate has on, and how its peers are configured."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from tests.bench.failures import PeerMissingError
from tests.bench.processes import Child, free_port, start
from tests.bench.stage import Contestant, Stage

HERE = Path(__file__).parent
_START_SECONDS = 20.0


def open_stillgate(stage: Stage, stack: ExitStack) -> Contestant:
    """With everything on: quotas, detection, metrics, events."""
    return _open_stillgate(stage, stack, "stillgate")


def open_stillgate_on_redis(stage: Stage, stack: ExitStack) -> Contestant:
    return _open_stillgate(stage, stack, "stillgate-on-redis", on_redis=True)


def open_two_workers(stage: Stage, stack: ExitStack) -> Contestant:
    return _open_stillgate(stage, stack, "stillgate-two-workers", on_redis=True, workers=2)


def open_bare(stage: Stage, stack: ExitStack) -> Contestant:
    """The aiohttp proxy of twenty lines."""
    command = [sys.executable, "-m", "tests.bench.bare_proxy", "{port}", f"http://127.0.0.1:{stage.upstream}"]
    return _open_peer(stage, stack, "bare", command)


def open_nginx(stage: Stage, stack: ExitStack) -> Contestant:
    program = _program("nginx")
    return _open_peer(stage, stack, "nginx", [program, "-e", "stderr", "-c", "{config}"], HERE / "nginx.conf")


def open_haproxy(stage: Stage, stack: ExitStack) -> Contestant:
    program = _program("haproxy")
    return _open_peer(stage, stack, "haproxy", [program, "-db", "-f", "{config}"], HERE / "haproxy.cfg")


def _open_stillgate(
    stage: Stage, stack: ExitStack, name: str, *, on_redis: bool = False, workers: int = 1
) -> Contestant:
    port, admin = free_port(), free_port()
    redis = open_redis(stage, stack, f"{name}-redis") if on_redis else None
    store = "memory://" if redis is None else f"redis://127.0.0.1:{redis}/0"
    command = [sys.executable, "-m", "proxy.cli.main", "serve", "--upstream", f"http://127.0.0.1:{stage.upstream}"]
    command += ["--policy", str(HERE / "policy.yaml"), "--store", store, "--workers", str(workers)]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    command += ["--drain-seconds", "1", "--drain-notice-seconds", "0"]
    cores = stage.cores.both if workers > 1 else stage.cores.proxy
    child = Child(name, command, set(cores), stage.folder)
    stack.callback(child.stop)
    child.wait_until(lambda: _is_ready(admin), _START_SECONDS)
    return Contestant(child, port, admin, redis)


def _open_peer(
    stage: Stage, stack: ExitStack, name: str, command: list[str], template: Path | None = None
) -> Contestant:
    port = free_port()
    config = stage.folder / f"{name}.conf"
    if template is not None:
        text = template.read_text(encoding="utf-8")
        for word, value in (("{folder}", stage.folder), ("{port}", port), ("{upstream}", stage.upstream)):
            text = text.replace(word, str(value))
        config.write_text(text, encoding="utf-8")
    filled = [word.format(port=port, config=config) for word in command]
    child = Child(name, filled, set(stage.cores.proxy), stage.folder)
    return Contestant(start(stack, child, port), port)


def open_redis(stage: Stage, stack: ExitStack, name: str) -> int:
    """A Redis of a contestant's own, on the load's core; its port."""
    port = free_port()
    command = [_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    stage.start_child(name, command, port, stack)
    return port


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise PeerMissingError(f"{name} is not installed")
    return found


def _is_ready(admin: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def page(contestant: Contestant, path: str) -> str:
    """An admin page of stillgate's."""
    with urllib.request.urlopen(f"http://127.0.0.1:{contestant.admin}{path}", timeout=10) as answer:
        return str(answer.read().decode())

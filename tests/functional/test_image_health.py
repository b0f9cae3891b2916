"""The health check of the image, against whatever verb a container may run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.functional.conftest import Running, ServeFactory, start_stillgate
from tests.functional.proxy_in_process import WIDE_POLICY
from tests.redis_server import RedisServer, free_port

CHECK = Path(__file__).parents[2] / "deploy/image/healthcheck.py"


def is_healthy(admin: str, metrics_listen: str) -> bool:
    """What the check says in a container whose variables these are."""
    # A proxy for all that goes out is no way to a port of one's own.
    environment = {
        "STILLGATE_ADMIN": admin,
        "STILLGATE_METRICS_LISTEN": metrics_listen,
        "http_proxy": f"http://127.0.0.1:{free_port()}",
    }
    return (
        subprocess.run([sys.executable, CHECK], env=environment, timeout=20, stderr=subprocess.DEVNULL).returncode == 0
    )


def nowhere() -> str:
    return f"0.0.0.0:{free_port()}"


def port_of(running: Running) -> str:
    return "0.0.0.0:" + running.admin.rpartition(":")[2]


def test_a_proxy_is_healthy_while_it_answers(serve: ServeFactory) -> None:
    proxy = serve(WIDE_POLICY)
    assert is_healthy(port_of(proxy), nowhere())
    proxy.stop()
    assert not is_healthy(port_of(proxy), nowhere())


def test_so_is_an_analyser(own_redis: RedisServer) -> None:
    analyser = start_stillgate("analyse", "--store", own_redis.url, "--metrics-listen", "127.0.0.1:0")
    try:
        assert is_healthy(nowhere(), port_of(analyser))
    finally:
        analyser.stop()
    assert not is_healthy(nowhere(), port_of(analyser))

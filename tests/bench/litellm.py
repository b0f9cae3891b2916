"""Owns LiteLLM as a contestant: its proxy, one worker, its limiter on Redis; in an environment of its own.

Nothing of it is on the way otherwise: it is installed from PyPI when it is asked for first, and only then.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.bench.contestants import open_redis
from tests.bench.failures import PeerMissingError
from tests.bench.processes import Child, free_port, start
from tests.bench.stage import Contestant, Stage
from tests.bench.wire import MODELS

VERSION = "1.106.2"
_ENVIRONMENT = Path(".cache/bench-litellm") / VERSION
_START_SECONDS = 90.0
_AUTHENTICATION = '''\
"""Every key is good, and has limits of its own, which nobody reaches."""

from fastapi import Request
from litellm.proxy._types import UserAPIKeyAuth


async def authenticated(request: Request, api_key: str) -> UserAPIKeyAuth:
    return UserAPIKeyAuth(
        api_key=api_key, rpm_limit=100_000_000, tpm_limit=10_000_000_000, max_parallel_requests=10_000
    )
'''


def open_litellm(stage: Stage, stack: ExitStack) -> Contestant:
    """PeerMissingError where it cannot be installed."""
    programs = _installed()
    port, redis = free_port(), open_redis(stage, stack, "litellm-redis")
    settings, logging = stage.folder / "litellm.yaml", stage.folder / "litellm-logging.json"
    settings.write_text(json.dumps(_settings(stage.upstream, redis)), encoding="utf-8")  # JSON is YAML
    logging.write_text(json.dumps(_quiet()), encoding="utf-8")
    (stage.folder / "litellm_authentication.py").write_text(_AUTHENTICATION, encoding="utf-8")
    command = [str(programs / "litellm"), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    command += ["--config", str(settings), "--log_config", str(logging)]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    child = Child("litellm", command, set(stage.cores.proxy), stage.folder, environment)
    return Contestant(start(stack, child, port, _START_SECONDS), port)


def _settings(upstream: int, redis: int) -> dict[str, object]:
    api = {"api_base": f"http://127.0.0.1:{upstream}", "api_key": "sk-upstream"}
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"anthropic/{name}", **api}} for name in MODELS
        ],
        "general_settings": {
            "custom_auth": "litellm_authentication.authenticated",
            "master_key": f"sk-{secrets.token_hex(32)}",
        },
        "litellm_settings": {
            "telemetry": False,
            "cache": True,  # where its limiter finds Redis; no type of call is cached
            "cache_params": {"type": "redis", "host": "127.0.0.1", "port": redis, "supported_call_types": []},
        },
    }


def _quiet() -> dict[str, object]:
    """No access log, as of all contestants."""
    return {"version": 1, "disable_existing_loggers": False, "loggers": {"uvicorn.access": {"level": "WARNING"}}}


def _installed() -> Path:
    """The folder of its programs."""
    programs, done = _ENVIRONMENT.resolve() / "bin", _ENVIRONMENT / "installed"
    if done.exists():
        return programs
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(_ENVIRONMENT)], [*pip, f"litellm[proxy]=={VERSION}"]):
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            last = (told.stderr or told.stdout).strip().rpartition("\n")[2]
            raise PeerMissingError(f"LiteLLM cannot be installed: {last}")
    done.touch()
    return programs

"""What deploy/kubernetes/stillgate.yaml starts, started without Kubernetes: it serves, and answers its probes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.functional.analysing import until
from tests.functional.conftest import Running, start_stillgate
from tests.redis_server import RedisServer

MANIFEST = Path(__file__).parents[2] / "deploy/kubernetes/stillgate.yaml"
HERE = {
    "STILLGATE_LISTEN": "127.0.0.1:0",
    "STILLGATE_ADMIN": "127.0.0.1:0",
    "STILLGATE_METRICS_LISTEN": "127.0.0.1:0",
}
"""In place of the image's."""


@pytest.mark.parametrize("name", ["stillgate", "stillgate-analyser"])
async def test_a_pod_of_it_starts_without_a_warning_and_answers_its_probes(
    name: str, mock_api: Running, own_redis: RedisServer, tmp_path: Path
) -> None:
    objects: dict[tuple[str, str], dict[str, Any]] = {
        (found["kind"], found["metadata"]["name"]): found
        for found in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    }
    (container,) = objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
    policies = tmp_path / "policies"
    policies.mkdir()
    for file, text in objects["ConfigMap", "stillgate-policies"]["data"].items():
        (policies / file).write_text(text)
    (tmp_path / "hash-key").write_text("0" * 64)
    ours = {
        "STILLGATE_UPSTREAM": mock_api.url,
        "STILLGATE_STORE": own_redis.url,
        "STILLGATE_POLICY": str(policies),
        "STILLGATE_HASH_KEY_FILE": str(tmp_path / "hash-key"),
    }
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    environment |= {variable: value for variable, value in ours.items() if variable in environment}

    running = start_stillgate(*container["args"], environment=environment | HERE)
    try:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container[probe]["httpGet"]["path"]
            await until(lambda path=path: running.page(path)[0] == 200)  # type: ignore[misc]
    finally:
        assert running.stop() == 0
    assert [said for said in running.log() if said["level"] != "INFO"] == []

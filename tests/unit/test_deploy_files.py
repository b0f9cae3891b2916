"""The Dockerfile and deploy/compose.yaml, as far as they can be judged without a container engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from proxy import __version__
from proxy.settings import AnalyserSettings, Settings, variable_of

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z0-9]+)*(@sha256:[0-9a-f]{64})?")
SERVICE_KEYS = {
    "build", "cap_drop", "command", "cpus", "depends_on", "environment", "healthcheck", "image", "mem_limit",
    "pids_limit", "ports", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs", "user",
    "volumes",
}  # fmt: skip
"""What the Compose specification knows of a service, as far as this file uses it."""


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, rest.strip()) for name, _, rest in (line.strip().partition(" ") for line in whole.splitlines()) if name
    ]


def _last_stage() -> list[tuple[str, str]]:
    instructions = _instructions()
    start = max(index for index, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[start:]


def _seconds(duration: str) -> float:
    assert re.fullmatch(r"\d+s", duration)
    return float(duration[:-1])


def _mebibytes(size: str) -> int:
    return int(size[:-1]) * {"m": 1, "g": 1024}[size[-1]]


COMPOSE = _yaml(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_the_image_is_built_in_two_stages_from_one_pinned_base() -> None:
    stages = [rest for name, rest in _instructions() if name == "FROM"]
    assert stages == ["${PYTHON} AS build", "${PYTHON}"]
    name, base = _instructions()[0]
    assert name == "ARG"
    assert PINNED.fullmatch(base.removeprefix("PYTHON="))


def test_everything_the_image_copies_exists_and_reaches_the_build() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert rules[1] == "*"
    kept = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    sources = [
        source.removeprefix("./").rstrip("/")
        for name, rest in _instructions()
        if name == "COPY" and not rest.startswith("--from=build")
        for source in rest.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == rule or source.startswith(f"{rule}/") for rule in kept), source


def test_the_build_copies_all_that_the_package_is_made_of() -> None:
    copied = {rest.split()[-1].removeprefix("./") for name, rest in _instructions() if name == "COPY"}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'packages = ["proxy"]' in project
    assert '"policies" = "proxy/_policies"' in project
    assert {"proxy", "policies"} <= copied


def test_whatever_pip_fetches_is_checked_by_its_hash() -> None:
    installs = [rest for name, rest in _instructions() if name == "RUN" and '"pip"' in rest]
    assert len(installs) == 4
    for install in installs:
        assert '"--require-hashes"' in install or (
            '"--no-deps"' in install and ('"--no-index"' in install or '"."' in install)
        )
    pins = (DEPLOY / "image/build-requirements.txt").read_text(encoding="utf-8")
    assert re.findall(r"^[a-z-]+==", pins, re.MULTILINE)
    for requirement in re.split(r"\n(?=[a-z])", pins)[1:]:
        assert "--hash=sha256:" in requirement, requirement


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    users = [rest for name, rest in _last_stage() if name == "USER"]
    assert users == ["65532:65532"]


def test_the_image_needs_no_shell_to_run_and_stops_on_sigterm() -> None:
    stage = dict(_last_stage())
    assert json.loads(stage["ENTRYPOINT"]) == ["stillgate"]
    assert json.loads(stage["CMD"]) == ["serve"]
    assert stage["STOPSIGNAL"] == "SIGTERM"
    check = json.loads(stage["HEALTHCHECK"].partition("CMD ")[2])
    program, script = check
    assert program == "python"
    assert ("COPY", f"deploy/image/healthcheck.py {script}") in _last_stage()


def test_the_image_says_where_each_verb_that_its_health_check_asks_is_to_listen() -> None:
    said = next(rest for name, rest in _last_stage() if name == "ENV")
    ports = dict(re.findall(r"(STILLGATE_\w+)=0\.0\.0\.0:(\d+)", said))
    asked = re.findall(r'"(STILLGATE_\w+)"', (DEPLOY / "image/healthcheck.py").read_text(encoding="utf-8"))
    assert asked == [variable_of("admin"), variable_of("metrics_listen")]
    assert ports.keys() >= set(asked)
    exposed = next(rest for name, rest in _last_stage() if name == "EXPOSE")
    assert exposed.split() == list(ports.values())


def test_the_image_is_labelled_with_the_version_of_the_package() -> None:
    stage = _last_stage()
    assert ("ARG", f"VERSION={__version__}") in stage
    labels = next(rest for name, rest in stage if name == "LABEL")
    for label in ("title", "description", "version", "revision", "licenses"):
        assert f"org.opencontainers.image.{label}=" in labels
    assert SERVICES["stillgate"]["image"] == f"stillgate:{__version__}"
    assert SERVICES["stillgate"]["build"]["args"] == {"VERSION": __version__}


def test_compose_uses_only_keys_that_its_specification_knows() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"name", "services", "secrets", "volumes"}
    for name, service in SERVICES.items():
        assert service.keys() <= SERVICE_KEYS, name
        assert service.get("healthcheck", {}).keys() <= {"test", "interval", "timeout", "start_period", "retries"}


def test_every_image_of_compose_is_pinned_to_a_version() -> None:
    for name, service in SERVICES.items():
        assert PINNED.fullmatch(service["image"]), name


def test_every_service_is_hardened_and_bounded() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "mem_limit", "pids_limit"} <= service.keys(), name


def test_every_port_of_compose_is_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_compose_mounts_exists() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_dir(), (name, volume)
            assert source in COMPOSE["volumes"] or volume.endswith(":ro"), (name, volume)
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"], (name, secret)
    default = COMPOSE["secrets"]["hash_key"]["file"].rpartition(":-")[2].rstrip("}")
    assert (DEPLOY / default).read_text(encoding="utf-8").strip()


def test_a_service_waits_only_for_services_that_can_become_healthy() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert wait == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]


def test_hosts_that_compose_names_are_services_of_it() -> None:
    datasource = _yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]["url"]
    scraped = _yaml(DEPLOY / "prometheus/prometheus.yaml")["scrape_configs"][0]["static_configs"][0]["targets"][0]
    environment = SERVICES["stillgate"]["environment"]
    for url in (datasource, f"http://{scraped}", environment["STILLGATE_UPSTREAM"], environment["STILLGATE_STORE"]):
        assert re.split(r"[:/]+", url)[1] in SERVICES, url


def test_compose_sets_only_settings_that_stillgate_has() -> None:
    for service, table in (("stillgate", Settings), ("analyser", AnalyserSettings)):
        known = {variable_of(name) for name in table.__slots__}
        for variable in SERVICES[service]["environment"]:
            assert variable.removesuffix("_FILE") in known, variable


def test_compose_has_a_standby_for_the_analyser_and_both_look_at_the_replicas_redis() -> None:
    scraped = {
        target
        for job in _yaml(DEPLOY / "prometheus/prometheus.yaml")["scrape_configs"]
        for target in job["static_configs"][0]["targets"]
    }
    for name in ("analyser", "analyser-standby"):
        assert SERVICES[name]["command"] == ["analyse"]
        environment = SERVICES[name]["environment"]
        assert environment["STILLGATE_STORE"] == SERVICES["stillgate"]["environment"]["STILLGATE_STORE"]
        assert f"{name}:{environment['STILLGATE_METRICS_LISTEN'].rpartition(':')[2]}" in scraped


def test_compose_stops_stillgate_later_than_its_drain_ends() -> None:
    drain = float(SERVICES["stillgate"]["environment"]["STILLGATE_DRAIN_SECONDS"])
    assert _seconds(SERVICES["stillgate"]["stop_grace_period"]) > drain


def test_half_sent_bodies_of_strangers_cannot_fill_the_memory_that_compose_gives_stillgate() -> None:
    service = SERVICES["stillgate"]
    bodies = int(service["environment"].get("STILLGATE_MAX_BODIES_MB", Settings(upstream="http://u").max_bodies_mb))
    assert 3 * bodies <= _mebibytes(service["mem_limit"])


def test_redis_never_evicts_a_bucket() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_grafana_is_told_where_compose_puts_the_dashboard_and_how_often_prometheus_scrapes() -> None:
    provider = _yaml(DEPLOY / "grafana/provisioning/dashboards/stillgate.yaml")["providers"][0]
    mounts = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounts
    datasource = _yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
    scrape = _yaml(DEPLOY / "prometheus/prometheus.yaml")["scrape_configs"][0]
    assert datasource["jsonData"]["timeInterval"] == scrape["scrape_interval"]

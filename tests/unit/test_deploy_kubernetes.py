"""deploy/kubernetes/stillgate.yaml, as far as it can be judged without a cluster: it fits the image and itself.

That what it starts starts, and answers its probes, is proven by tests/functional/test_deploy_pods.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy import __version__
from proxy.settings import AnalyserSettings, Settings, from_arguments, variable_of

ROOT = Path(__file__).parents[2]
OBJECTS = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/stillgate.yaml").read_text(encoding="utf-8")))
DEPLOYMENTS = {found["metadata"]["name"]: found["spec"] for found in OBJECTS if found["kind"] == "Deployment"}
TABLES: dict[str, Any] = {"serve": Settings, "analyse": AnalyserSettings}


def container_of(deployment: dict[str, Any]) -> dict[str, Any]:
    (container,) = deployment["template"]["spec"]["containers"]
    return dict(container)


def environment_of(deployment: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container_of(deployment)["env"]}


def test_it_is_of_the_kinds_that_it_says() -> None:
    assert [(found["apiVersion"], found["kind"]) for found in OBJECTS] == [
        ("v1", "ConfigMap"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "Deployment"),
    ]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_its_variables_are_settings_of_the_verb_and_texts_as_kubernetes_wants_them(name: str) -> None:
    container = container_of(DEPLOYMENTS[name])
    (verb,) = container["args"]
    known = {variable_of(setting) for setting in TABLES[verb].__slots__}
    for variable, value in environment_of(DEPLOYMENTS[name]).items():
        assert variable.removesuffix("_FILE") in known
        assert isinstance(value, str)
    assert container["image"] == f"stillgate:{__version__}"


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_its_ports_are_those_that_the_image_listens_on_and_its_probes_go_to_one_of_them(name: str) -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    container = container_of(DEPLOYMENTS[name])
    listened = {int(port) for port in re.findall(r"STILLGATE_\w+=0\.0\.0\.0:(\d+)", image)}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert set(ports.values()) <= listened
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_its_pods_are_hardened_and_bounded(name: str) -> None:
    pod, container = DEPLOYMENTS[name]["template"]["spec"], container_of(DEPLOYMENTS[name])
    assert pod["securityContext"]["runAsNonRoot"] is True
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}\n" in image
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_a_container_mounts_and_reads_is_there(name: str) -> None:
    pod, container = DEPLOYMENTS[name]["template"]["spec"], container_of(DEPLOYMENTS[name])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == volumes.keys()
    assert "/tmp" in mounts, "the only folder that is written to"
    assert not any("subPath" in mount for mount in mounts.values()), "a file so mounted never changes"
    environment = environment_of(DEPLOYMENTS[name])
    (config,) = (found for found in OBJECTS if found["kind"] == "ConfigMap")
    policies = volumes[mounts[environment["STILLGATE_POLICY"]]["name"]]
    assert policies["configMap"]["name"] == config["metadata"]["name"]
    if (key := environment.get("STILLGATE_HASH_KEY_FILE")) is not None:
        assert str(Path(key).parent) in mounts


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_finds_its_own_pods(name: str) -> None:
    deployment = DEPLOYMENTS[name]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]


def test_the_service_leads_to_the_clients_port_of_the_replicas_and_to_no_other() -> None:
    (service,) = (found["spec"] for found in OBJECTS if found["kind"] == "Service")
    replicas = DEPLOYMENTS["stillgate"]
    assert service["selector"] == replicas["template"]["metadata"]["labels"]
    assert [port["targetPort"] for port in service["ports"]] == ["http"]
    assert "http" in [port["name"] for port in container_of(replicas)["ports"]]


def test_replicas_are_given_longer_than_their_drain_and_unready_before_its_notice_is_over() -> None:
    replicas = DEPLOYMENTS["stillgate"]
    environment = {name: value for name, value in environment_of(replicas).items() if not name.endswith("_FILE")}
    settings = from_arguments({}, environment)
    assert replicas["template"]["spec"]["terminationGracePeriodSeconds"] > settings.drain_seconds
    probe = container_of(replicas)["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < settings.drain_notice_seconds <= settings.drain_seconds


def test_half_sent_bodies_of_strangers_cannot_fill_a_pods_memory() -> None:
    replicas = DEPLOYMENTS["stillgate"]
    assert container_of(replicas)["resources"]["limits"]["memory"] == "1Gi"
    assert 3 * int(environment_of(replicas)["STILLGATE_MAX_BODIES_MB"]) <= 1024

"""Alerts, runbooks and the dashboard as files: complete, linked, tidy, and speaking only of what exists.

That the dashboard shows data is proven by tests/functional/test_deploy_dashboard.py, on a real Prometheus.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from proxy.metrics.analysis import AnalyserMetrics
from proxy.metrics.exchanges import Metrics
from proxy.metrics.replica import RedisMetrics, ReplicaMetrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\bstillgate_\w+")
BUILT_IN_UNITS = {"short", "reqps", "ops", "cps", "s", "bytes", "percentunit", "dateTimeFromNow"}
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/stillgate.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_what_it_means_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    runbook = ROOT / alert["annotations"]["runbook_url"]
    assert alert["alert"] in runbook.read_text(encoding="utf-8").splitlines()[0]


def test_every_alert_is_seen_to_fire_by_a_promtool_test() -> None:
    cases = yaml.safe_load((DEPLOY / "prometheus/alerts.test.yaml").read_text(encoding="utf-8"))["tests"]
    samples = [sample for case in cases for step in case["promql_expr_test"] for sample in step["exp_samples"]]
    fired = {name for sample in samples for name in re.findall(r'alertname="(\w+)"', sample["labels"])}
    assert fired == {alert["alert"] for alert in ALERTS}


def test_every_runbook_belongs_to_an_alert_and_has_the_four_parts() -> None:
    linked = {ROOT / alert["annotations"]["runbook_url"] for alert in ALERTS}
    assert set((DEPLOY / "runbooks").iterdir()) == linked
    for runbook in linked:
        parts = re.findall(r"^\*\*(.+?)\.\*\*", runbook.read_text(encoding="utf-8"), re.MULTILINE)
        assert parts == ["Symptom", "First query", "Mitigation", "Rollback"], runbook.name


def test_links_between_runbooks_lead_somewhere() -> None:
    for runbook in (DEPLOY / "runbooks").iterdir():
        for link in re.findall(r"\]\((.+?)\)", runbook.read_text(encoding="utf-8")):
            assert (runbook.parent / link).exists(), (runbook.name, link)


def test_alerts_runbooks_and_dashboard_speak_only_of_metrics_that_exist() -> None:
    known = set()
    for metrics in (Metrics, RedisMetrics, ReplicaMetrics, AnalyserMetrics):
        registry = CollectorRegistry()
        metrics(registry)
        for family in registry.collect():
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
            known |= {family.name + suffix for suffix in suffixes}
    texts = [rule["expr"] for rule in RULES] + QUERIES
    texts += [runbook.read_text(encoding="utf-8") for runbook in (DEPLOY / "runbooks").iterdir()]
    named = {name for text in texts for name in METRIC.findall(text)}
    assert named
    assert named <= known


def test_panels_have_their_own_ids_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_a_unit_and_says_what_to_do(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 40
    unit = panel["fieldConfig"]["defaults"]["unit"]
    assert unit in BUILT_IN_UNITS or unit.startswith("count:")
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
    for mention in re.findall(r"[a-z-]+\.md", panel["description"]):
        assert (DEPLOY / "runbooks" / mention).exists(), mention


def test_every_panel_asks_the_data_source_that_the_viewer_chose() -> None:
    sources = [panel["datasource"] for panel in PANELS]
    sources += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == [
        "datasource",
        "job",
        "instance",
        "analyser",
    ]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_keeps_to_the_chosen_instances_and_to_the_rate_interval(query: str) -> None:
    selectors = re.findall(r"(?:stillgate|process)_\w+(\{.*?\})?", query)
    assert selectors or "ALERTS{" in query
    for selector in selectors:
        assert selector.startswith('{job="$job", instance=~"$instance"') or selector == '{job="$analyser"}', query
    assert all(window == "[$__rate_interval]" for window in re.findall(r"\[.*?\]", query))

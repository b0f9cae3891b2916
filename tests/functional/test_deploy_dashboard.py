"""The shipped dashboard and alerts against a real Prometheus that scraped real proxies: every query returns data.

Two proxies, one on the memory store and one on Redis, before the mock model API. The traffic holds what the panels are
about: admitted, streamed, left by the client, given up before an answer, throttled, shadowed, blocked, failed by the
upstream; then a policy that does not load, one that does, and the loss of Redis. Beside them stand the metrics of a
replica that finds campaigns, which takes more traffic than a test of a minute sends. So every panel has data of its
own: only 'Alerts firing' is zero by its `or vector(0)`, since no alert may fire within a minute, and only 'Exchange
log' shows drops, 'Connections of clients' shed ones and bodies given up, that stay at zero.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from proxy.metrics.analysis import AnalyserMetrics, AnalystMetrics
from proxy.metrics.exchanges import Metrics, observe_campaigns
from proxy.metrics.replica import ReplicaMetrics
from proxy.verdict.campaign import Campaign, Level
from tests.functional.conftest import Running, start_stillgate
from tests.functional.prometheus_server import PrometheusServer, free_port, running_prometheus, tool

DEPLOY = Path(__file__).parents[2] / "deploy"
PANELS = [
    panel
    for panel in json.loads((DEPLOY / "grafana/dashboards/stillgate.json").read_text(encoding="utf-8"))["panels"]
    if panel["type"] != "row"
]
ANNOTATIONS = json.loads((DEPLOY / "grafana/dashboards/stillgate.json").read_text(encoding="utf-8"))["annotations"]
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
AT_REST = {
    "stillgate_client_connections_shed_total",
    "stillgate_client_bodies_given_up_total",
    "stillgate_exchange_log_dropped_total",
}
"""Rates that are zero here, as they should be."""

POLICY = """\
version: 1
name: watched
trusted_proxies: [127.0.0.0/8]
tiers: {scale: {}, free: {}}
default_tier: free
access:
  - {id: frontier-models, deny: {model: "*-frontier-*"}}
quotas:
  - {id: pusher-rpm, match: {tier: free}, key: [account], unit: requests, rate: 1/day}
  - {id: account-rpm, match: {tier: scale}, key: [account], unit: requests, rate: 100k/min}
  - {id: account-itpm, key: [account, model], unit: input_tokens, rate: 1M/min}
  - {id: account-otpm, key: [account, model], unit: output_tokens, rate: 1M/min}
  - {id: in-flight, key: [account], unit: concurrent, limit: 100}
  - {id: rehearsal, key: [network], unit: requests, rate: 1/day, mode: shadow}
on_store_failure: local
"""

ACCOUNT, KEY, ADDRESS, WORD = "acct-canary-4711", "sk-canary-0815", "203.0.113.77", "xylophonecanary"


@dataclass(frozen=True)
class Request:
    """One kind of request, and the status that it gets."""

    status: int
    path: str = "/v1/messages"
    tier: str = "scale"
    mock: str = ""
    body: dict[str, object] | None = field(default_factory=dict)
    patience_seconds: float = 20

    @contextlib.contextmanager
    def answer(self, url: str) -> Iterator[http.client.HTTPResponse]:
        """The answer as it begins; leaving the context closes the connection, whether it was read or not."""
        headers = {
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "x-api-key": KEY,
            "authorization": f"Bearer {KEY}",
            "x-account-id": f"{ACCOUNT}-{self.tier}",
            "x-account-tier": self.tier,
            "x-forwarded-for": ADDRESS,
            "x-mock": self.mock,
        }
        prompt = {"model": "m-large", "max_tokens": 64, "messages": [{"role": "user", "content": WORD}]}
        with contextlib.closing(
            http.client.HTTPConnection(urlsplit(url).netloc, timeout=self.patience_seconds)
        ) as connection:
            if self.body is None:
                connection.request("GET", self.path, headers=headers)
            else:
                connection.request("POST", self.path, json.dumps(prompt | self.body), headers)
            with connection.getresponse() as response:
                yield response

    def status_at(self, url: str) -> int:
        """The status of the whole answer."""
        with self.answer(url) as answer:
            answer.read()
            return answer.status


THROTTLED = Request(429, tier="free")
UNANSWERED = Request(200, mock="hang", patience_seconds=0.5)
OPEN_STREAM = Request(200, mock="pace=0.2, tokens=64", body={"stream": True})
MIX = [
    Request(200),
    Request(200, body={"stream": True}),
    Request(200, "/v1/chat/completions", body={"stream": True}),
    Request(200, mock="usage=none"),
    Request(200, "/v1/models", body=None),
    Request(403, body={"model": "m-frontier-1"}),
    Request(529, mock="status=529"),
    Request(401, mock="status=401"),
    Request(502, mock="cut"),
    THROTTLED,
]


def _send_mix(url: str) -> None:
    for request in MIX:
        assert request.status_at(url) == request.status, request


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("redis-server is not on the PATH: run `make test`, which sees to it", pytrace=False)
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0", process
    finally:
        process.terminate()
        process.wait(20)


class DetectingReplica:
    """The metrics of a replica whose analyst finds more members at each `step`, and of an analyser beside it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._metrics, self._analyst = Metrics(registry), AnalystMetrics(registry)
        ReplicaMetrics(registry).tell(ready=True)
        for well in (self._metrics.store_up, self._metrics.policy_reload_ok):
            well.set(1)
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry)
        self.target = f"127.0.0.1:{self._server.server_port}"
        beside = CollectorRegistry()
        analyser = AnalyserMetrics(beside)
        analyser.leading.set(1)
        analyser.up.set(1)
        self._analysts = (self._analyst, analyser.analyst)
        self._beside, self._beside_thread = start_http_server(0, "127.0.0.1", beside)
        self.analyser_target = f"127.0.0.1:{self._beside.server_port}"
        self._members = 0
        self.step()

    def step(self) -> None:
        """What a second of a campaign does to the metrics."""
        metrics = self._metrics
        self._members += 40
        observe_campaigns(metrics, [_campaign(level, self._members) for level in Level])
        for level in Level:
            for action in ("allow", "throttle", "block"):
                metrics.campaign_exchanges.labels(level.value, action).inc(5)
        for analyst in self._analysts:
            analyst.events.inc(30)
            analyst.lag.set(0.5)
            analyst.judge.observe(0.002)

    def close(self) -> None:
        for server, thread in ((self._server, self._thread), (self._beside, self._beside_thread)):
            server.shutdown()
            server.server_close()
            thread.join()


def _campaign(level: Level, accounts: int) -> Campaign:
    return Campaign(
        id=f"c-{level.value}",
        level=level,
        score=9.0,
        first_us=1,
        detected_us=2,
        last_us=3,
        expires_us=4,
        accounts=accounts,
    )


@dataclass(frozen=True)
class Watched:
    """What was scraped, and by whom."""

    prometheus: PrometheusServer
    proxies: tuple[Running, Running]
    """On the memory store, and on Redis."""
    analyst: DetectingReplica


@pytest.fixture(scope="module")
def watched(mock_api: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    policy = folder / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    with contextlib.ExitStack() as running:
        store, redis = running.enter_context(_redis(folder))
        proxies = []
        for name, url in (("memory", "memory://"), ("redis", store)):
            proxy = start_stillgate(
                "serve", "--upstream", mock_api.url, "--policy", str(policy), "--store", url,
                "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--exchange-log", str(folder / f"{name}.jsonl"),
            )  # fmt: skip
            running.callback(proxy.stop)
            THROTTLED.status_at(proxy.url)  # the one that this account may send a day
            proxies.append(proxy)
        analyst = DetectingReplica()
        running.callback(analyst.close)
        targets = [*(urlsplit(proxy.admin).netloc for proxy in proxies), analyst.target]
        prometheus = running.enter_context(running_prometheus(targets, [analyst.analyser_target], folder))
        _ordinary_traffic(prometheus, proxies, analyst)
        _policy_changes(prometheus, proxies, policy)
        redis.terminate()
        redis.wait(20)
        THROTTLED.status_at(proxies[1].url)  # `local` has a bucket of its own, from which the one may pass again
        for _ in range(2):
            _send_mix(proxies[1].url)
            prometheus.wait_for_scrape()
        yield Watched(prometheus, (proxies[0], proxies[1]), analyst)


def _ordinary_traffic(prometheus: PrometheusServer, proxies: list[Running], analyst: DetectingReplica) -> None:
    for _ in range(3):
        analyst.step()
        with contextlib.ExitStack() as open_streams:
            for proxy in proxies:
                stream = open_streams.enter_context(OPEN_STREAM.answer(proxy.url))
                stream.read(1)
                _send_mix(proxy.url)
                with pytest.raises(TimeoutError):
                    UNANSWERED.status_at(proxy.url)
            prometheus.wait_for_scrape()
    prometheus.wait_for_scrape()


def _policy_changes(prometheus: PrometheusServer, proxies: list[Running], policy: Path) -> None:
    for text, accepted in (("quotas: 1", False), (POLICY + "# changed\n", True)):
        policy.write_text(text, encoding="utf-8")
        for proxy in proxies:
            status, _ = proxy.page("/-/reload", "POST")
            assert (status == 200) is accepted
        prometheus.wait_for_scrape()


def _substituted(expression: str, instance: str = ".+") -> str:
    """As Grafana sends it, over a window that holds the whole of this test's traffic."""
    for variable, value in (
        ("$__rate_interval", "1m"),
        ("$job", "stillgate"),
        ("$analyser", "stillgate-analyser"),
        ("$instance", instance),
    ):
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def _fault(prometheus: PrometheusServer, target: dict[str, str]) -> str | None:
    """What is wrong with a dashboard's query: None where it returns data with the legend's labels, and a rate moves."""
    expression = _substituted(target["expr"])
    samples = prometheus.query(expression)
    values = [value for sample in samples if math.isfinite(value := float(sample["value"][1]))]
    if not values:
        return f"no data: {expression}"
    legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    if any(legend - sample["metric"].keys() for sample in samples):
        return f"lacks a label of its legend: {expression}"
    is_rate = re.search(r"\b(rate|increase)\(", expression) and not AT_REST & set(re.findall(r"\w+", expression))
    return f"stands still: {expression}" if is_rate and max(values) <= 0 else None


def test_every_query_of_the_dashboard_returns_data(watched: Watched) -> None:
    targets = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
    assert len(targets) > len(PANELS)
    faults = [(title, _fault(watched.prometheus, target)) for title, target in targets]
    assert [(title, fault) for title, fault in faults if fault is not None] == []


def test_the_annotation_marks_the_policy_that_was_taken_over(watched: Watched) -> None:
    (annotation,) = ANNOTATIONS["list"]
    assert len(watched.prometheus.query(_substituted(annotation["expr"]))) == 2


def test_the_dashboard_tells_what_happened(watched: Watched) -> None:
    def labels(name: str, panel: int) -> set[str]:
        expression = next(panel_["targets"][0]["expr"] for panel_ in PANELS if panel_["id"] == panel)
        found = watched.prometheus.query(_substituted(expression))
        return {sample["metric"][name] for sample in found if float(sample["value"][1]) > 0}

    assert labels("outcome", 10) >= {"allow", "throttle", "block"}
    assert labels("code", 11) >= {"200", "403", "429", "502", "529"}
    assert labels("ending", 12) >= {"complete", "client_gone", "client_gave_up", "upstream_refused", "upstream_failed"}
    assert labels("rule", 20) == {"pusher-rpm"}
    assert labels("rule", 21) == {"frontier-models"}
    assert labels("rule", 22) == {"rehearsal"}
    assert labels("kind", 30) >= {"input", "output"}
    assert labels("usage", 32) >= {"reported", "estimated"}
    assert labels("mode", 54) == {"local"}
    for proxy in watched.proxies:
        streams = f'max_over_time(stillgate_streams_open{{instance="{urlsplit(proxy.admin).netloc}"}}[1m]) >= 1'
        assert watched.prometheus.query(streams)
    assert labels("level", 70) == labels("level", 71) == {"suspected", "confirmed"}
    assert labels("action", 72) == {"allow", "throttle", "block"}


@pytest.mark.parametrize("panel", [73, 74, 75])
def test_detection_is_shown_where_it_works_and_nowhere_else(watched: Watched, panel: int) -> None:
    """In the replica on the memory store; for the one on Redis in the analyser, whichever replica was chosen."""
    memory, redis = (urlsplit(proxy.admin).netloc for proxy in watched.proxies)

    def shown(instance: str) -> set[str]:
        targets = next(panel_["targets"] for panel_ in PANELS if panel_["id"] == panel)
        found = [watched.prometheus.query(_substituted(target["expr"], instance)) for target in targets]
        return {sample["metric"]["instance"] for samples in found for sample in samples}

    analyst = watched.analyst
    assert shown(memory) - {memory} == shown(redis) == {analyst.analyser_target}
    assert shown(".+") >= {analyst.target, analyst.analyser_target}
    assert redis not in shown(".+")


def test_every_rule_is_evaluated_and_asks_for_series_that_exist(watched: Watched) -> None:
    groups = watched.prometheus.get("rules")["groups"]
    evaluated = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in evaluated} == {"ok"}, [rule.get("lastError") for rule in evaluated]
    assert len(evaluated) == len(RULES)
    selectors = {
        selector.strip()
        for rule in RULES
        for selector in re.findall(r"(?:stillgate[_:][\w:]+|\bup\b)(?:\{.*?\})?", rule["expr"])
    }
    assert selectors
    for selector in selectors:
        assert watched.prometheus.query(f"count_over_time({selector}[5m])"), selector


def test_the_loss_of_redis_is_about_to_alert_for_the_proxy_on_redis_alone(watched: Watched) -> None:
    pending = watched.prometheus.query('ALERTS{alertname="StillgateStoreLost"}')
    assert [sample["metric"]["instance"] for sample in pending] == [urlsplit(watched.proxies[1].admin).netloc]


def test_promtool_finds_nothing_to_say_about_the_metrics(watched: Watched) -> None:
    for proxy in watched.proxies:
        text = proxy.page("/metrics")[1]
        result = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_no_label_carries_an_account_a_key_an_address_or_a_word_of_a_prompt(watched: Watched) -> None:
    for proxy in watched.proxies:
        families = list(text_string_to_metric_families(proxy.page("/metrics")[1]))
        values = {value for family in families for sample in family.samples for value in sample.labels.values()}
        assert "m-large" in values
        for value in values:
            assert "canary" not in value, value
            assert not re.search(r"key-[0-9a-f]{8}|anonymous@|\d+\.\d+\.\d+\.\d+|203\.0\.113", value), value

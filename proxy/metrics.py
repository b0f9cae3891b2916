"""Owns every metric that stillgate exports: name, unit, labels and meaning, in this one place.

Labels are bounded: rule ids come from the policy, dialects and outcomes are closed sets, models fold into `_other`
past `MODELS`. No label ever carries an account, a key, an address or free text.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from proxy.exchange import Action
from proxy.verdict.campaign import Campaign, Level, Word

M = TypeVar("M", Counter, Gauge)

MODELS = 50
"""Distinct model names that get a label of their own; junk names of clients cannot grow the exposition."""
MODEL_LENGTH = 64
LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
DURATION = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
CAMPAIGN_LEVELS = (*(level.value for level in Level), "released")
"""A campaign that an operator released keeps its level, but is counted apart: nothing is done about it."""
USED = (0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0)


class Metrics:
    """One process's metrics, on a registry of its own so that tests and embedded proxies do not meet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._models: set[str] = set()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"stillgate_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str, across_workers: str = "livesum") -> Gauge:
            return Gauge(f"stillgate_{name}", text, labels, registry=registry, multiprocess_mode=across_workers)  # type: ignore[arg-type]

        def histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"stillgate_{name}", text, labels, registry=registry, buckets=buckets)

        self.build_info = gauge("build_info", "Version of stillgate; always 1.", "version", across_workers="max")
        self.exchanges = counter(
            "exchanges_total",
            "Exchanges by what the proxy decided; unavailable: refused because the store was lost.",
            "dialect",
            "outcome",
        )
        self.in_flight = gauge("exchanges_in_flight", "Exchanges under way.")
        self.streams_open = gauge("streams_open", "Event streams being relayed.")
        self.responses = counter(
            "responses_total", "Answers sent downstream by status code and by who gave them.", "source", "code"
        )
        self.duration = histogram(
            "exchange_duration_seconds",
            "From the request's head to the last byte relayed.",
            "dialect",
            buckets=DURATION,
        )
        self.clients = gauge("client_connections", "Connections of clients.")
        self.clients_limit = gauge(
            "client_connections_limit",
            "Connections of clients that there is room for among the files that may be open.",
        )
        self.clients_shed = _from_zero(
            counter(
                "client_connections_shed_total",
                "Connections of clients ended for want of room; kind=new: on arrival, because no other was idle.",
                "kind",
            ),
            ("idle", "new"),
        )
        self.bodies = gauge("client_bodies_bytes", "Bytes of request bodies that wait to be whole, or to be sent on.")
        self.bodies_given_up = _from_zero(
            counter(
                "client_bodies_given_up_total",
                "Request bodies that were not waited for any longer; kind=no_room: it gave way to others.",
                "kind",
            ),
            ("silent", "slow", "no_room"),
        )
        self.endings = counter("exchange_endings_total", "How admitted exchanges ended.", "ending")
        self.stream_events = counter("stream_events_total", "Server-sent events relayed.", "dialect")

        self.decision_seconds = histogram(
            "admission_decision_seconds",
            "From the whole request read to the decision, store included.",
            buckets=LATENCY,
        )
        self.denials = counter(
            "admission_denials_total", "Refusals by quota; mode=shadow refused nobody.", "rule", "unit", "scope", "mode"
        )
        self.access_denials = counter(
            "access_denials_total", "Refusals by access rule; mode=shadow refused nobody.", "rule", "mode"
        )
        self.used_ratio = histogram(
            "admission_used_ratio",
            "Share of a quota's capacity in use after each admission or refusal.",
            "rule",
            buckets=USED,
        )
        self.tokens = counter(
            "tokens_total", "Tokens as the upstream reported them, or as estimated where it did not.", "model", "kind"
        )
        self.settlements = counter(
            "settlements_total", "Settlements by where the usage came from; none: there was nothing to use.", "usage"
        )

        self.upstream_first_byte = histogram(
            "upstream_first_byte_seconds", "From the request sent to the answer's head.", "dialect", buckets=DURATION
        )
        self.upstream_errors = counter(
            "upstream_errors_total",
            "Exchanges that the upstream failed; kind=unreachable, unanswered, malformed, timeout or broken.",
            "kind",
        )

        self.store_up = gauge(
            "store_up",
            "1 while the bucket store answers; 0 while the policy's on_store_failure holds.",
            across_workers="min",
        )
        self.store_roundtrip = histogram(
            "store_roundtrip_seconds", "Round trips to the bucket store.", "kind", buckets=LATENCY
        )
        self.store_operations = counter(
            "store_operations_total", "Operations that travelled in those round trips.", "kind"
        )
        self.store_faults = counter(
            "store_faults_total", "Calls that the bucket store failed or answered too late.", "kind"
        )
        self.store_fallbacks = counter(
            "store_fallback_decisions_total", "Decisions taken without the store, as on_store_failure says.", "mode"
        )
        self.store_buckets = gauge("store_buckets", "Buckets held in this process's memory.")

        self.policy_info = gauge(
            "policy_info",
            "1 for the policy in force, for each of them while workers reload; 0 for those that were.",
            "name",
            "sha256",
            across_workers="max",
        )
        self.policy_reload_ok = gauge(
            "policy_last_reload_successful", "1 if the last load of the policy succeeded.", across_workers="min"
        )
        self.policy_loaded_at = gauge(
            "policy_last_reload_success_timestamp_seconds", "When the policy in force was loaded.", across_workers="min"
        )
        self.policy_reloads = counter("policy_reloads_total", "Reloads by outcome.", "outcome")
        self.policy_rules = gauge("policy_rules", "Rules in the policy in force.", "kind", across_workers="max")

        self.campaigns = _from_zero(
            gauge("campaigns", "Campaigns by level.", "level", across_workers="max"), CAMPAIGN_LEVELS
        )
        self.campaign_members = _from_zero(
            gauge("campaign_members", "Accounts seen in those campaigns.", "level", across_workers="max"),
            CAMPAIGN_LEVELS,
        )
        self.campaign_exchanges = _from_zero(
            counter(
                "campaign_exchanges_total",
                "Exchanges found to belong to a campaign by its level and by what was decided.",
                "level",
                "action",
            ),
            Level,
            Action,
        )
        self.detection_faults = counter("detection_faults_total", "Events and judgements that the analyst failed on.")
        self.state_failures = counter(
            "detection_state_failures_total", "Times that the campaigns could not be saved in the file of --state."
        )

        self.events_sent = counter("detection_events_sent_total", "Events that went to the analyser's stream.")
        self.events_dropped = counter(
            "detection_events_dropped_total", "Events dropped because the stream could not be reached for too long."
        )

        self.log_written = counter("exchange_log_written_total", "Lines written to the exchange log.")
        self.log_dropped = counter(
            "exchange_log_dropped_total", "Lines dropped because the exchange log could not keep up."
        )
        self.log_unwritten = gauge(
            "exchange_log_unwritten_lines",
            "Lines of ended exchanges that wait for an earlier one or for the disk, and are lost on a kill.",
        )
        self.loop_lag = histogram("event_loop_lag_seconds", "How late the event loop ran a timer.", buckets=LATENCY)

    def model_label(self, model: str | None, answered: bool) -> str:
        """`model` where it may be a label: a name that the upstream has answered for, and one of the first `MODELS`."""
        if model is None:
            return "_none"
        if model in self._models:
            return model
        if answered and len(self._models) < MODELS and len(model) <= MODEL_LENGTH and model.isprintable():
            self._models.add(model)
            return model
        return "_other"


class ReplicaMetrics:
    """How a replica stands: told by its only process, or by the supervisor of several for all of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"stillgate_{name}", text, registry=registry)

        self._ready = gauge(
            "ready",
            "1 while this replica takes traffic, as /readyz says; 0 while it starts or drains, or refuses all, as its "
            "store is lost.",
        )
        self._workers = gauge("workers", "Processes of this replica that serve clients.")
        self._wanted = gauge("workers_wanted", "Processes of this replica that are to serve clients (--workers).")

    def tell(self, ready: bool, workers: int = 1, wanted: int = 1) -> None:
        self._ready.set(int(ready))
        self._workers.set(workers)
        self._wanted.set(wanted)


class RedisMetrics:
    """What only a process has whose store is a Redis."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.evicted = Gauge(
            "stillgate_store_evicted_keys",
            "Keys that Redis says it has evicted since it was started; an evicted bucket is a full one.",
            registry=registry,
            multiprocess_mode="max",
        )


class AnalystMetrics:
    """The metrics of an analyst: only the process that it works in has them, a proxy or an analyser."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("stillgate_detection_events_total", "Events that the analyst took in.", registry=registry)
        self.lag = Gauge(
            "stillgate_detection_lag_seconds", "Age of the last event when the analyst took it in.", registry=registry
        )
        self.judge = Histogram(
            "stillgate_detection_judge_seconds",
            "Judgements of the clusters that changed, one for each period of events.",
            registry=registry,
            buckets=LATENCY,
        )


class AnalyserMetrics:
    """The metrics of a process that only analyses."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"stillgate_{name}", text, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"stillgate_{name}", text, registry=registry)

        self.registry = registry
        self.analyst = AnalystMetrics(registry)
        self.leading = gauge("analyser_leader", "1 while this analyser publishes, 0 while it stands by.")
        self.up = gauge("analyser_store_up", "1 while Redis answers this analyser.")
        self.campaigns = gauge("analyser_campaigns_published", "Campaigns that this analyser published last.")
        self.lag_events = gauge("analyser_lag_events", "Events in the stream that this analyser has yet to take in.")
        self.lost = counter("analyser_events_lost_total", "Events that left the stream before they were taken in.")
        self.faults = counter("analyser_faults_total", "Events and judgements that the analyst failed on.")
        self.stream_entries = gauge("analyser_stream_entries", "Batches of events that the stream holds.")
        self.state_bytes = gauge("analyser_state_bytes", "Size of the analyst's state when it was last to be saved.")
        self.state_saved_at = gauge("analyser_state_saved_timestamp_seconds", "When the state was last saved in Redis.")


def _from_zero(metric: M, *labels: Iterable[str]) -> M:
    """`metric`, told for each combination of labels before anything is counted."""
    for combination in product(*labels):
        metric.labels(*combination)
    return metric


def observe_campaigns(metrics: Metrics, campaigns: Iterable[Campaign]) -> None:
    """Sets the gauges of campaigns to what stands now; to be called whenever that may have changed."""
    counts, members = dict.fromkeys(CAMPAIGN_LEVELS, 0), dict.fromkeys(CAMPAIGN_LEVELS, 0)
    for campaign in campaigns:
        level = "released" if campaign.word is Word.RELEASE else campaign.level.value
        counts[level] += 1
        members[level] += campaign.accounts
    for level in CAMPAIGN_LEVELS:
        metrics.campaigns.labels(level).set(counts[level])
        metrics.campaign_members.labels(level).set(members[level])

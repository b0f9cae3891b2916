"""Owns what a process that serves tells of its exchanges, its quotas and its campaigns.

Labels are bounded: rule ids come from the policy, dialects and outcomes are closed sets, models fold into `_other`
past `MODELS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from proxy.exchange import Action
from proxy.metrics.common import DURATION, LATENCY, USED
from proxy.verdict.campaign import Campaign, Level, Word

M = TypeVar("M", Counter, Gauge)

MODELS = 50
"""Distinct model names that get a label of their own; junk names of clients cannot grow the exposition."""
MODEL_LENGTH = 64
CAMPAIGN_LEVELS = (*(level.value for level in Level), "released")
"""A campaign that an operator released keeps its level, but is counted apart: nothing is done about it."""


class Metrics:
    """One process's metrics, on a registry of its own so that tests and embedded proxies do not meet."""

    def __init__(self, registry: CollectorRegistry) -> None:  # noqa: PLR0915
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
        self.undeclared_tiers = counter(
            "undeclared_tiers_total",
            "Exchanges of a tier that the policy does not declare, so that the default tier holds; the log names them.",
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
            "settlements_total",
            "Settlements by where the usage came from; uncounted: an estimate on which no quota depends; "
            "none: there was nothing to use.",
            "usage",
        )

        self.upstream_first_byte = histogram(
            "upstream_first_byte_seconds", "From the request sent to the answer's head.", "dialect", buckets=DURATION
        )
        self.upstream_key_lent = gauge(
            "upstream_key_lent",
            "1 where clients go upstream with the proxy's key, not their own.",
            across_workers="max",
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

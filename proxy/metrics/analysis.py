"""Owns what an analyst tells of its work, and what a process that only analyses tells of itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from proxy.metrics.common import LATENCY


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

"""Owns what all metrics have in common: the bounds of histograms' buckets, and that none has a `_created` series."""

from __future__ import annotations

from prometheus_client import disable_created_metrics

LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
DURATION = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
USED = (0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 1.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # more series, one a counter, which nothing of ours reads

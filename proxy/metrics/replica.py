"""Owns how a replica stands: what is told once for all of its processes, and what only one with a Redis tells."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge


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

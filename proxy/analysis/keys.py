"""Owns the names under which detection lives in Redis. They hold no content and no account.

All share the hash tag of the bucket store, so that on Redis Cluster one node has them all and a script may touch them.
"""

from __future__ import annotations

from proxy.redis_place import PREFIX


class Keys:
    """The names after `prefix`."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self.stream = f"{prefix}events"
        self.totals = f"{prefix}events-totals"
        self.lease = f"{prefix}analyser"
        self.checkpoint = f"{prefix}analyser-state"
        self.verdicts = f"{prefix}verdicts"
        self.verdicts_version = f"{prefix}verdicts-version"
        self.records = f"{prefix}campaigns"
        self.words = f"{prefix}words"
        self.words_version = f"{prefix}words-version"
        self._sender = f"{prefix}events-from:"

    def sender(self, replica_id: str) -> str:
        """Where a replica's last serial is kept."""
        return self._sender + replica_id

"""Owns a table that forgets: what has not been asked for during the last one to two generations is gone."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Generations(Generic[K, V]):
    """A bounded mapping. A generation ends when it holds `most` entries; two are kept."""

    __slots__ = ("_most", "old", "young")

    def __init__(self, most: int) -> None:
        self._most = most
        self.young: dict[K, V] = {}
        self.old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def get(self, key: K) -> V | None:
        """What is kept under `key`."""
        found = self.young.get(key)
        return self.old.get(key) if found is None else found

    def take(self, key: K) -> V | None:
        """What was kept under `key` up to now."""
        old = self.old.pop(key, None)
        return self.young.pop(key, old)

    def put(self, key: K, value: V) -> None:
        """Keeps `value`, as young as can be."""
        self.young[key] = value
        self.turn()

    def turn(self) -> None:
        """Ends the generation if it is full; for whoever puts a few into `young` at once."""
        if len(self.young) >= self._most:
            self.old, self.young = self.young, {}

"""Owns whose reasoning signatures are whose: the first who was issued or sent one has it. Bounded; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.generations import Generations

_SIGNATURES = 500_000


class Replays:
    """The payers of signatures that were seen, by the signatures' ids."""

    def __init__(self) -> None:
        self._owners: Generations[int, int] = Generations(_SIGNATURES)

    def issued(self, signatures: Iterable[int], group: int) -> None:
        """An answer to the payer `group` brought them."""
        for signature in signatures:
            self._owners.put(signature, group)

    def others(self, signatures: Iterable[int], group: int) -> tuple[int, ...]:
        """The other payers whose signatures a request of `group` carries; what is nobody's is its own from now on."""
        found: set[int] = set()
        for signature in signatures:
            owner = self._owners.get(signature)
            if owner is None:
                self._owners.put(signature, group)
            elif owner != group:
                found.add(owner)
        return tuple(found)

"""Owns how many accounts came first from each network, so that sharing one can be told from what everybody does.

Bounded: of networks that nobody new comes from the count is forgotten. Knows no cluster and no rule of judgement.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.generations import Generations

_KEPT = 200_000
_NARROW = 64
"""Accounts behind one address that may all be keys of one firm."""
_COMMON = 0.1
"""Of all accounts: a network of so many is an edge's, which does not tell where they come from."""


class Networks:
    """All accounts by the network that they were first seen in."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._accounts: Generations[str, int] = Generations(kept)
        self._total = 0

    def welcome(self, network: str) -> None:
        """Counts a new account."""
        self._total += 1
        self._accounts.put(network, self._from(network) + 1)

    def is_narrow(self, network: str) -> bool:
        """Whether so few accounts came first from it that they may well be one customer's."""
        return self._from(network) <= _NARROW

    def is_common(self, network: str) -> bool:
        """Whether so many of all accounts came first from it that it tells nothing of any."""
        return self._from(network) > _COMMON * self._total

    def shared_by_lot(self, accounts: Mapping[str, int]) -> float:
        """The share of a group that would meet others of it in its network, were these from anywhere as others are.

        `accounts`: of the group, by network. Between 0 and 1; what the group itself adds to a network does not count.
        """
        size = sum(accounts.values())
        others = max(self._total - size, 1)
        met = 0.0
        for network, own in accounts.items():
            chance = min(self._elsewhere(network, own) / others, 1.0)
            met += own * (1 - (1 - chance) ** (size - 1))
        return met / size if size else 0.0

    def share_in(self, accounts: Mapping[str, int], apart: Mapping[str, int]) -> float:
        """The share of all accounts that came from the networks of a group, but for those of it and those `apart`."""
        others = max(self._total - sum(accounts.values()) - sum(apart.values()), 1)
        found = sum(self._elsewhere(network, own + apart.get(network, 0)) for network, own in accounts.items())
        return min(found / others, 1.0)

    def _elsewhere(self, network: str, own: int) -> int:
        return max(self._from(network) - own, 0)

    def _from(self, network: str) -> int:
        return self._accounts.get(network) or 0

"""Owns who is known: one small record for each account, the cold ones forgotten first.

Accounts of one organisation are one payer: what they share among themselves says nothing. Knows no content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from proxy.events.event import Asked

if TYPE_CHECKING:
    from proxy.detect.cluster import Cluster

MOST_KNOWN = 1_000_000
"""Accounts that came back; as many more are kept that were seen once. A flood of invented keys evicts only its like."""


class Payer:
    """An account, and whom it belongs to."""

    __slots__ = (
        "account",
        "clusters",
        "created_us",
        "events",
        "group",
        "last_us",
        "network",
        "networks",
        "number",
        "payment",
    )

    def __init__(self, account: str, number: int, group: int, asked: Asked) -> None:
        self.account = account
        self.number = number
        """Nobody else's; short, where counts are kept by account."""
        self.group = group
        """Equal for accounts of one organisation."""
        self.payment = asked.payment
        self.created_us = asked.created_us
        self.events = 0
        self.last_us = 0
        self.network = asked.network
        self.networks = 1
        """How often it came from another network than before, and the first one."""
        self.clusters: tuple[Cluster, ...] = ()
        """The clusters it was found in last, latest first."""


class Payers:
    """All accounts that are remembered."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._most = most_known
        self._new: dict[str, Payer] = {}
        self._known: dict[str, Payer] = {}
        self._groups: dict[str, int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._new) + len(self._known)

    def find(self, account: str) -> Payer | None:
        """The account's record, where it is remembered."""
        return self._known.get(account) or self._new.get(account)

    def remembered(self, accounts: Iterable[str]) -> list[Payer]:
        """The records of those that are, in the same order."""
        known, new = self._known, self._new
        return [payer for account in accounts if (payer := known.get(account) or new.get(account)) is not None]

    def seen(self, asked: Asked) -> Payer:
        """The record of whoever asked, brought up to date."""
        payer = self._known.get(asked.account)
        if payer is None:
            payer = self._come_back(asked.account) or self._welcome(asked)
        payer.events += 1
        payer.last_us = asked.moment_us
        if asked.network != payer.network:
            payer.network = asked.network
            payer.networks += 1
        return payer

    def _welcome(self, asked: Asked) -> Payer:
        payer = self._new[asked.account] = self._named(asked)
        if len(self._new) > self._most:
            del self._new[next(iter(self._new))]
        return payer

    def _come_back(self, account: str) -> Payer | None:
        payer = self._new.pop(account, None)
        if payer is not None:
            self._known[account] = payer
            if len(self._known) > self._most:
                self._forget_coldest()
        return payer

    def _forget_coldest(self) -> None:
        """Of the few that came back first, the one not seen for longest; the others start anew at the end."""
        oldest = [payer for payer, _ in zip(self._known.values(), range(8), strict=False)]
        coldest = min(oldest, key=lambda payer: payer.last_us)
        for payer in oldest:
            del self._known[payer.account]
            if payer is not coldest:
                self._known[payer.account] = payer

    def _named(self, asked: Asked) -> Payer:
        self._next += 1
        return Payer(asked.account, self._next, self._group(asked), asked)

    def _group(self, asked: Asked) -> int:
        """That of its organisation, which is the number of the first account of it that came."""
        if asked.org is None:
            return self._next
        if (group := self._groups.get(asked.org)) is not None:
            return group
        self._groups[asked.org] = self._next
        if len(self._groups) > self._most:
            del self._groups[next(iter(self._groups))]
        return self._next

"""Owns one account of a pool: who it says it is, and what its keeper knows of how it fares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.campaigns.wrapping import Wrapper
from proxy.simulate.traffic.clients import Client
from proxy.simulate.traffic.identity import Account, Network
from proxy.simulate.traffic.responses import Model

_REST_US = 60 * US_PER_SECOND
"""After a 429 that says nothing of when to come back."""
_LONGEST_REST_US = 3600 * US_PER_SECOND
_US_PER_DAY = 86_400 * US_PER_SECOND
_THROTTLED = 0.25
"""What a 429 counts against an account, where a 403 counts 1."""


@dataclass(frozen=True, slots=True)
class Cover:
    """The customer that an account pretends to be."""

    family: str
    system: str | None
    model: Model
    parameters: dict[str, Any]


@dataclass(slots=True, eq=False)
class Member:
    """One account in its keeper's hands."""

    account: Account
    attributes: dict[str, str]
    """The account's, and the TLS fingerprint of its software."""
    client: Client
    network: Network
    wrapper: Wrapper
    cover: Cover | None
    noon_us: int
    """The middle of its day, of the UTC day."""
    pool: int
    daily_budget: int | None
    strikes: float = 0.0
    rests_until_us: int = 0
    dead: bool = False
    _day: int = 0
    _sent: int = 0

    def ready(self, now_us: int) -> bool:
        """It may send now, as far as its keeper knows."""
        if self.dead or now_us < self.rests_until_us:
            return False
        return self.daily_budget is None or now_us // _US_PER_DAY != self._day or self._sent < self.daily_budget

    def sends(self, now_us: int) -> None:
        """Counts a request."""
        if now_us // _US_PER_DAY != self._day:
            self._day, self._sent = now_us // _US_PER_DAY, 0
        self._sent += 1

    def succeeded(self) -> None:
        """Forgives what was before."""
        self.strikes = 0.0

    def refused(self, status: int, retry_after_s: float | None, now_us: int, dead_after: int) -> bool:
        """Takes note of a 429 or 403; True where that is one too many in a row, so that the account is given up."""
        was_dead = self.dead
        if status == 429:
            self.strikes += _THROTTLED
            rest_us = _REST_US if retry_after_s is None else min(round(retry_after_s * 1e6), _LONGEST_REST_US)
            self.rests_until_us = now_us + rest_us
        else:
            self.strikes += 1
        self.dead = was_dead or self.strikes >= dead_after
        return self.dead and not was_dead

"""Owns the lease that says which analyser publishes. Its token is the fence: scripts write only for who holds it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from proxy.analysis.keys import Keys
from proxy.analysis.link import Link, Script
from proxy.errors import StoreError

LEASE_SECONDS = 2.5
"""A leader that dies is replaced within this and one try of a standby."""
RENEW_SECONDS = 0.8
TRY_SECONDS = 0.25

_LEASE = Script("lease")
_GAINED = 2


class Lease:
    """One analyser's claim. `token` is nobody else's; `seconds` reads a stopwatch."""

    def __init__(self, link: Link, keys: Keys, token: str, seconds: Callable[[], float]) -> None:
        self.token = token
        self.term = 0
        """How often it was gained; another number means that somebody else may have led in between."""
        self._link = link
        self._key = (keys.lease,)
        self._seconds = seconds
        self._until = 0.0

    @property
    def is_held(self) -> bool:
        """As far as can be told from here; what counts is what Redis says when something is written."""
        return self._seconds() < self._until

    async def keep(self) -> None:
        """For ever: tries to gain the lease, or renews it."""
        while True:
            with contextlib.suppress(StoreError):  # then it lapses by itself
                await self.ask()
            await asyncio.sleep(RENEW_SECONDS if self.is_held else TRY_SECONDS)

    async def ask(self) -> None:
        """Gains or renews it, if it is to be had. StoreError."""
        began = self._seconds()
        answer = await self._link.run(_LEASE, self._key, (self.token, int(LEASE_SECONDS * 1000)))
        if answer == _GAINED:
            self.term += 1
        self._until = began + LEASE_SECONDS if answer else 0.0

    def lost(self) -> None:
        """Redis has refused to write: it is another's."""
        self._until = 0.0

    async def release(self) -> None:
        """Gives it back, if it is held. StoreError."""
        self._until = 0.0
        await self._link.run(_LEASE, self._key, (self.token, 0))

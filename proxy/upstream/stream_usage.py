"""Owns whether the upstream may be asked for the usage of streams whose clients did not ask for it. Reads no clock.

Some APIs refuse a request for a member that they do not know: whoever does so is left in peace for a while.
"""

from __future__ import annotations

import logging

log = logging.getLogger("stillgate.upstream")
REFUSED_US = 3_600_000_000
"""An API that learns it later is asked again then, at the price of one more refusal where it has not."""
_MOST = 256
Who = tuple[str, str | None]
"""A wire format's name, and a model's."""


class StreamUsage:
    """Who has refused to be asked; bounded, as clients choose the names of models."""

    def __init__(self, *, never: bool) -> None:
        """`never`: nobody is asked."""
        self._never = never
        self._until: dict[Who, int] = {}
        """The one that refused first goes first."""
        self._told = False

    def may_ask(self, who: Who, now_us: int) -> bool:
        return not self._never and now_us >= self._until.get(who, now_us)

    def refused(self, who: Who, now_us: int) -> None:
        """It has refused to be asked, and answered the same request without."""
        self._until.pop(who, None)
        if len(self._until) >= _MOST:
            del self._until[next(iter(self._until))]
        self._until[who] = now_us + REFUSED_US
        if not self._told:
            self._told = True
            told = {"dialect": who[0], "model": who[1], "for_s": REFUSED_US // 1_000_000}
            log.warning("upstream refuses stream_options: such streams are not asked for their usage", extra=told)

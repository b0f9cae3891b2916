"""Owns how log lines look, JSON objects on standard error, one a line; and that what comes often does not fill it."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_NAMES = {"asctime": "time", "levelname": "level", "name": "logger"}
"""What the fields of every line are called. None that a line adds may take their places."""


def configure(level: str) -> None:
    """Sends every logger's lines of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(json_lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def json_lines() -> JsonFormatter:
    """Makes a record a line: its time, level, logger and message, and what it adds under other names."""
    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields=_NAMES,
        reserved_attrs=(*RESERVED_ATTRS, *_NAMES.values()),
        timestamp=False,
    )


class Throttle:
    """Lets `lines` of a kind into the log in each period of so many `seconds`."""

    def __init__(self, lines: int, seconds: float) -> None:
        self._lines = lines
        self._seconds = seconds
        self._period = self._passed = self._held = 0
        self.left_out = 0
        """Lines that were not let through between the last two that were."""

    def lets_pass(self, now: float) -> bool:
        """Whether one more line may be logged at `now`, in seconds on a clock that never steps back."""
        period = int(now // self._seconds)
        if period != self._period:
            self._period, self._passed = period, 0
        self._passed += 1
        if self._passed > self._lines:
            self._held += 1
            return False
        self.left_out, self._held = self._held, 0
        return True

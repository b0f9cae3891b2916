"""Owns how log lines look, JSON objects on standard error, one a line; and that what comes often does not fill it."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter


def configure(level: str) -> None:
    """Sends every logger's lines of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            timestamp=False,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


class Throttle:
    """Lets `lines` of a kind into the log in each period of so many `seconds`."""

    def __init__(self, lines: int, seconds: float) -> None:
        self._lines = lines
        self._seconds = seconds
        self._period = self._passed = 0

    def lets_pass(self, now: float) -> bool:
        """Whether one more line may be logged at `now`, in seconds on a clock that never steps back."""
        period = int(now // self._seconds)
        if period != self._period:
            self._period, self._passed = period, 0
        self._passed += 1
        return self._passed <= self._lines

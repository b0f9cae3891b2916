"""Owns an alarm clock of the event loop that is exact to some 50 µs: the loop's own timers know milliseconds only."""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

_LIBC = ctypes.CDLL(None, use_errno=True)
_TFD_TIMER_ABSTIME = 1


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Setting(ctypes.Structure):
    _fields_ = [("interval", _Timespec), ("first", _Timespec)]


class Alarm:
    """Calls `ring` at a time of `time.perf_counter_ns`, which is CLOCK_MONOTONIC; a new time replaces the last."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._descriptor = _LIBC.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        asyncio.get_running_loop().add_reader(self._descriptor, self._rang)

    def set(self, at_ns: int) -> None:
        seconds, nanoseconds = divmod(max(at_ns, 1), 1_000_000_000)
        setting = _Setting(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        _LIBC.timerfd_settime(self._descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(setting), None)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _rang(self) -> None:
        os.read(self._descriptor, 8)
        self._ring()

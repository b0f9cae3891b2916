"""Owns the exchange log's file: lines in order of arrival, written beside the request path, rotated by size and age.

An exchange's line is complete only when it has ended, and lines stand in order of arrival; so ended ones wait for the
earlier ones that are still open, but not for ever: then the line of an open one is written without its answer. What
cannot be written is dropped and counted, never waited for.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import UsageError
from proxy.events.record import Line, encode
from proxy.settings import Settings

log = logging.getLogger("stillgate.exchange_log")
MAX_WAITING = 100_000
"""Lines held in memory, most of them some 500 bytes, with a sketch 1,500, while an earlier exchange is still open."""
MOST_HELD_US = 10 * 60 * 1_000_000
"""For so long an exchange that is still open holds back later lines: few answers take longer, and usage is worth it."""
MAX_QUEUED = 20_000
_AGAIN_US = 60 * 1_000_000
"""After which a file that could not be put aside is tried again."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is put aside as `FILE.<serial>`: at so many bytes, or after so many microseconds."""

    max_bytes: int
    max_age_us: int


@dataclass(frozen=True, slots=True)
class _Open:
    """An exchange that has not ended: since when, and its line as far as it is known, if it is."""

    since_us: int
    so_far: Callable[[], Line | None]


class ExchangeLog:
    """`opened` for each arrival and `ended` for each end, on the event loop; a thread of its own does the writing."""

    def __init__(
        self,
        path: Path,
        rotation: Rotation,
        now_us: Callable[[], int],
        count_written: Callable[[], None],
        count_dropped: Callable[[], None],
    ) -> None:
        """UsageError where the file cannot be opened. The two counters are told of each line, on either thread."""
        self._count_written = count_written
        self._count_dropped = count_dropped
        self._now_us = now_us
        self._writer = _Writer(path, rotation, now_us)
        self._queue: queue.Queue[bytes | None] = queue.Queue(MAX_QUEUED)
        self._waiting: OrderedDict[str, bytes | _Open] = OrderedDict()
        self._thread = threading.Thread(target=self._write, name="exchange log", daemon=True)
        self._thread.start()

    @property
    def unwritten(self) -> int:
        """Lines of exchanges that have ended and are not in the file yet: what is lost if this process is killed."""
        return sum(isinstance(line, bytes) for line in self._waiting.values()) + self._queue.qsize()

    def opened(self, exchange_id: str, so_far: Callable[[], Line | None]) -> None:
        """An exchange has arrived; its line's place is here. `so_far` makes the line without the answer, if it can."""
        self._waiting[exchange_id] = _Open(self._now_us(), so_far)
        if len(self._waiting) > MAX_WAITING:
            # The oldest waits no longer so that the log, and this process's memory, can go on.
            self._hand_on()
            self._release()

    def ended(self, line: Line) -> None:
        """An exchange has ended; `line.id` is the id it was opened with."""
        if line.id not in self._waiting:
            return
        self._waiting[line.id] = encode(line)
        self._release()

    def forget(self, exchange_id: str) -> None:
        """An exchange is over. If it has no line, as nothing was decided of it, those behind it may go on."""
        if isinstance(self._waiting.get(exchange_id), _Open):
            del self._waiting[exchange_id]
            self._release()

    def close(self) -> None:
        """Writes what has ended, whatever is still open, and closes the file."""
        self._waiting = OrderedDict((key, line) for key, line in self._waiting.items() if isinstance(line, bytes))
        self._release()
        self._queue.put(None)
        self._thread.join()

    def _release(self) -> None:
        while self._waiting:
            first = next(iter(self._waiting.values()))
            if isinstance(first, _Open) and self._now_us() - first.since_us <= MOST_HELD_US:
                return
            self._hand_on()

    def _hand_on(self) -> None:
        """The first line goes to the writing thread; of an open exchange what there is of it, whatever comes later."""
        _, line = self._waiting.popitem(last=False)
        if isinstance(line, _Open):
            so_far = line.so_far()
            line = b"" if so_far is None else encode(so_far)
        if not line:
            self._count_dropped()
            return
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._count_dropped()

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            if self._writer.write(line + b"\n"):
                self._count_written()
            else:
                self._count_dropped()
        self._writer.close()


def open_log(
    settings: Settings, now_us: Callable[[], int], count_written: Callable[[], None], count_dropped: Callable[[], None]
) -> ExchangeLog | None:
    """The log that the settings ask for, if they do. UsageError."""
    if not settings.exchange_log:
        return None
    rotation = Rotation(settings.exchange_log_max_mb * 2**20, settings.exchange_log_max_hours * 3_600_000_000)
    return ExchangeLog(Path(settings.exchange_log), rotation, now_us, count_written, count_dropped)


class _Writer:
    """The file; lives on the writing thread. A fault of the disk is told once until it heals."""

    def __init__(self, path: Path, rotation: Rotation, now_us: Callable[[], int]) -> None:
        self._path = path
        self._rotation = rotation
        self._now_us = now_us
        self._failing = False
        self._serial = 0
        self._stuck_until_us = 0
        try:
            self._open()
        except OSError as fault:
            raise UsageError(f"--exchange-log {path}: cannot be written: {fault.strerror or fault}") from fault

    def write(self, data: bytes) -> bool:
        try:
            if not self._path.exists():
                self._file.close()  # removed or moved away by others, who would not find what went on into it
            if self._file.closed:
                self._open()
            elif self._size and self._is_due(len(data)) and self._put_aside():
                self._file.close()
                self._open()
            if self._file.write(data) != len(data):
                self._file.truncate(self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as fault:
            if not self._failing:
                log.exception("exchange log cannot be written; lines are dropped and counted", exc_info=fault)
            self._failing = True
            return False
        self._size += len(data)
        self._failing = False
        return True

    def close(self) -> None:
        self._file.close()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._size = self._path.stat().st_size
        self._opened_us = self._now_us()

    def _is_due(self, more: int) -> bool:
        return (
            self._size + more > self._rotation.max_bytes or self._now_us() - self._opened_us > self._rotation.max_age_us
        )

    def _put_aside(self) -> bool:
        """Whether it went; where its folder is somebody else's, say, it only grows on."""
        if self._now_us() < self._stuck_until_us:
            return False
        try:
            self._rename()
        except OSError as fault:
            if not self._stuck_until_us:
                log.exception("exchange log cannot be put aside; it grows on", exc_info=fault)
            self._stuck_until_us = self._now_us() + _AGAIN_US
            return False
        self._stuck_until_us = 0
        return True

    def _rename(self) -> None:
        # Never a number that was given before, though its file may have been carried off.
        start = f"{self._path.name}."
        ends = (path.name.removeprefix(start) for path in self._path.parent.iterdir() if path.name.startswith(start))
        self._serial = max(self._serial, *(int(end) for end in ends if end.isdecimal()), 0) + 1
        self._path.rename(self._path.with_name(f"{start}{self._serial:04}"))

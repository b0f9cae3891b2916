"""Owns the file that keeps the campaigns of a proxy without a Redis over its restarts. Knows nothing of its content."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BAD = 5
"""States that could not be read and are kept to be looked at."""


class StateFile:
    """The file at `path`: always a whole state, never a part of one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """What was written last; None where nothing was. OSError."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, state: bytes) -> None:
        """Takes the place of what was there, at once and for good. OSError, and then that is still there."""
        beside = self._beside("new")
        with open(beside, "wb", opener=_for_owner_only) as file:
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)

    def put_aside(self) -> Path:
        """Has the file out of the way, for somebody to look at; where it is now. OSError.

        The first ones are kept, since later ones may come of the same fault: beyond `MOST_BAD` the last makes room.
        """
        places = [self._beside("bad"), *(self._beside(f"bad.{number}") for number in range(2, MOST_BAD + 1))]
        return self.path.replace(next((place for place in places if not place.exists()), places[-1]))

    def _beside(self, end: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{end}")


def _for_owner_only(path: str, flags: int) -> int:
    """It names accounts."""
    return os.open(path, flags, 0o600)

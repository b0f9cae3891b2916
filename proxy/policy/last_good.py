"""Owns the last good policy beyond the process that read it: one file, which all workers of a replica write and read.

What is on disk by now may be bad, and then a worker that takes the place of a dead one shall not be without a policy.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from proxy.policy.load import Source, remade
from proxy.policy.match import Policy


class LastGood:
    """The last good policy, in the file `path`, whose folder nobody else may write to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, source: Source) -> None:
        """Puts `source` in the place of what was kept, in one step. On a full disk the one before it stays."""
        unfinished = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            unfinished.write_bytes(msgspec.msgpack.encode(source))
            unfinished.replace(self._path)

    def recalled(self) -> Policy | None:
        """The policy that was kept last; None where there is none."""
        try:
            kept = self._path.read_bytes()
        except OSError:
            return None
        return remade(msgspec.msgpack.decode(kept, type=Source)).policy

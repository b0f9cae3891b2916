"""Owns where a log comes from: a file, a compressed one, or standard input, line by line in bounded memory."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from proxy.errors import UsageError

LONGEST_LINE = 64 * 2**20
"""Bytes. A longer line is cut there, which makes it a bad one."""
_BUFFER = 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """An open log. `size` is the file's in bytes, None where nobody knows; `position` tells how much of it is read."""

    stream: BinaryIO
    below: BinaryIO
    size: int | None

    def lines(self) -> Iterator[bytes]:
        """Every line, with its end. UsageError where the file breaks off or is not what its name says."""
        try:
            while line := self.stream.readline(LONGEST_LINE):
                yield line
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as fault:
            raise UsageError(f"the log cannot be read to its end: {fault}") from fault

    def position(self) -> int:
        """Bytes of the file that have been read, compressed ones where it is compressed."""
        return self.below.tell()


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """The log `name`, decoded by its ending (.gz, .zst); `-` is standard input. UsageError: it cannot be opened."""
    if name == "-":
        yield Source(cast(BinaryIO, sys.stdin.buffer), cast(BinaryIO, sys.stdin.buffer), None)
        return
    path = Path(name)
    try:
        below = path.open("rb", buffering=_BUFFER)
    except OSError as fault:
        raise UsageError(f"{name}: cannot be read: {fault.strerror or fault}") from fault
    with below:
        yield Source(_decoded(below, path.suffix), below, path.stat().st_size)


def _decoded(below: BinaryIO, suffix: str) -> BinaryIO:
    if suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=below))
    if suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(below, read_across_frames=True)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, reader), _BUFFER))
    return below

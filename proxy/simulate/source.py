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
from proxy.simulate.lines import LONGEST_LINE

_BUFFER = 2**20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Source:
    """An open log. `size` is the file's in bytes, None where nobody knows; `position` tells how much of it is read."""

    stream: BinaryIO
    below: BinaryIO
    size: int | None

    def lines(self) -> Iterator[bytes]:
        """Every line, with its end; of one that is too long, just enough to tell that it is.

        UsageError where the file breaks off or is not what its name says.
        """
        try:
            while line := self.stream.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    self._pass_over(line)
                yield line
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as fault:
            raise UsageError(f"the log cannot be read to its end: {fault}") from fault

    def _pass_over(self, part: bytes) -> None:
        """Reads to the end of the line that `part` is of."""
        while part and not part.endswith(b"\n"):
            part = self.stream.readline(_BUFFER)

    def position(self) -> int:
        """Bytes of the file that have been read, compressed ones where it is compressed."""
        return self.below.tell()


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """The log `name`, decoded where its ending (.gz, .zst) or its first bytes say that it is compressed.

    `-` is standard input. UsageError: it cannot be opened.
    """
    if name == "-":
        stdin = cast(io.BufferedReader, sys.stdin.buffer)
        yield Source(_decoded(stdin, ""), stdin, None)
        return
    path = Path(name)
    try:
        below = cast(io.BufferedReader, path.open("rb", buffering=_BUFFER))
    except OSError as fault:
        raise UsageError(f"{name}: cannot be read: {fault.strerror or fault}") from fault
    with below:
        yield Source(_decoded(below, path.suffix), below, path.stat().st_size)


def _decoded(below: io.BufferedReader, suffix: str) -> BinaryIO:
    start = below.peek(len(_ZSTD))
    if suffix == ".gz" or start.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=below))
    if suffix == ".zst" or start.startswith(_ZSTD):
        reader = zstandard.ZstdDecompressor().stream_reader(below, read_across_frames=True)
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, reader), _BUFFER))
    return below

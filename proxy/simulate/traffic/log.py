"""Owns the writing of a generated log: raw lines as `replay` takes them, and beside them what is true of each.

The truth goes into a file of its own, so that nothing that reads the log can read it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from proxy.clock import US_PER_SECOND
from proxy.errors import UsageError
from proxy.events.record import Response
from proxy.simulate.lines import Recorded
from proxy.simulate.traffic.actor import Sent
from proxy.simulate.traffic.engine import Judged

_encode = msgspec.json.Encoder().encode


class _Line(msgspec.Struct, frozen=True):
    ts: float
    id: str
    method: str
    path: str
    peer_ip: str
    headers: list[tuple[str, str]]
    body: msgspec.Raw
    response: Response | None


class _TruthLine(msgspec.Struct, frozen=True):
    id: str
    account: str
    scenario: str
    campaign: str | None


def raw_line(recorded: Recorded) -> bytes:
    """The exchange as a line of the log, without its end."""
    body = b"null" if recorded.body is None else recorded.body
    return _encode(
        _Line(
            recorded.ts_us / US_PER_SECOND,
            recorded.id,
            recorded.method,
            recorded.path,
            recorded.peer_ip,
            recorded.headers,
            msgspec.Raw(body),
            recorded.response,
        )
    )


def truth_line(recorded: Recorded, sent: Sent) -> bytes:
    """What is true of the exchange, by the id that it has in the log; without the line's end."""
    return _encode(_TruthLine(recorded.id, sent.account, sent.truth.scenario, sent.truth.campaign))


class LogWriter:
    """Writes each exchange that it is told of; a `Watch` of the engine."""

    def __init__(self, log: BinaryIO | None, truth: BinaryIO | None) -> None:
        self._log = log
        self._truth = truth

    def __call__(self, recorded: Recorded, sent: Sent, judged: Judged) -> None:
        if self._log is not None:
            self._log.write(raw_line(recorded) + b"\n")
        if self._truth is not None:
            self._truth.write(truth_line(recorded, sent) + b"\n")


@contextmanager
def writable(name: str | None) -> Iterator[BinaryIO | None]:
    """The file `name`, compressed where it ends in .gz; None for None. UsageError: it cannot be written.

    Until it is whole it is called `name`.part, and so it stays where whoever writes it is interrupted.
    """
    if name is None:
        yield None
        return
    path = Path(name)
    is_place = path.is_symlink() or (path.exists() and not path.is_file())  # a pipe, say, or /dev/stdout
    part = path if is_place else path.with_name(f"{path.name}.part")
    with _created(part, name) as below:
        if not name.endswith(".gz"):
            yield below
        else:
            # No name and no time in its header: the same seed gives the same bytes.
            with gzip.GzipFile(filename="", fileobj=below, mode="wb", compresslevel=3, mtime=0) as packed:
                yield cast(BinaryIO, packed)
    if not is_place:
        part.replace(path)


def _created(part: Path, name: str) -> BinaryIO:
    try:
        return part.open("wb")
    except OSError as fault:
        raise UsageError(f"{name}: cannot be written: {fault.strerror or fault}") from fault

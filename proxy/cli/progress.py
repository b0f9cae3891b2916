"""Owns the progress bar over a log that is read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.simulate.source import Source

_EVERY_LINES = 5000


def watched(source: Source, what: str) -> Iterable[bytes]:
    """The lines, with a progress bar on standard error where somebody looks and the end is known."""
    if source.size is None or not sys.stderr.isatty():
        return source.lines()
    return _shown(source, what, source.size)


def _shown(source: Source, what: str, size: int) -> Iterator[bytes]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=size)
        for number, line in enumerate(source.lines()):
            if number % _EVERY_LINES == 0:
                progress.update(task, completed=source.position())
            yield line

"""Owns how a request scripts the mock model's answer: the header `x-mock` and the marker `[[mock …]]`.

Both hold a list such as `status=529, retry-after=2` or `tokens=300; pace=0; cut=after 5 events`. The marker counts in
the last user message only; where both say something the header wins. Knows no wire format.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

HEADER = "x-mock"
_MARKER = re.compile(r"\[\[mock ([^\]]*)\]\]")
_SEPARATOR = re.compile(r"[,;]")
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Directives:
    """What the answer is to be; every field's default is an ordinary answer."""

    status: int | None = None
    """`status=529`: an error of this status, in the dialect's shape."""
    retry_after: str | None = None
    """`retry-after=2`: that header on the error."""
    times: int | None = None
    """`times=2`: the faults hit only the first so many tries, by the SDKs' `x-stainless-retry-count`."""
    delay: float = 0.0
    """`delay=0.2`: seconds before anything is answered."""
    tokens: int | None = None
    """`tokens=300`: output tokens of each choice, unless max_tokens is lower."""
    pace: float | None = None
    """`pace=0.005`: seconds between a stream's events."""
    tool: str | None = None
    """`tool=get_weather`: calls this tool; `tool`: calls the first one."""
    cut: int | None = None
    """`cut=after 5 events`: closes the connection then; `cut`: before any answer. Plain answers are cut in half."""
    hang: int | None = None
    """`hang=after 5 events`: says no more; `hang`: nothing at all."""
    error: int | None = None
    """`error=after 5 events`: an error event within the stream."""
    garbage: bool = False
    """`garbage`: an answer that is not what its content type says."""
    usage: bool = True
    """`usage=none`: an answer without usage."""
    gzip: bool = False
    """`gzip`: a compressed answer, each event flushed."""
    name: str | None = None
    """`id=a1`: the name of this exchange in the statistics."""


class DirectiveError(ValueError):
    """A directive that does not exist, or whose value cannot be read."""


def _count(value: str) -> int:
    if not value:
        return 0
    match = _NUMBER.search(value)
    if match is None:
        raise ValueError(value)
    return int(match[0])


def _error_status(value: str) -> int:
    if not 400 <= int(value) <= 599:
        raise ValueError(value)
    return int(value)


def _absent(value: str) -> bool:
    if value != "none":
        raise ValueError(value)
    return False


def _present(value: str) -> bool:
    if value:
        raise ValueError(value)
    return True


_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "status": ("status", _error_status),
    "retry-after": ("retry_after", str),
    "times": ("times", int),
    "delay": ("delay", float),
    "tokens": ("tokens", int),
    "pace": ("pace", float),
    "tool": ("tool", str),
    "cut": ("cut", _count),
    "hang": ("hang", _count),
    "error": ("error", _count),
    "garbage": ("garbage", _present),
    "usage": ("usage", _absent),
    "gzip": ("gzip", _present),
    "id": ("name", str),
}


def parse_directives(header: str, prompt: str, retries: int = 0) -> Directives:
    """The directives for a try that follows `retries` others. DirectiveError says which word is meant."""
    words = _SEPARATOR.split(",".join([*_MARKER.findall(prompt), header]))
    values: dict[str, object] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name.strip():
            values.update([_parse(name.strip().lower(), value.strip())])
    directives = replace(Directives(), **values)  # type: ignore[arg-type]
    if directives.times is not None and retries >= directives.times:
        return replace(directives, status=None, cut=None, hang=None, error=None, garbage=False, delay=0.0)
    return directives


def _parse(name: str, value: str) -> tuple[str, object]:
    if name not in _FIELDS:
        raise DirectiveError(f"{HEADER}: no directive {name!r}; there are {', '.join(_FIELDS)}")
    field, convert = _FIELDS[name]
    try:
        return field, convert(value)
    except ValueError:
        raise DirectiveError(f"{HEADER}: {name} cannot be {value!r}") from None

"""Owns which spellings of a request's path rules look at. Pure.

An upstream may route a path as it is written, or with what is percent-encoded decoded (every ASGI server), doubled
slashes merged, dot segments taken out. What goes upstream is what was sent, so a rule that refuses has to hold for any
of these, and one that exempts for all of them.
"""

from __future__ import annotations

import re
from posixpath import normpath
from urllib.parse import unquote

_SLASHES = re.compile("//+")


def spellings(path: str) -> tuple[str, ...]:
    """The path as it is written, decoded, and plain; as one where they are the same."""
    if "%" not in path and "//" not in path and "/." not in path:
        return (path,)
    decoded = _SLASHES.sub("/", unquote(path))
    plain = normpath(decoded)
    return path, decoded, f"{plain}/" if decoded.endswith("/") and plain != "/" else plain


def plain_path(path: str) -> str:
    """The spelling that all others of the same path have in common."""
    return spellings(path)[-1]

"""Owns by which name the upstream knows an exchange: the id on its answer, which is the one that a client has. Pure."""

from __future__ import annotations

import re

from proxy.identity.header_names import HeadTable, names_of, places_of
from proxy.upstream.protocol import HeaderList

ID_HEADERS = ("request-id", "x-request-id")
"""As Anthropic calls it, and as OpenAI and most others do."""
_ID = re.compile(r"[!-~]{1,128}")


def answer_id(headers: HeaderList) -> str | None:
    """The first that looks like an id; a text of another form, or of any length, is none."""
    return next((value for place in _PLACES[names_of(headers)] if _ID.fullmatch(value := headers[place][1])), None)


_PLACES: HeadTable[str, tuple[int, ...]] = HeadTable(
    lambda names: tuple([place for wanted in ID_HEADERS for place in places_of(names, wanted)])
)

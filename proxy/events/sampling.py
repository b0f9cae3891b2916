"""Owns which of a request's text is sampled: the system prompt, then all that the user says, then the tools.

What an answer's form is to be stands before the tools: it tells the model as much as a prompt does.

All of it is put into one buffer, so that it can be hashed in one go, with that of other requests if need be. Knows no
hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from proxy.dialects.conversation import USER, Conversation, Tool
from proxy.sketch import BETWEEN

HALF_ZONE = 8 * 1024
"""Bytes of a long text's head, and as many of its tail, that are sampled."""
_TOOLS_ZONE = 2 * 1024
_DESCRIPTION = 160
"""Characters of a tool's description that are sampled."""
LONGEST = 4 * HALF_ZONE + _TOOLS_ZONE + 64
"""Bytes of one request's text."""


class Sample:
    """The sampled text of a request: the system prompt, then all that the user says, then the tools.

    `bounds` are its zones in bytes; `begin` and those after it the same as numbers of words, once these are known.
    """

    __slots__ = (
        "begin",
        "bounds",
        "conversation",
        "end",
        "first_end",
        "last",
        "last_start",
        "text",
        "tools",
        "user",
    )

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        said = [turn.text for turn in conversation.turns if turn.text and turn.role == USER]
        self.last = said[-1] if said else ""
        told = _clipped(conversation.system)
        asks = [_clipped(text) for text in said]
        ask = asks[0] if len(asks) == 1 else _halves(b"\n".join(asks))
        user = len(told) + 1
        ends = user + len(ask) + 1
        first_end, last_start = (user + len(asks[0]), ends - 1 - len(asks[-1])) if asks else (user, user)
        tools, form = conversation.tools, conversation.form
        self.text = b"\n".join((told, ask, _sampled(tools, form))) if tools or form else b"%b\n%b" % (told, ask)
        self.bounds = (0, user, first_end, last_start, ends, len(self.text))

    def place(self, numbers: Sequence[int]) -> None:
        """The bounds, as numbers of words."""
        self.begin, self.user, first_end, last_start, self.tools, self.end = numbers
        self.first_end, self.last_start = min(first_end, self.tools), max(last_start, self.user)


def together(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """As many at once as the tables reach for."""
    batch: list[Sample] = []
    size = 0
    for sample in samples:
        length = len(sample.text) + len(BETWEEN)
        if batch and size + length > LONGEST:
            yield batch
            batch, size = [], 0
        batch.append(sample)
        size += length
    if batch:
        yield batch


def _clipped(text: str) -> bytes:
    """Its head and tail in UTF-8, case folded beyond ASCII (what is ASCII is folded with the rest)."""
    if len(text) > 2 * HALF_ZONE:
        text = f"{text[:HALF_ZONE]}\n{text[-HALF_ZONE:]}"
    if text.isascii():
        return text.encode()
    return _halves(text.casefold().encode("utf-8", "surrogatepass"))


def _halves(text: bytes) -> bytes:
    return text if len(text) <= 2 * HALF_ZONE + 1 else b"%b\n%b" % (text[:HALF_ZONE], text[-HALF_ZONE:])


def _sampled(tools: Sequence[Tool], form: bytes) -> bytes:
    parts = [form.decode("utf-8", "replace")] if form else []
    room = _TOOLS_ZONE - len(form)
    for tool in tools:
        parts.append(f"{tool.name[:_DESCRIPTION]}\n{tool.description[:_DESCRIPTION]}")
        room -= len(parts[-1])
        if room < 0:
            break
    return "\n".join(parts).casefold().encode("utf-8", "surrogatepass")[:_TOOLS_ZONE]

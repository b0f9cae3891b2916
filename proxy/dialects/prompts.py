"""Owns the reading of requests that ask by bare text instead of messages: one prompt, several, or token arrays."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from proxy.dialects.conversation import USER, Conversation, Turn
from proxy.dialects.json_text import has_more_values
from proxy.dialects.shape import MOST_VALUES

_decode = msgspec.json.Decoder(str | list[str]).decode


def conversation_of(prompt: msgspec.Raw, sampling: bytes) -> Conversation:
    """A batch of prompts is one turn. Of tokens nothing can be read, of a batch beyond all bounds nothing is."""
    if has_more_values(bytes(prompt), MOST_VALUES):
        return Conversation(sampling=sampling)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        found = _decode(prompt)
        return Conversation(
            turns=[Turn(USER, found if isinstance(found, str) else "\n".join(found))], sampling=sampling
        )
    return Conversation(sampling=sampling)

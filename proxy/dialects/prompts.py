"""Owns the reading of requests that ask by bare text instead of messages: one prompt, several, or token arrays."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from proxy.dialects.conversation import USER, Conversation, Turn

_decode = msgspec.json.Decoder(str | list[str]).decode


def conversation_of(prompt: msgspec.Raw, sampling: bytes) -> Conversation:
    """A batch of prompts is one turn; tokens have no text that could be read."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        found = _decode(prompt)
        return Conversation(
            turns=[Turn(USER, found if isinstance(found, str) else "\n".join(found))], sampling=sampling
        )
    return Conversation(sampling=sampling)

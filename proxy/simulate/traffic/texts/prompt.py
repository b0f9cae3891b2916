"""Owns the shapes in which the proving ground speaks of content: a prompt, a turn, a tool. Knows no wire format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A tool definition; equal only to itself, so that a tuple of them is a cheap key."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """A JSON schema."""


@dataclass(frozen=True, slots=True)
class Call:
    """The model's call of a tool."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back for the call `id`."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation: the user's, with text or the results of tools, or the model's."""

    role: str
    """`user` or `assistant`."""
    text: str = ""
    calls: tuple[Call, ...] = ()
    """Of the model's turn."""
    results: tuple[Result, ...] = ()
    """Of the user's turn."""
    signature: str | None = None
    """Of the model's turn: the reasoning signature that the answer carried."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a party wants answered."""

    text: str
    """The user's first turn."""
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    messages: tuple[Turn, ...] = field(default=())
    """The conversation up to and with a user's turn, the first one being `text`; empty where `text` is all of it."""

    def turns(self) -> tuple[Turn, ...]:
        """The conversation, also where it is a single turn."""
        return self.messages or (Turn("user", self.text),)

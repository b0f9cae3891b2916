"""Owns the writing of request bodies in the two wire formats that the proving ground speaks.

Knows no party. Bodies share what they can: system prompts, tool definitions and earlier messages are not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from proxy.simulate.traffic.texts.prompt import Prompt, Tool, Turn


class Dialect(StrEnum):
    """A wire format."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"


PATHS = {Dialect.ANTHROPIC: "/v1/messages", Dialect.OPENAI: "/v1/chat/completions"}
"""Where a request of the dialect goes."""


def written(dialect: Dialect, turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """The messages of these turns; a turn with tool results is several in OpenAI's."""
    if dialect is Dialect.ANTHROPIC:
        return [_anthropic_message(turn) for turn in turns]
    return [message for turn in turns for message in _openai_messages(turn)]


def body(
    dialect: Dialect,
    model: str,
    messages: Sequence[dict[str, Any]],
    *,
    system: str | None = None,
    tools: tuple[Tool, ...] = (),
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A request body. `messages` as `written`; `parameters` are set as they are: max_tokens, temperature, stream …"""
    found: dict[str, Any] = {"model": model}
    if parameters:
        found.update(parameters)
    if dialect is Dialect.ANTHROPIC:
        found.setdefault("max_tokens", 4096)
        if system:
            found["system"] = system
        found["messages"] = list(messages)
    else:
        found["messages"] = [{"role": "system", "content": system}, *messages] if system else list(messages)
    if tools:
        found["tools"] = tool_definitions(dialect, tools)
    return found


def body_of(
    dialect: Dialect, model: str, prompt: Prompt, parameters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The request body for a prompt as it stands."""
    messages = written(dialect, prompt.turns())
    return body(dialect, model, messages, system=prompt.system, tools=prompt.tools, parameters=parameters)


@lru_cache(maxsize=4096)
def tool_definitions(dialect: Dialect, tools: tuple[Tool, ...]) -> list[dict[str, Any]]:
    """The tools as the dialect defines them. The same list for the same tools: not to be changed."""
    if dialect is Dialect.ANTHROPIC:
        return [{"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools]
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def characters(messages: Sequence[dict[str, Any]], system: str | None = None, tools: tuple[Tool, ...] = ()) -> int:
    """About how much text a request has, for its usage."""
    count = len(system or "") + 180 * len(tools)
    for message in messages:
        content = message["content"]
        count += len(content) if isinstance(content, str) else 160 * len(content or ())
    return count


def _anthropic_message(turn: Turn) -> dict[str, Any]:
    if not (turn.calls or turn.results or turn.signature):
        return {"role": turn.role, "content": turn.text}
    blocks: list[dict[str, Any]] = []
    if turn.signature:
        blocks.append({"type": "thinking", "thinking": "", "signature": turn.signature})
    blocks.extend({"type": "tool_result", "tool_use_id": result.id, "content": result.text} for result in turn.results)
    if turn.text:
        blocks.append({"type": "text", "text": turn.text})
    blocks.extend(
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in turn.calls
    )
    return {"role": turn.role, "content": blocks}


def _openai_messages(turn: Turn) -> list[dict[str, Any]]:
    if turn.results:
        found: list[dict[str, Any]] = [
            {"role": "tool", "tool_call_id": result.id, "content": result.text} for result in turn.results
        ]
        if turn.text:
            found.append({"role": turn.role, "content": turn.text})
        return found
    message: dict[str, Any] = {"role": turn.role, "content": turn.text or None if turn.calls else turn.text}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()},
            }
            for call in turn.calls
        ]
    return [message]

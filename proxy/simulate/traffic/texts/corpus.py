"""Owns the reading of directories of real prompts: one JSON object a line, one family a file.

Keys read: `prompt`, `system`, `tools` and `messages`, the latter two as OpenAI's Chat Completions writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from proxy.errors import UsageError
from proxy.simulate.traffic.texts.prompt import Call, Prompt, Result, Tool, Turn

_LONGEST = 12_000
"""Characters of a prompt that is taken: one in thousands is longer, and would be most of the bytes."""


class _Line(msgspec.Struct):
    prompt: str
    system: str | None = None
    tools: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []


def read_family(path: Path) -> list[Prompt]:
    """The prompts of one file. UsageError names the line that cannot be read."""
    decode = msgspec.json.Decoder(_Line).decode
    prompts = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            found = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise UsageError(f"{path.name}: line {number}: {fault}") from fault
        if found.prompt and len(found.prompt) <= _LONGEST:
            prompts.append(Prompt(found.prompt, found.system, tuple(_tools(found.tools)), _turns(found.messages)))
    return prompts


def _tools(written: list[dict[str, Any]]) -> Iterator[Tool]:
    for entry in written:
        tool = entry.get("function", entry)
        schema = tool.get("parameters") or {}
        yield Tool(
            str(tool.get("name", "")),
            str(tool.get("description", "")),
            {"type": "object", "properties": schema.get("properties", {}), "required": schema.get("required", [])},
        )


def _turns(messages: list[dict[str, Any]]) -> tuple[Turn, ...]:
    """The conversation up to its last user's turn; nothing where the first turn is not the user's."""
    turns: list[Turn] = []
    for message in messages:
        text = message.get("content")
        text = text if isinstance(text, str) else ""
        match message.get("role"):
            case "user":
                turns.append(Turn("user", text))
            case "assistant":
                turns.append(Turn("assistant", text, calls=tuple(_calls(message, len(turns)))))
            case "tool" if turns:
                _add_result(turns, text)
    while turns and turns[-1].role == "assistant":
        turns.pop()
    return tuple(turns) if len(turns) > 1 and turns[0].role == "user" else ()


def _calls(message: dict[str, Any], at: int) -> Iterator[Call]:
    for which, call in enumerate(message.get("tool_calls") or ()):
        function = call.get("function", call)
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            try:
                arguments = msgspec.json.decode(arguments)
            except msgspec.DecodeError:
                arguments = None
        yield Call(
            f"call_{at}_{which}", str(function.get("name", "")), arguments if isinstance(arguments, dict) else {}
        )


def _add_result(turns: list[Turn], text: str) -> None:
    """A tool's result answers the last calls in their order; one more than there are calls is dropped."""
    given = turns[-1].results if turns[-1].role == "user" else ()
    asker = turns[-2] if given else turns[-1]
    if len(given) >= len(asker.calls):
        return
    result = Result(asker.calls[len(given)].id, text)
    if given:
        turns[-1] = Turn("user", results=(*given, result))
    else:
        turns.append(Turn("user", results=(result,)))

"""Owns what the mock model says: text, tool calls and their lengths, determined by a seed and nothing else.

A token is four bytes, so that whoever counts bytes of text finds the usage that is reported. Knows no wire format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

BYTES_PER_TOKEN = 4
_MAX_SCHEMA_DEPTH = 4
_WORD = re.compile(r"[a-z]{4,}")
_VOCABULARY = re.findall(
    r"\S+",
    "about after again along among answer before begin better between both bring build call carry case cause change "
    "clear close common could course data deep direct early earth enough every example fact field figure find first "
    "follow form found front given good great group hand have here high house idea into just keep kind large later "
    "learn leave level light like line ",
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the request offers; `schema` is the JSON schema of its arguments."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, in the words that all dialects share."""

    max_tokens: int | None
    tokens: int | None
    """What a directive says the answer's length is."""
    tool: Tool | None
    """The tool that is to be called."""
    reasons: bool


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: str
    """JSON in ASCII."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer, or one choice of an answer."""

    reasoning: str
    text: str
    call: ToolCall | None
    truncated: bool
    """max_tokens ended it."""

    @property
    def reasoning_tokens(self) -> int:
        return tokens_of(len(self.reasoning))

    @property
    def output_tokens(self) -> int:
        arguments = self.call.arguments if self.call else ""
        return self.reasoning_tokens + tokens_of(len(self.text)) + tokens_of(len(arguments))


def tokens_of(size_bytes: int) -> int:
    """Tokens of a text of so many bytes, rounded up."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def seed_of(*parts: str) -> bytes:
    """32 bytes that depend on every part and on where one ends and the next begins."""
    state = blake2b(digest_size=32)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(len(encoded).to_bytes(8, "big"))
        state.update(encoded)
    return state.digest()


def make_plan(seed: bytes, asked: Asked) -> Plan:
    """What the model says to this request."""
    call = _call(seed, asked.tool) if asked.tool else None
    call_tokens = tokens_of(len(call.arguments)) if call else 0
    wanted = max(asked.tokens, call_tokens) if asked.tokens is not None else _default_tokens(seed, call_tokens)
    most = wanted if asked.max_tokens is None else min(wanted, asked.max_tokens)
    if call_tokens > most:  # a call that does not fit is not begun
        call, call_tokens = None, 0
    words = most - call_tokens
    reasoning = words // 3 if asked.reasons else 0
    return Plan(
        reasoning=prose(seed + b"reasoning", reasoning),
        text=prose(seed, words - reasoning),
        call=call,
        truncated=most < wanted,
    )


def _default_tokens(seed: bytes, call_tokens: int) -> int:
    return call_tokens + 8 if call_tokens else 16 + seed[0]


def prose(seed: bytes, tokens: int) -> str:
    """ASCII words that fill exactly so many tokens."""
    size = tokens * BYTES_PER_TOKEN
    words: list[str] = []
    length = block = 0
    while length <= size:  # the last word has no blank after it
        for byte in blake2b(seed, salt=block.to_bytes(8, "big")).digest():
            word = _VOCABULARY[byte % len(_VOCABULARY)]
            words.append(word)
            length += len(word) + 1
        block += 1
    text = " ".join(words)[:size]
    return text[:-1] + "." if text else ""


def pieces(text: str, tokens_each: int) -> Iterator[tuple[str, int]]:
    """An ASCII text in pieces with the tokens of each, which add up to the tokens of the whole."""
    step = tokens_each * BYTES_PER_TOKEN
    for start in range(0, len(text), step):
        piece = text[start : start + step]
        yield piece, tokens_of(len(piece))


def choose_tool(tools: Sequence[Tool], forced: str | None, prompt: str) -> Tool | None:
    """The tool to call: the one `forced` by name ('' for any), else the first that the prompt has a word of."""
    if forced is not None:
        return next((tool for tool in tools if forced in {"", tool.name}), None)
    lowered = prompt.lower()
    return next((tool for tool in tools if any(word in lowered for word in _WORD.findall(tool.name.lower()))), None)


def _call(seed: bytes, tool: Tool) -> ToolCall:
    return ToolCall(tool.name, json.dumps(_value(seed, tool.schema, _MAX_SCHEMA_DEPTH), separators=(",", ":")))


def _value(seed: bytes, schema: object, depth: int) -> object:
    """A value that a JSON schema of the ordinary kinds admits."""
    if not isinstance(schema, Mapping) or depth == 0:
        return {} if depth == _MAX_SCHEMA_DEPTH else None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][seed[1] % len(schema["enum"])]
    match schema.get("type"):
        case "string":
            return prose(seed, 3)
        case "integer":
            return seed[2] % 100
        case "number":
            return seed[2] / 4
        case "boolean":
            return seed[3] % 2 == 0
        case "array":
            return [_value(seed, schema.get("items"), depth - 1)]
        case "object" | "dict":
            return _object(seed, schema, depth)
        case _:
            return _object(seed, schema, depth) if depth == _MAX_SCHEMA_DEPTH else None


def _object(seed: bytes, schema: Mapping[str, Any], depth: int) -> dict[str, object]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    required = schema.get("required")
    names = [name for name in properties if name in required] if isinstance(required, list) else list(properties)
    return {name: _value(seed_of(seed.hex(), name), properties[name], depth - 1) for name in names}

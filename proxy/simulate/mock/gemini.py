"""Owns the mock's Gemini format: `generateContent`, its streams as SSE and as a JSON list, and `countTokens`.

It takes the spelling that Google's own Python SDK writes, which is `generationConfig`, and `include_thoughts` in it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from proxy.simulate.mock.openai import positive, tools_of
from proxy.simulate.mock.prompt import Input, Segment, segment, text_of
from proxy.simulate.mock.script import Asked, Plan, choose_tool, make_plan, pieces, seed_of, tokens_of
from proxy.simulate.mock.wire import (
    Answer,
    ApiError,
    Ask,
    Context,
    Endpoint,
    Event,
    Json,
    data_event,
    encode,
    objects,
    plain,
)

_PATH = re.compile(
    r"/v1(?:beta)?(?:/projects/[^/]+/locations/[^/]+/publishers/google)?/models/"
    r"([^/:]+):(generateContent|streamGenerateContent|countTokens)"
)


def gemini_endpoint(ask: Ask) -> Endpoint | None:
    """What answers at a path that names the model and the method."""
    found = _PATH.fullmatch(ask.path)
    if found is None:
        return None
    as_events = "alt=sse" in ask.query.split("&")
    return Endpoint("google", partial(_answer, found[1], found[2], as_events), _last_user_text)


def _answer(model: str, method: str, as_events: bool, body: Json, context: Context) -> Answer:
    contents = objects(body.get("contents"))
    if not contents:
        raise ApiError(400, "* GenerateContentRequest.contents: contents is not specified")
    if model.startswith("unknown-"):
        raise ApiError(404, f"models/{model} is not found for API version v1beta.")
    instruction = body.get("systemInstruction")
    said = [segment(content.get("parts")) for content in (instruction, *contents) if isinstance(content, dict)]
    declared = [Segment(encode(tool)) for tool in objects(body.get("tools"))]
    used = context.cache.automatic(f"{context.scope} {model}", [*declared, *said])
    if method == "countTokens":
        return plain({"totalTokens": used.total})
    plan = make_plan(seed_of(model, text_of(instruction), text_of(contents)), _asked(body, context))
    chunks = _chunks(model, plan, used, context)
    if method == "generateContent":
        return plain(_whole([chunk for chunk, _ in chunks]), plan.output_tokens, used.total)
    events = (data_event(chunk, tokens) for chunk, tokens in chunks) if as_events else _listed(chunks)
    return Answer(200, events, streamed=True, input_tokens=used.total, listed=not as_events)


def _last_user_text(body: Json) -> str:
    last = objects(body.get("contents"))[-1:]
    parts = [part for content in last if content.get("role") != "model" for part in objects(content.get("parts"))]
    return "\n".join(str(part["text"]) for part in parts if "text" in part)


def _asked(body: Json, context: Context) -> Asked:
    config = body.get("generationConfig")
    config = config if isinstance(config, dict) else {}
    thinking = config.get("thinkingConfig")
    declared = [one for tool in objects(body.get("tools")) for one in objects(tool.get("functionDeclarations"))]
    return Asked(
        max_tokens=positive(config, "maxOutputTokens"),
        tokens=context.directives.tokens,
        tool=choose_tool(tools_of(declared), context.directives.tool, _last_user_text(body)),
        reasons=isinstance(thinking, dict) and True in map(thinking.get, ("includeThoughts", "include_thoughts")),
    )


def _chunks(model: str, plan: Plan, used: Input, context: Context) -> Iterator[tuple[Json, int]]:
    """Each piece of the answer with its tokens; the usage is that up to there, and zeros are left out."""
    thought = said = 0
    for part, tokens in _parts(plan, context):
        if part.get("thought"):
            thought += tokens
        else:
            said += tokens
        candidate: Json = {"content": {"role": "model", "parts": [part]}, "index": 0}
        if "thoughtSignature" in part:
            candidate["finishReason"] = "MAX_TOKENS" if plan.truncated else "STOP"
        chunk: Json = {"candidates": [candidate], "modelVersion": model, "responseId": context.unique}
        if context.directives.usage:
            chunk["usageMetadata"] = _usage(used, said, thought)
        yield chunk, tokens


def _parts(plan: Plan, context: Context) -> Iterator[tuple[Json, int]]:
    """The last one is empty and signed."""
    for piece, tokens in pieces(plan.reasoning, context.tokens_per_event):
        yield {"text": piece, "thought": True}, tokens
    for piece, tokens in pieces(plan.text, context.tokens_per_event):
        yield {"text": piece}, tokens
    if plan.call:
        arguments: Any = msgspec.json.decode(plan.call.arguments)
        yield {"functionCall": {"name": plan.call.name, "args": arguments}}, tokens_of(len(plan.call.arguments))
    signature = b64encode(blake2b(f"{context.unique}{plan.text}".encode()).digest()).decode()
    yield {"text": "", "thoughtSignature": signature}, 0


def _usage(used: Input, said: int, thought: int) -> Json:
    counts = {
        "promptTokenCount": used.total,
        "cachedContentTokenCount": used.cache_read,
        "candidatesTokenCount": said,
        "thoughtsTokenCount": thought,
        "totalTokenCount": used.total + said + thought,
    }
    return {name: count for name, count in counts.items() if count}


def _whole(chunks: list[Json]) -> Json:
    """The chunks as one answer."""
    candidates = [chunk["candidates"][0] for chunk in chunks]
    parts: list[Json] = []
    for part in (part for candidate in candidates for part in candidate["content"]["parts"]):
        if parts and set(part) == set(parts[-1]) <= {"text", "thought"}:
            parts[-1] = parts[-1] | {"text": parts[-1]["text"] + part["text"]}
        else:
            parts.append(part)
    candidate = candidates[-1] | {"content": {"role": "model", "parts": parts}}
    return chunks[-1] | {"candidates": [candidate]}


def _listed(chunks: Iterable[tuple[Json, int]]) -> Iterator[Event]:
    before = b"["
    for chunk, tokens in chunks:
        yield Event(before + encode(chunk), tokens)
        before = b",\r\n"
    yield Event(b"]")

"""Owns the mock's Anthropic Messages format: requests read, answers written plain and streamed, tokens counted."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from proxy.simulate.mock.prompt import Input, Segment, segment, text_of
from proxy.simulate.mock.script import Asked, Plan, Tool, choose_tool, make_plan, pieces, seed_of
from proxy.simulate.mock.wire import Answer, ApiError, Context, Event, Json, encode, named_event, objects, plain

_EMPTY: dict[str, Json] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}
"""How the block of each kind looks when it starts."""
_DELTAS = {
    "thinking": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "tool_use": ("input_json_delta", "partial_json"),
}


def last_user_text(body: Json) -> str:
    """The texts of the last message where it is the user's; '' otherwise."""
    message = next(iter(objects(body.get("messages"))[-1:]), {})
    content = message.get("content") if message.get("role") == "user" else None
    if isinstance(content, str):
        return content
    return "\n".join(
        str(block["text"]) for block in objects(content) if block.get("type") == "text" and "text" in block
    )


def answer_messages(body: Json, context: Context) -> Answer:
    """`POST /v1/messages`."""
    _require(body, ("model", "max_tokens", "messages"))
    if type(body["max_tokens"]) is not int or body["max_tokens"] < 1:
        raise ApiError(400, "max_tokens: Input should be an integer greater than or equal to 1")
    used = context.cache.marked(f"{context.scope} {body['model']}", _segments(body))
    plan = make_plan(_seed(body), _asked(body, context))
    if body.get("stream") is True:
        return Answer(200, _stream(body, plan, used, context), streamed=True, input_tokens=used.total)
    return plain(_message(body, plan, used, context), plan.output_tokens, used.total)


def answer_count(body: Json, context: Context) -> Answer:
    """`POST /v1/messages/count_tokens`."""
    _require(body, ("model", "messages"))
    return plain({"input_tokens": context.cache.marked("", [Segment(part.text) for part in _segments(body)]).total})


def _require(body: Json, names: tuple[str, ...]) -> None:
    for name in names:
        if body.get(name) is None:
            raise ApiError(400, f"{name}: Field required")
    model, messages = body["model"], body["messages"]
    if not isinstance(model, str):
        raise ApiError(400, "model: Input should be a valid string")
    if model.startswith("unknown-"):
        raise ApiError(404, f"model: {model}")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "messages: at least one message is required")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
            raise ApiError(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
        if not isinstance(message.get("content"), (str, list)):
            raise ApiError(400, f"messages.{index}.content: Field required")


def _seed(body: Json) -> bytes:
    """The same for a plain and a streamed request."""
    return seed_of(str(body["model"]), text_of(body.get("system")), text_of(body["messages"]))


def _segments(body: Json) -> list[Segment]:
    """The prompt in the order in which it is cached: tools, system, messages."""
    parts = [Segment(_tool_text(tool), _is_marked(tool)) for tool in objects(body.get("tools"))]
    for content in (body.get("system"), *(message.get("content") for message in objects(body["messages"]))):
        if isinstance(content, list):
            parts += [segment(block, _is_marked(block)) for block in content]
        elif content is not None:
            parts.append(segment(content))
    if _is_marked(body) and parts:
        parts[-1] = Segment(parts[-1].text, marked=True)
    return parts


def _tool_text(tool: Json) -> bytes:
    return encode({key: value for key, value in tool.items() if key != "cache_control"})


def _is_marked(block: object) -> bool:
    return isinstance(block, dict) and isinstance(block.get("cache_control"), dict)


def _asked(body: Json, context: Context) -> Asked:
    thinking = body.get("thinking")
    reasons = isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")
    return Asked(body["max_tokens"], context.directives.tokens, _tool(body, context.directives.tool), reasons)


def _tool(body: Json, directed: str | None) -> Tool | None:
    tools = [
        Tool(tool["name"], tool["input_schema"])
        for tool in objects(body.get("tools"))
        if isinstance(tool.get("name"), str) and isinstance(tool.get("input_schema"), dict)
    ]
    choice = body.get("tool_choice")
    choice = choice if isinstance(choice, dict) else {}
    if choice.get("type") == "none":
        return None
    forced = {"any": "", "tool": str(choice.get("name"))}.get(str(choice.get("type")))
    last = objects(body["messages"])[-1]
    answered = any(block.get("type") == "tool_result" for block in objects(last.get("content")))
    return choose_tool(tools, directed if directed is not None else forced, "" if answered else last_user_text(body))


def _usage(used: Input, output_tokens: int) -> Json:
    return {
        "input_tokens": used.fresh,
        "cache_creation_input_tokens": used.cache_creation,
        "cache_read_input_tokens": used.cache_read,
        "output_tokens": output_tokens,
    }


def _stop_reason(plan: Plan) -> str:
    if plan.truncated:
        return "max_tokens"
    return "tool_use" if plan.call else "end_turn"


def _signature(plan: Plan, unique: str) -> str:
    """Of the length and the alphabet of a real one, and like a real one never given twice."""
    return b64encode(b"".join(blake2b(f"{n}{unique}{plan.text}".encode()).digest() for n in range(3))).decode()


def _blocks(plan: Plan, unique: str) -> list[Json]:
    """The content blocks, whole."""
    blocks: list[Json] = []
    if plan.reasoning:
        blocks.append({"type": "thinking", "thinking": plan.reasoning, "signature": _signature(plan, unique)})
    if plan.text:
        blocks.append({"type": "text", "text": plan.text})
    if plan.call:
        arguments: Any = msgspec.json.decode(plan.call.arguments)
        blocks.append({"type": "tool_use", "id": f"toolu_{unique}", "name": plan.call.name, "input": arguments})
    return blocks


def _message(body: Json, plan: Plan, used: Input, context: Context) -> Json:
    message = {
        "id": f"msg_{context.unique}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _blocks(plan, context.unique),
        "stop_reason": _stop_reason(plan),
        "stop_sequence": None,
    }
    return message | ({"usage": _usage(used, plan.output_tokens)} if context.directives.usage else {})


def _stream(body: Json, plan: Plan, used: Input, context: Context) -> Iterator[Event]:
    start = _message(body, plan, used, context) | {"content": [], "stop_reason": None}
    if context.directives.usage:
        start["usage"] = _usage(used, 0)
    yield named_event("message_start", {"type": "message_start", "message": start})
    yield named_event("ping", {"type": "ping"})
    for index, block in enumerate(_blocks(plan, context.unique)):
        yield from _stream_block(index, block, plan, context.tokens_per_event)
    end: Json = {"type": "message_delta", "delta": {"stop_reason": _stop_reason(plan), "stop_sequence": None}}
    if context.directives.usage:
        end["usage"] = _usage(used, plan.output_tokens)
    yield named_event("message_delta", end)
    yield named_event("message_stop", {"type": "message_stop"})


def _stream_block(index: int, block: Json, plan: Plan, tokens_per_event: int) -> Iterator[Event]:
    kind = block["type"]
    yield _block_event(index, "start", {"content_block": block | _EMPTY[kind]})
    text = plan.call.arguments if kind == "tool_use" and plan.call else block.get(kind, "")
    delta, field = _DELTAS[kind]
    for piece, tokens in pieces(text, tokens_per_event):
        yield _block_event(index, "delta", {"delta": {"type": delta, field: piece}}, tokens)
    if kind == "thinking":
        yield _block_event(index, "delta", {"delta": {"type": "signature_delta", "signature": block["signature"]}})
    yield _block_event(index, "stop", {})


def _block_event(index: int, moment: str, rest: Json, tokens: int = 0) -> Event:
    name = f"content_block_{moment}"
    return named_event(name, {"type": name, "index": index, **rest}, tokens)

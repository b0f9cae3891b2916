"""Owns the mock's Responses format: requests read, answers written plain and streamed, tokens counted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from proxy.simulate.mock.openai import forced_tool, positive, require, segments, tools_of, user_text
from proxy.simulate.mock.prompt import Input, text_of
from proxy.simulate.mock.script import Asked, Plan, Tool, choose_tool, make_plan, pieces, seed_of
from proxy.simulate.mock.wire import Answer, ApiError, Context, Event, Json, named_event, objects, plain


def last_user_text(body: Json) -> str:
    """The texts of the last user message, or the input where it is a text."""
    given = body.get("input")
    return given if isinstance(given, str) else user_text(objects(given))


def answer_responses(body: Json, context: Context) -> Answer:
    """`POST /v1/responses`."""
    require(body, "input")
    given = body["input"]
    if not isinstance(given, (str, list)):
        message = "Invalid type for 'input': expected a string or an array of items."
        raise ApiError(400, message, param="input", code="invalid_type")
    reasoning = body.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    asked = Asked(
        max_tokens=positive(body, "max_output_tokens"),
        tokens=context.directives.tokens,
        tool=_tool(body, context.directives.tool),
        reasons=effort not in (None, "none", "minimal"),
    )
    parts = [body.get("instructions"), *([given] if isinstance(given, str) else given)]
    used = context.cache.automatic(f"{context.scope} {body['model']}", segments(body.get("tools"), parts))
    plan = make_plan(seed_of(body["model"], text_of(parts)), asked)
    if body.get("stream") is True:
        return Answer(200, _stream(body, plan, used, context), streamed=True, input_tokens=used.total)
    return plain(_response(body, plan, used, context), plan.output_tokens, used.total)


def _tool(body: Json, directed: str | None) -> Tool | None:
    if body.get("tool_choice") == "none":
        return None
    functions = [tool for tool in objects(body.get("tools")) if tool.get("type") == "function"]
    forced = directed if directed is not None else forced_tool(body.get("tool_choice"))
    items = objects(body["input"])
    prompt = "" if items and items[-1].get("role") != "user" else last_user_text(body)
    return choose_tool(tools_of(functions), forced, prompt)


def _head(body: Json, context: Context) -> Json:
    """The response as it is announced, before there is any output."""
    return {
        "id": f"resp_{context.unique}",
        "object": "response",
        "created_at": context.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }


def _response(body: Json, plan: Plan, used: Input, context: Context) -> Json:
    """The response when it has ended."""
    usage = {
        "input_tokens": used.total,
        "input_tokens_details": {"cached_tokens": used.cache_read, "cache_write_tokens": 0},
        "output_tokens": plan.output_tokens,
        "output_tokens_details": {"reasoning_tokens": plan.reasoning_tokens},
        "total_tokens": used.total + plan.output_tokens,
    }
    return _head(body, context) | {
        "status": "incomplete" if plan.truncated else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if plan.truncated else None,
        "output": _items(plan, context.unique),
        "usage": usage if context.directives.usage else None,
    }


def _items(plan: Plan, unique: str) -> list[Json]:
    """The output items, whole."""
    items: list[Json] = []
    if plan.reasoning:
        items.append({"id": f"rs_{unique}", "type": "reasoning", "summary": []})
    if plan.text:
        status = "incomplete" if plan.truncated else "completed"
        message = {"id": f"msg_{unique}", "type": "message", "role": "assistant", "status": status}
        items.append(message | {"content": [_part(plan.text)]})
    if plan.call:
        called = {"id": f"fc_{unique}", "type": "function_call", "call_id": f"call_{unique}", "status": "completed"}
        items.append(called | {"name": plan.call.name, "arguments": plan.call.arguments})
    return items


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _stream(body: Json, plan: Plan, used: Input, context: Context) -> Iterator[Event]:
    ended = _response(body, plan, used, context)
    numbers = count()
    for name, fields, tokens in _moments(_head(body, context), ended, plan, context.tokens_per_event):
        event = f"response.{name}"
        yield named_event(event, {"type": event, "sequence_number": next(numbers), **fields}, tokens)


def _moments(head: Json, ended: Json, plan: Plan, tokens_per_event: int) -> Iterator[tuple[str, Json, int]]:
    """Every event's name and fields, and the tokens it carries."""
    yield "created", {"response": head}, 0
    yield "in_progress", {"response": head}, 0
    for index, item in enumerate(ended["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "reasoning":
            yield "output_item.added", {"output_index": index, "item": item}, plan.reasoning_tokens
        elif item["type"] == "message":
            started = item | {"status": "in_progress", "content": []}
            yield "output_item.added", {"output_index": index, "item": started}, 0
            yield from _text_moments(place | {"content_index": 0}, plan.text, tokens_per_event)
        else:
            started = item | {"status": "in_progress", "arguments": ""}
            yield "output_item.added", {"output_index": index, "item": started}, 0
            for piece, tokens in pieces(item["arguments"], tokens_per_event):
                yield "function_call_arguments.delta", place | {"delta": piece}, tokens
            yield "function_call_arguments.done", place | {"arguments": item["arguments"]}, 0
        yield "output_item.done", {"output_index": index, "item": item}, 0
    yield ended["status"], {"response": ended}, 0


def _text_moments(place: Json, text: str, tokens_per_event: int) -> Iterator[tuple[str, Json, int]]:
    yield "content_part.added", place | {"part": _part("")}, 0
    for piece, tokens in pieces(text, tokens_per_event):
        yield "output_text.delta", place | {"delta": piece, "logprobs": []}, tokens
    yield "output_text.done", place | {"text": text, "logprobs": []}, 0
    yield "content_part.done", place | {"part": _part(text)}, 0

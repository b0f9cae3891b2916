"""Owns the mock's Chat Completions format: requests read, answers written plain and streamed, tokens counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.simulate.mock.openai import (
    asks_usage,
    completion_usage,
    forced_tool,
    positive,
    require,
    segments,
    tools_of,
    user_text,
)
from proxy.simulate.mock.prompt import Input, text_of
from proxy.simulate.mock.script import Asked, Plan, Tool, choose_tool, make_plan, pieces, seed_of
from proxy.simulate.mock.wire import DONE, Answer, ApiError, Context, Event, Json, data_event, objects, plain

MAX_CHOICES = 128


def last_user_text(body: Json) -> str:
    """The texts of the last user message."""
    return user_text(objects(body.get("messages")))


def answer_chat(body: Json, context: Context) -> Answer:
    """`POST /v1/chat/completions`."""
    require(body, "messages")
    messages = body["messages"]
    if not isinstance(messages, list) or not messages or len(objects(messages)) != len(messages):
        message = "Invalid type for 'messages': expected an array of objects with at least one item."
        raise ApiError(400, message, param="messages", code="invalid_type")
    choices = positive(body, "n") or 1
    if choices > MAX_CHOICES:
        raise ApiError(400, f"'n' must be at most {MAX_CHOICES}.", param="n", code="integer_above_max_value")
    asked = Asked(
        max_tokens=positive(body, "max_completion_tokens", "max_tokens"),
        tokens=context.directives.tokens,
        tool=_tool(body, context.directives.tool),
        reasons=body.get("reasoning_effort") not in (None, "none", "minimal"),
    )
    used = context.cache.automatic(f"{context.scope} {body['model']}", segments(body.get("tools"), messages))
    seed = text_of(messages)
    plans = [make_plan(seed_of(body["model"], seed, str(index)), asked) for index in range(choices)]
    if body.get("stream") is True:
        return Answer(200, _stream(body, plans, used, context), streamed=True, input_tokens=used.total)
    output_tokens = sum(plan.output_tokens for plan in plans)
    return plain(_completion(body, plans, used, context), output_tokens, used.total)


def _tool(body: Json, directed: str | None) -> Tool | None:
    if body.get("tool_choice") == "none":
        return None
    declarations = [tool["function"] for tool in objects(body.get("tools")) if isinstance(tool.get("function"), dict)]
    forced = directed if directed is not None else forced_tool(body.get("tool_choice"))
    prompt = last_user_text(body) if objects(body["messages"])[-1].get("role") == "user" else ""
    return choose_tool(tools_of(declarations), forced, prompt)


def _head(body: Json, context: Context, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{context.unique}",
        "object": kind,
        "created": context.created,
        "model": body["model"],
        "system_fingerprint": "fp_mock",
    }


def _finish_reason(plan: Plan) -> str:
    if plan.truncated:
        return "length"
    return "tool_calls" if plan.call else "stop"


def _usage(plans: Sequence[Plan], used: Input) -> Json:
    reasoning = sum(plan.reasoning_tokens for plan in plans)
    return completion_usage(used, sum(plan.output_tokens for plan in plans), reasoning)


def _completion(body: Json, plans: Sequence[Plan], used: Input, context: Context) -> Json:
    choices = []
    for index, plan in enumerate(plans):
        message: Json = {"role": "assistant", "content": plan.text or None, "refusal": None}
        if plan.call:
            function = {"name": plan.call.name, "arguments": plan.call.arguments}
            message["tool_calls"] = [{"id": _call_id(index, context), "type": "function", "function": function}]
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": _finish_reason(plan)})
    answer = _head(body, context, "chat.completion") | {"choices": choices}
    return answer | ({"usage": _usage(plans, used)} if context.directives.usage else {})


def _call_id(index: int, context: Context) -> str:
    return f"call_{context.unique}{index}"


def _stream(body: Json, plans: Sequence[Plan], used: Input, context: Context) -> Iterator[Event]:
    with_usage = asks_usage(body) and context.directives.usage
    head = _head(body, context, "chat.completion.chunk") | ({"usage": None} if with_usage else {})
    for index, plan in enumerate(plans):
        for delta, reason, tokens in _deltas(plan, _call_id(index, context), context.tokens_per_event):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
            yield data_event({**head, "choices": [choice]}, tokens)
    if with_usage:
        yield data_event({**head, "choices": [], "usage": _usage(plans, used)})
    yield DONE


def _deltas(plan: Plan, call_id: str, tokens_per_event: int) -> Iterator[tuple[Json, str | None, int]]:
    """One choice's deltas, each with its finish reason and its tokens; reasoning is not shown but done at the start."""
    yield {"role": "assistant", "content": "", "refusal": None}, None, plan.reasoning_tokens
    for piece, tokens in pieces(plan.text, tokens_per_event):
        yield {"content": piece}, None, tokens
    if plan.call:
        function = {"name": plan.call.name, "arguments": ""}
        yield {"tool_calls": [{"index": 0, "id": call_id, "type": "function", "function": function}]}, None, 0
        for piece, tokens in pieces(plan.call.arguments, tokens_per_event):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}, None, tokens
    yield {}, _finish_reason(plan), 0

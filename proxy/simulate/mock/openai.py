"""Owns what the mock's OpenAI formats share: required fields, messages and tools as they write them, usage, ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from proxy.simulate.mock.prompt import Input, Segment, segment
from proxy.simulate.mock.script import Tool
from proxy.simulate.mock.wire import ApiError, Json, encode, objects


def require(body: Json, *names: str) -> None:
    """ApiError where the model or one of the fields `names` is missing or the model does not exist."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ApiError(400, "you must provide a model parameter")
    for name in names:
        if body.get(name) is None:
            code = "missing_required_parameter"
            raise ApiError(400, f"Missing required parameter: '{name}'.", param=name, code=code)
    if model.startswith("unknown-"):
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise ApiError(404, message, param="model", code="model_not_found")


def positive(body: Json, *names: str) -> int | None:
    """The first of the fields `names` that is there. ApiError where it is no positive integer."""
    for name in names:
        value = body.get(name)
        if value is not None:
            if type(value) is not int or value < 1:
                message = f"Invalid value for '{name}': expected an integer of at least 1."
                raise ApiError(400, message, param=name, code="invalid_value")
            return value
    return None


def user_text(messages: Iterable[Json]) -> str:
    """The texts of the last message that is the user's; '' where there is none."""
    message = next((message for message in reversed(list(messages)) if message.get("role") == "user"), {})
    content = message.get("content")
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in objects(content))


def segments(tools: object, parts: Iterable[object]) -> list[Segment]:
    """The prompt in the order in which it is cached: tools, then the messages."""
    return [Segment(encode(tool)) for tool in objects(tools)] + [segment(part) for part in parts]


def tools_of(declarations: Sequence[Json]) -> list[Tool]:
    """Function tools of their declarations (`name`, `parameters`)."""
    return [
        Tool(declared["name"], declared["parameters"] if isinstance(declared.get("parameters"), dict) else {})
        for declared in declarations
        if isinstance(declared.get("name"), str)
    ]


def forced_tool(choice: object) -> str | None:
    """The name that `tool_choice` forces; '' for any tool, None where the model may choose."""
    if choice == "required":
        return ""
    if not isinstance(choice, dict):
        return None
    function = choice.get("function")
    named = function if isinstance(function, dict) else choice
    return str(named.get("name", ""))


def completion_usage(used: Input, output_tokens: int, reasoning_tokens: int) -> Json:
    """`usage` of Chat Completions and of legacy completions."""
    return {
        "prompt_tokens": used.total,
        "completion_tokens": output_tokens,
        "total_tokens": used.total + output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning_tokens, "audio_tokens": 0},
    }


def asks_usage(body: Json) -> bool:
    """The stream is to end with its usage."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True

"""Owns the mock's smaller formats: legacy completions, embeddings and the list of models."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from proxy.simulate.mock.openai import asks_usage, completion_usage, positive, require
from proxy.simulate.mock.prompt import Input, text_of
from proxy.simulate.mock.script import Asked, Plan, make_plan, pieces, seed_of, tokens_of
from proxy.simulate.mock.wire import DONE, Answer, ApiError, Context, Event, Json, data_event, plain

_DEFAULT_MAX_TOKENS = 16
_DEFAULT_DIMENSIONS = 1536
_MAX_DIMENSIONS = 8192
_RELEASED = 1_767_225_600  # 2026-01-01


def last_prompt(body: Json) -> str:
    """The prompt of a legacy completion, or the input of an embedding."""
    return text_of(body.get("prompt", body.get("input")))


def answer_completions(body: Json, context: Context) -> Answer:
    """`POST /v1/completions`."""
    require(body, "prompt")
    prompts = _inputs(body["prompt"])
    choices = len(prompts) * (positive(body, "n") or 1)
    asked = Asked(
        max_tokens=positive(body, "max_tokens") or _DEFAULT_MAX_TOKENS,
        tokens=context.directives.tokens,
        tool=None,
        reasons=False,
    )
    seed = seed_of(body["model"], *(text_of(prompt) for prompt in prompts)).hex()
    plans = [make_plan(seed_of(seed, str(index)), asked) for index in range(choices)]
    used = Input(_input_tokens(prompts))
    if body.get("stream") is True:
        return Answer(200, _stream(body, plans, used, context), streamed=True, input_tokens=used.total)
    answer = _head(body, context) | {"choices": [_choice(n, plan.text, plan) for n, plan in enumerate(plans)]}
    if context.directives.usage:
        answer["usage"] = _usage(plans, used)
    return plain(answer, sum(plan.output_tokens for plan in plans), used.total)


def _inputs(value: object) -> list[object]:
    """One text, one list of token numbers, or a list of either."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return value
    if isinstance(value, (str, list)) and value:
        return [value]
    raise ApiError(400, "Invalid type: expected a string or an array with at least one item.", code="invalid_type")


def _input_tokens(inputs: Sequence[object]) -> int:
    """Tokens of texts and of lists of token numbers."""
    numbers = sum(len(item) for item in inputs if isinstance(item, list))
    return numbers + tokens_of(len(text_of(list(inputs)).encode("utf-8", "surrogatepass")))


def _head(body: Json, context: Context) -> Json:
    identity = {"id": f"cmpl-{context.unique}", "object": "text_completion", "created": context.created}
    return identity | {"model": body["model"]}


def _choice(index: int, text: str, ended: Plan | None) -> Json:
    reason = None if ended is None else "length" if ended.truncated else "stop"
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


def _usage(plans: Sequence[Plan], used: Input) -> Json:
    return completion_usage(used, sum(plan.output_tokens for plan in plans), 0)


def _stream(body: Json, plans: Sequence[Plan], used: Input, context: Context) -> Iterator[Event]:
    head = _head(body, context)
    for index, plan in enumerate(plans):
        for piece, tokens in pieces(plan.text, context.tokens_per_event):
            yield data_event({**head, "choices": [_choice(index, piece, None)]}, tokens)
        yield data_event({**head, "choices": [_choice(index, "", plan)]})
    if asks_usage(body) and context.directives.usage:
        yield data_event({**head, "choices": [], "usage": _usage(plans, used)})
    yield DONE


def answer_embeddings(body: Json, context: Context) -> Answer:
    """`POST /v1/embeddings`: unit vectors, as numbers or as base64 of little-endian floats."""
    require(body, "input")
    dimensions = positive(body, "dimensions") or _DEFAULT_DIMENSIONS
    if dimensions > _MAX_DIMENSIONS:
        raise ApiError(400, f"'dimensions' must be at most {_MAX_DIMENSIONS}.", param="dimensions")
    inputs = _inputs(body["input"])
    packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _embedding(body["model"], item, dimensions, packed)}
        for index, item in enumerate(inputs)
    ]
    used = _input_tokens(inputs)
    answer: Json = {"object": "list", "data": data, "model": body["model"]}
    if context.directives.usage:
        answer["usage"] = {"prompt_tokens": used, "total_tokens": used}
    return plain(answer, 0, used)


def _embedding(model: str, item: object, dimensions: int, packed: bool) -> list[float] | str:
    vector = _vector(seed_of(model, repr(item)), dimensions)
    return b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() if packed else vector


def _vector(seed: bytes, dimensions: int) -> list[float]:
    raw = b"".join(blake2b(seed, salt=n.to_bytes(4, "big")).digest() for n in range(-(-dimensions // 32)))
    values = struct.unpack(f"<{dimensions}h", raw[: 2 * dimensions])
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]


def answer_models(models: Sequence[str], anthropic: bool) -> Answer:
    """`GET /v1/models` in the shape of either API."""
    if anthropic:
        page = {"has_more": False, "first_id": models[0], "last_id": models[-1]}
        return plain({"data": [_anthropic_model(model) for model in models], **page})
    return plain({"object": "list", "data": [_openai_model(model) for model in models]})


def answer_model(model: str, anthropic: bool) -> Answer:
    """`GET /v1/models/{id}`. ApiError where there is none of that name."""
    if model.startswith("unknown-"):
        raise ApiError(404, f"model: {model}", param="model", code="model_not_found")
    return plain(_anthropic_model(model) if anthropic else _openai_model(model))


def _anthropic_model(model: str) -> Json:
    named = {"type": "model", "id": model, "display_name": model, "lifecycle": "active"}
    return named | {"created_at": "2026-01-01T00:00:00Z"}


def _openai_model(model: str) -> Json:
    return {"id": model, "object": "model", "created": _RELEASED, "owned_by": "stillgate"}

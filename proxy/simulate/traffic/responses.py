"""Owns what the upstream answers in the proving ground: models, usage, durations, faults, reasoning signatures."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Any

from proxy.simulate.traffic.bodies import Dialect

_FAULTS = {529: 0.5, 500: 0.3, 429: 0.2}
"""Statuses of an upstream that fails, and how often each is the one."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is for sale."""

    name: str
    dialect: Dialect
    thinks: bool
    """Its answers carry reasoning, and in Anthropic's dialect a signature."""
    weight: float
    """Its share of an ordinary population."""
    output_tokens: int
    """Of the median answer."""
    tokens_per_second: float


MODELS = (
    Model("claude-haiku-4-5", Dialect.ANTHROPIC, False, 3, 210, 150),
    Model("claude-sonnet-4-5", Dialect.ANTHROPIC, False, 3, 360, 75),
    Model("claude-sonnet-4-6", Dialect.ANTHROPIC, True, 4, 520, 80),
    Model("claude-opus-4-6", Dialect.ANTHROPIC, True, 2, 780, 55),
    Model("claude-opus-4-7", Dialect.ANTHROPIC, True, 1, 900, 55),
    Model("claude-opus-4-8", Dialect.ANTHROPIC, True, 0.5, 950, 50),
    Model("gpt-5-mini", Dialect.OPENAI, False, 4, 240, 140),
    Model("gpt-5.2", Dialect.OPENAI, True, 4, 520, 80),
    Model("gpt-4.1", Dialect.OPENAI, False, 2, 300, 90),
    Model("o4-mini", Dialect.OPENAI, True, 1, 800, 110),
)
"""Every model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the upstream would say."""

    response: dict[str, Any]
    """As the exchange log's `response`."""
    signature: str | None = None
    """The reasoning signature itself, as a client gets it; the log has its SHA-256 in hexadecimal."""


def models(dialect: Dialect, *, thinks: bool | None = None) -> list[Model]:
    """The models of a dialect; where `thinks` is given, those alone that do or do not."""
    return [model for model in MODELS if model.dialect is dialect and thinks in {None, model.thinks}]


def draw_model(rng: Random, dialect: Dialect, *, thinks: bool | None = None) -> Model:
    """One of them, by their weights."""
    found = models(dialect, thinks=thinks)
    return rng.choices(found, [model.weight for model in found])[0]


def answer(
    rng: Random,
    model: Model,
    characters: int,
    *,
    cached: float = 0.0,
    output_tokens: float | None = None,
    faults: float = 0.004,
) -> Answer:
    """The answer to a request of so many characters.

    `cached`: share of the input that the prompt cache serves. `output_tokens`: of the median answer, where the request
    asks for more or less than is usual. `faults`: share of requests that the upstream fails.
    """
    chance = rng.random()
    if chance < faults:
        return Answer({"status": _fault(rng), "duration_s": round(0.05 + rng.random(), 3)})
    tokens = 8 + int(characters / 3.8)
    read = int(tokens * cached)
    median = float(model.output_tokens) if output_tokens is None else output_tokens
    out = max(1, min(32_000, int(median * math.exp(rng.gauss(0.0, 0.8)))))
    response: dict[str, Any] = {
        "status": 200,
        "input_tokens": tokens - read,
        "output_tokens": out,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": 0,
        "duration_s": round(0.3 + rng.random() * 0.6 + out / model.tokens_per_second, 3),
    }
    if not model.thinks or model.dialect is not Dialect.ANTHROPIC:
        return Answer(response)
    signature = base64.b64encode(rng.randbytes(96)).decode()
    response["signatures"] = [hashlib.sha256(signature.encode()).hexdigest()]
    return Answer(response, signature)


def _fault(rng: Random) -> int:
    return rng.choices(list(_FAULTS), list(_FAULTS.values()))[0]

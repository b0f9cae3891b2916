"""Owns the guesses at tokens before an answer tells, and in place of one that never does. Counts bytes; no tokenizer.

Everything is a pure function of the calls made, in their order: no clock, no randomness. A model is learned apart only
once an upstream has reported usage for it, so invented names cost no memory. No account's traffic can carry away what
others are estimated at: a ratio is bounded, and so is the weight of one request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from proxy.dialects.llm import LONGEST_NAME, LlmRequest, Usage

MOST_MODELS = 512
"""Models that are learned apart; those that come later share what they teach."""

_MEMORY = 15 / 16
"""What an observation leaves of the older ones: about the last sixteen count."""
_HEAVIEST = 16 * 1024
"""Bytes that one request weighs at most."""
_FEWEST_BYTES_A_TOKEN = 8
"""Text that becomes fewer tokens than this is no text."""
_ROUNDING = 1e-6
"""Tokens. Larger than any error of the floats, which must not make one token of nothing."""
_SHORTEST_CACHED_PROMPT = 1024
"""Tokens. OpenAI and Google cache longer prompts unasked, and a cached token costs no quota."""
_CACHES_UNASKED = frozenset({"openai_chat", "openai_responses", "gemini_generate"})
_COUNTED = _CACHES_UNASKED | {"anthropic_messages", "openai_completions", "openai_embeddings", "gemini_embeddings"}


@dataclass(slots=True)
class _Ratio:
    """Tokens to bytes over the latest observations, long ones weighing more than short ones."""

    least: float = 1 / _FEWEST_BYTES_A_TOKEN
    tokens: float = 2048.0
    size: float = 8192.0

    def learn(self, tokens: int, size: int) -> None:
        weight = size if size < _HEAVIEST else _HEAVIEST
        a_byte = tokens / size
        a_byte = 1.0 if a_byte > 1.0 else a_byte if a_byte > self.least else self.least
        self.tokens = self.tokens * _MEMORY + a_byte * weight
        self.size = self.size * _MEMORY + weight

    def tokens_in(self, size: int) -> int:
        return ceil(size * self.tokens / self.size - _ROUNDING)


@dataclass(slots=True)
class _Model:
    """What is known of one model."""

    input: _Ratio = field(default_factory=_Ratio)
    cached_input: _Ratio = field(default_factory=lambda: _Ratio(least=1 / 32))
    generated: _Ratio = field(default_factory=_Ratio)
    output_tokens: float = 512.0

    def input_of(self, request: LlmRequest) -> _Ratio:
        return self.cached_input if request.caches else self.input


class Estimator:
    """Estimates per model, calibrated by the answers that report usage."""

    def __init__(self, most_models: int = MOST_MODELS) -> None:
        self._most_models = most_models
        self._models: dict[str, _Model] = {}
        self._others = _Model()

    def input_tokens(self, request: LlmRequest) -> int:
        """What the request's input will probably be charged; 0 for an opaque one."""
        return self._known(request.model).input_of(request).tokens_in(request.text_bytes)

    def least_input_tokens(self, request: LlmRequest) -> int:
        """What its input will be charged at the least: a bucket that never holds as much can refuse it at once."""
        if request.caches or request.dialect not in _COUNTED:
            return 0
        least = request.text_bytes // _FEWEST_BYTES_A_TOKEN
        return min(least, _SHORTEST_CACHED_PROMPT) if request.dialect in _CACHES_UNASKED else least

    def output_tokens(self, request: LlmRequest) -> int:
        """What the answer will probably use; never above what the request allows."""
        if request.dialect not in _COUNTED:
            return 0
        likely = ceil(self._known(request.model).output_tokens)
        most = request.max_tokens
        return likely if most is None or likely < most else most

    def generated_tokens(self, model: str | None, generated_bytes: int, output_events: int) -> int:
        """What an answer that was cut has used: of its text, and at least one token an event."""
        return max(output_events, self._known(model).generated.tokens_in(generated_bytes))

    def learn(self, request: LlmRequest, usage: Usage, generated_bytes: int) -> None:
        """Takes in what an answer reported that came to its own end, and was no error."""
        charged, output = usage.charged_input(), usage.output_tokens
        if charged is None and output is None:
            return
        model = self._learned(request.model)
        if charged is not None and request.text_bytes:
            model.input_of(request).learn(charged, request.text_bytes)
        if output is not None:
            model.output_tokens = model.output_tokens * _MEMORY + output * (1 - _MEMORY)
            if generated_bytes:
                model.generated.learn(output, generated_bytes)

    def _known(self, name: str | None) -> _Model:
        return self._models.get(name or "", self._others)

    def _learned(self, name: str | None) -> _Model:
        if not name or len(name) > LONGEST_NAME:
            return self._others
        model = self._models.get(name)
        if model is None:
            if len(self._models) >= self._most_models:
                return self._others
            model = self._models[name] = _Model()
        return model

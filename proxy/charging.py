"""Owns what an exchange costs under a quota: at admission from what is known, at settlement from what was used.

Pure. An estimate never refuses by itself: it is held below the bucket's capacity unless even the least the request
can cost is more, so that a guess can delay a request but not shut it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from proxy.admission.quota import MICRO, Reserve, Unit, capacity_of
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import LlmRequest, Usage
from proxy.exchange import Ending, Outcome
from proxy.policy.match import Demand

TOKEN_UNITS = frozenset({Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.TOTAL_TOKENS})


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Tokens an exchange may use: `likely` is reserved, `least` is certain."""

    likely: int
    least: int


def admission_cost(demand: Demand, request: LlmRequest, estimator: Estimator) -> int:
    """What to reserve for `request` under `demand`, in the integer unit of its limit."""
    match demand.quota.unit:
        case Unit.REQUESTS:
            return MICRO
        case Unit.CONCURRENT:
            return 1
        case Unit.INPUT_TOKENS:
            tokens = _input(request, estimator)
        case Unit.OUTPUT_TOKENS:
            tokens = _output(demand.quota.reserve, request, estimator)
        case Unit.TOTAL_TOKENS:
            read, written = _input(request, estimator), _output(demand.quota.reserve, request, estimator)
            tokens = _Tokens(read.likely + written.likely, read.least + written.least)
        case _:
            assert_never(demand.quota.unit)
    capacity = capacity_of(demand.limit)
    if tokens.least * MICRO > capacity:
        return tokens.least * MICRO
    return min(tokens.likely * MICRO, capacity)


def settled_cost(unit: Unit, reserved: int, usage: Usage) -> int:
    """What the exchange cost in the end; what nobody knows stays as it was reserved."""
    if unit not in TOKEN_UNITS:
        return reserved
    read, written = usage.charged_input(), usage.output_tokens
    if unit is Unit.INPUT_TOKENS:
        return reserved if read is None else read * MICRO
    if unit is Unit.OUTPUT_TOKENS:
        return reserved if written is None else written * MICRO
    return reserved if read is None or written is None else (read + written) * MICRO


def settled_usage(request: LlmRequest, outcome: Outcome, estimator: Estimator) -> Usage:
    """The tokens to charge: reported ones, completed by estimates where an answer was cut or reports none.

    An upstream that failed or refused generated nothing.
    """
    status, usage = outcome.status, outcome.usage
    if _generated_nothing(outcome):
        return Usage(input_tokens=0, output_tokens=0)
    read = usage.input_tokens
    if read is None:
        read = estimator.input_tokens(request)
    written = usage.output_tokens
    if _was_seen(request, outcome) and (written is None or outcome.ending is not Ending.COMPLETE):
        seen = estimator.generated_tokens(request.model, outcome.generated_bytes or 0, outcome.output_events)
        written = max(written or 0, seen)
    elif written is None and status is None and request.stream:
        written = 0
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cache_read_input_tokens=usage.cache_read_input_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def _generated_nothing(outcome: Outcome) -> bool:
    if outcome.status is not None:
        return outcome.status >= 400
    return outcome.ending in (Ending.UPSTREAM_FAILED, Ending.UPSTREAM_TIMEOUT)


def _was_seen(request: LlmRequest, outcome: Outcome) -> bool:
    """Whether what was generated is known. Of a plain answer that is not whole it is not: nothing of it was read yet,
    while the upstream had generated all of it.
    """
    return outcome.generated_bytes is not None and (request.stream or outcome.generated_bytes > 0)


def _input(request: LlmRequest, estimator: Estimator) -> _Tokens:
    return _Tokens(estimator.input_tokens(request), estimator.least_input_tokens(request))


def _output(reserve: Reserve, request: LlmRequest, estimator: Estimator) -> _Tokens:
    if reserve is Reserve.NONE or request.dialect == "openai_embeddings":
        return _Tokens(0, 0)
    if reserve is Reserve.MAX_TOKENS and request.max_tokens is not None:
        return _Tokens(request.max_tokens, request.max_tokens)
    return _Tokens(estimator.output_tokens(request), 0)

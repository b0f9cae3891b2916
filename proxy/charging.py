"""Owns what an exchange costs under a quota: at admission from what is known, at settlement from what was used.

Pure. An estimate never refuses by itself: it is held below the bucket's capacity unless even the least the request
can cost is more, so that a guess can delay a request but not shut it out.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.admission.quota import MICRO, Reserve, Unit
from proxy.admission.store import Claim
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import LlmRequest, Usage
from proxy.exchange import Ending, Outcome
from proxy.policy.match import Demand

TOKEN_UNITS = frozenset({Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.TOTAL_TOKENS})
# To look a member up on its class takes 0.06 µs.
_REQUESTS, _CONCURRENT = Unit.REQUESTS, Unit.CONCURRENT
_INPUT_TOKENS, _OUTPUT_TOKENS = Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS
_NOTHING_WRITTEN = (0, 0)


def admission_claims(demands: Sequence[Demand], request: LlmRequest, estimator: Estimator) -> list[Claim]:
    """What to reserve for `request` under each demand, in the integer unit of its limit."""
    claims = []
    read: tuple[int, int] | None = None
    for quota, limit, key, capacity in demands:
        unit = quota.unit
        if unit is _REQUESTS:
            cost = MICRO
        elif unit is _CONCURRENT:
            cost = 1
        else:
            if read is None:
                read = estimator.input_tokens(request), estimator.least_input_tokens(request)
            likely, least = _NOTHING_WRITTEN if unit is _INPUT_TOKENS else _written(quota.reserve, request, estimator)
            if unit is not _OUTPUT_TOKENS:
                likely, least = likely + read[0], least + read[1]
            certain, cost = least * MICRO, likely * MICRO
            cost = certain if certain > capacity else cost if cost < capacity else capacity
        claims.append(Claim(key, limit, cost, quota.shadow))
    return claims


def counts_tokens(demands: Sequence[Demand]) -> bool:
    """Whether anything depends on how many tokens are used."""
    return any(demand.quota.unit in TOKEN_UNITS for demand in demands)


def settled_costs(demands: Sequence[Demand], claims: Sequence[Claim], usage: Usage) -> list[int]:
    """What the exchange cost in the end under each demand; what nobody knows stays as it was reserved."""
    read, written = usage.charged_input(), usage.output_tokens
    costs = []
    for demand, claim in zip(demands, claims, strict=True):
        unit = demand.quota.unit
        if unit is _REQUESTS or unit is _CONCURRENT:
            tokens = None
        elif unit is _INPUT_TOKENS:
            tokens = read
        elif unit is _OUTPUT_TOKENS:
            tokens = written
        else:
            tokens = None if read is None or written is None else read + written
        costs.append(claim.cost if tokens is None else tokens * MICRO)
    return costs


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


def _written(reserve: Reserve, request: LlmRequest, estimator: Estimator) -> tuple[int, int]:
    """Output tokens to reserve: likely ones, and those that are certain."""
    if reserve is Reserve.NONE or request.max_tokens == 0:
        return _NOTHING_WRITTEN
    if reserve is Reserve.MAX_TOKENS and request.max_tokens is not None:
        return request.max_tokens, request.max_tokens
    return estimator.output_tokens(request), 0

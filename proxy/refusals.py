"""Owns what a refusal is: the rule that decides, the reasons for an operator, the words for a client. Pure.

A client is told which limit it met and when to come back, never of which campaign it is taken to be: it is given a
reference instead, the exchange's id, by which whoever operates the proxy finds the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from proxy.admission.headers import Standing
from proxy.admission.quota import MICRO, Unit
from proxy.admission.store import Denied, Level
from proxy.charging import TOKEN_UNITS
from proxy.dialects.llm import Fault
from proxy.enforcement import Measure
from proxy.exchange import Action, Decision, Exchange
from proxy.policy.campaigns import CAMPAIGN
from proxy.policy.match import AccessRule, Demand

_CONCURRENT = Unit.CONCURRENT
_STORE_RETRY_US = 1_000_000
"""When a lost store is back is nobody's to know; a client is asked to wait this long."""


def blocked(rule: AccessRule, shadowed: tuple[str, ...]) -> Decision:
    """What an access rule denies."""
    return Decision(
        Action.BLOCK,
        403,
        rule=rule.id,
        scope="access",
        shadow=bool(shadowed),
        reasons=(f"access:{rule.id}", *shadowed),
        fault=Fault.FORBIDDEN,
        message=rule.reason or f"Access denied by rule '{rule.id}'.",
    )


def store_lost(why: str, shadowed: tuple[str, ...]) -> Decision:
    """What cannot be decided while the store is lost."""
    return Decision(
        Action.THROTTLE,
        503,
        retry_after_us=_STORE_RETRY_US,
        scope="global",
        shadow=bool(shadowed),
        reasons=("store-lost", *shadowed),
        fault=Fault.UNAVAILABLE,
        message=f"Quotas cannot be checked at the moment ({why}). Please try again.",
        without_store="deny",
    )


def refused_by_verdict(exchange: Exchange, measure: Measure, shadowed: tuple[str, ...]) -> Decision:
    """What is refused outright because of the campaign that it belongs to: blocked, or probed."""
    assert exchange.match is not None
    wait_us = measure.retry_after_us
    if wait_us is None:
        what = "This request was refused: it matches a pattern of collecting model outputs through many accounts."
    else:
        what = f"Please try again in {wait_us / 1e6:.3f}s."
    return Decision(
        Action.BLOCK if wait_us is None else Action.THROTTLE,
        403 if wait_us is None else 429,
        retry_after_us=wait_us,
        rule=measure.rule,
        scope=CAMPAIGN,
        campaign=exchange.match.campaign,
        shadow=bool(shadowed),
        reasons=(*verdict_reasons(exchange), *shadowed),
        fault=Fault.FORBIDDEN if wait_us is None else Fault.RATE_LIMITED,
        message=f"{what} {_appeal(exchange)}",
    )


def throttled(exchange: Exchange, denied: Denied, shadowed: tuple[str, ...]) -> Decision:
    """The refusal that holds longest decides, because the client's next try has to clear all of them."""
    refusals = [
        (demand, claim, level)
        for demand, claim, level in zip(exchange.demands, exchange.claims, denied.levels, strict=True)
        if not level.granted and not demand.quota.shadow
    ]
    demand, claim, level = max(refusals, key=lambda refusal: _holds_us(refusal[2]))
    wait_us = level.retry_after_us
    quota = demand.quota
    scale = 1 if quota.unit is Unit.CONCURRENT else MICRO
    needed, remaining = -(-claim.cost // scale), max(level.remaining, 0) // scale
    capacity = demand.capacity // scale
    fault, message = _told(exchange, demand, wait_us, f"limit {capacity}, remaining {remaining}, requested {needed}")
    by_verdict = exchange.match is not None and quota.scope == CAMPAIGN
    return Decision(
        Action.THROTTLE,
        429,
        retry_after_us=wait_us,
        rule=quota.id,
        scope=quota.scope,
        campaign=exchange.match.campaign if exchange.match is not None and by_verdict else None,
        shadow=bool(shadowed),
        reasons=(
            *(f"quota:{refused.quota.id}" for refused, *_ in refusals),
            f"unit:{quota.unit}",
            f"requested:{needed}",
            f"remaining:{remaining}",
            f"limit:{capacity}",
            *(verdict_reasons(exchange) if by_verdict else ()),
            *shadowed,
        ),
        fault=fault,
        message=message,
        standings=standings(exchange.demands, denied.levels),
        without_store=denied.without_store,
    )


def shadow_refusals(exchange: Exchange) -> tuple[str, ...]:
    """The reasons that rules in shadow mode would have given."""
    told: tuple[str, ...] = ()
    for demand, level in zip(exchange.demands, exchange.levels, strict=True):
        if demand.quota.shadow and not level.granted:
            told += (f"shadow:{demand.quota.id}",)
            if demand.quota.scope == CAMPAIGN:
                told += verdict_reasons(exchange)
    return told


def verdict_reasons(exchange: Exchange) -> tuple[str, ...]:
    """The campaign that an exchange belongs to, for an operator."""
    match = exchange.match
    if match is None:
        return ()
    return (f"campaign:{match.campaign}", f"level:{match.level}", f"by:{match.by}")


def standings(demands: Sequence[Demand], levels: Sequence[Level]) -> tuple[Standing, ...]:
    """What the rate-limit headers are made of."""
    told = []
    for (quota, _, _, capacity), level in zip(demands, levels, strict=True):
        if not quota.shadow and quota.unit is not _CONCURRENT:
            remaining = level.remaining
            told.append(
                Standing(
                    quota.unit, capacity // MICRO, remaining // MICRO if remaining > 0 else 0, level.reset_after_us
                )
            )
    return tuple(told)


def _holds_us(refused: Level) -> float:
    return inf if refused.retry_after_us is None else refused.retry_after_us


def _told(exchange: Exchange, demand: Demand, wait_us: int | None, facts: str) -> tuple[Fault, str]:
    """What the client is told of the bucket that refused."""
    quota = demand.quota
    what = quota.unit.value.replace("_", " ")
    if wait_us is None:
        text = f"Request too large for '{quota.id}' on {what}: {facts}. It can never pass; ask for less."
        return Fault.REQUEST_EXCEEDS_LIMIT, text
    again = f"Please try again in {wait_us / 1e6:.3f}s."
    if quota.scope == CAMPAIGN:
        text = f"Rate limit reached for requests that are alike, over all accounts that send them: {facts}. {again}"
        return Fault.RATE_LIMITED, f"{text} {_appeal(exchange)}"
    fault = Fault.TOKENS_LIMITED if quota.unit in TOKEN_UNITS else Fault.RATE_LIMITED
    return fault, f"Rate limit reached for '{quota.id}' on {what}: {facts}. {again}"


def _appeal(exchange: Exchange) -> str:
    return f"If this is a mistake, ask support and give the reference {exchange.arrival.id}."

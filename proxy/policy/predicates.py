"""Owns matchers as functions: what a matcher means, precompiled so that asking costs a few lookups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.globs import text_test
from proxy.policy.lists import Lists, list_key
from proxy.policy.prefixes import Prefix, PrefixSet
from proxy.policy.spec import Matcher

Predicate = Callable[[Principal, LlmRequest, str], bool]
"""Asked with the principal, the request, and the principal's tier as the policy sees it."""


def compile_scope(match: Matcher | None, unless: Matcher | None, lists: Lists) -> Predicate | None:
    """Matched and not exempt; None where that is everything."""
    tests = [] if match is None else _tests(match, lists)
    if unless is not None:
        exempt = _all(_tests(unless, lists))
        tests.append(_nothing if exempt is None else _negated(exempt))
    return _all(tests)


def _nothing(principal: Principal, request: LlmRequest, tier: str) -> bool:
    return False


def _negated(exempt: Predicate) -> Predicate:
    return lambda principal, request, tier: not exempt(principal, request, tier)


def _all(tests: list[Predicate]) -> Predicate | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        one, two = tests
        return lambda principal, request, tier: one(principal, request, tier) and two(principal, request, tier)
    fixed = tuple(tests)

    def every(principal: Principal, request: LlmRequest, tier: str) -> bool:
        for test in fixed:  # noqa: SIM110  # a generator expression costs twice as much
            if not test(principal, request, tier):
                return False
        return True

    return every


def _tests(matcher: Matcher, lists: Lists) -> list[Predicate]:
    """One for each key that was given, the cheap ones first."""
    tests = [compile_key(matcher) for name, compile_key in _VALUE_TESTS.items() if matcher.has(name)]
    if matcher.address:
        tests.append(_within(matcher.address))
    if matcher.network:
        tests.append(_within(matcher.network))
    if matcher.network_in:
        tests.append(_within(_listed(matcher, lists)))
    return tests


def _listed(matcher: Matcher, lists: Lists) -> Iterable[Prefix]:
    for index in range(len(matcher.network_in)):
        yield from lists[list_key(matcher, index)].prefixes


def _within(prefixes: Iterable[Prefix]) -> Predicate:
    contains = PrefixSet(prefixes).contains
    return lambda principal, request, tier: contains(principal.address)


def _verified(matcher: Matcher) -> Predicate:
    values = frozenset(matcher.verified)
    return lambda principal, request, tier: principal.verified in values


def _tier(matcher: Matcher) -> Predicate:
    values = frozenset(matcher.tier)
    return lambda principal, request, tier: tier in values


def _country(matcher: Matcher) -> Predicate:
    values = frozenset(matcher.country)
    return lambda principal, request, tier: principal.country in values


def _asn(matcher: Matcher) -> Predicate:
    values = frozenset(matcher.asn)
    return lambda principal, request, tier: principal.asn in values


def _account(matcher: Matcher) -> Predicate:
    fits = text_test(matcher.account)
    return lambda principal, request, tier: fits(principal.account)


def _org(matcher: Matcher) -> Predicate:
    fits = text_test(matcher.org)
    return lambda principal, request, tier: principal.org is not None and fits(principal.org)


def _end_user(matcher: Matcher) -> Predicate:
    fits = text_test(matcher.end_user)
    return lambda principal, request, tier: request.end_user is not None and fits(request.end_user)


def _client(matcher: Matcher) -> Predicate:
    fits = text_test(matcher.client)
    return lambda principal, request, tier: fits(principal.client)


def _model(matcher: Matcher) -> Predicate:
    fits = text_test(matcher.model)
    return lambda principal, request, tier: request.model is not None and fits(request.model)


def _path(matcher: Matcher) -> Predicate:
    fits = text_test(matcher.path)
    return lambda principal, request, tier: fits(request.path)


_VALUE_TESTS: Mapping[str, Callable[[Matcher], Predicate]] = {
    "verified": _verified,
    "tier": _tier,
    "country": _country,
    "asn": _asn,
    "account": _account,
    "org": _org,
    "end_user": _end_user,
    "client": _client,
    "model": _model,
    "path": _path,
}

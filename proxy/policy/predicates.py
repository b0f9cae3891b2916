"""Owns matchers as functions: what a matcher means, precompiled so that asking costs a few lookups.

The hot path asks one predicate a rule; whoever explains asks the very tests that it is made of, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.globs import text_test
from proxy.policy.lists import Lists, list_key
from proxy.policy.paths import spellings
from proxy.policy.prefixes import Prefix, PrefixSet
from proxy.policy.terms import Matcher

Predicate = Callable[[Principal, LlmRequest, str], bool]
"""Asked with the principal, the request, and the principal's tier as the policy sees it."""
Show = Callable[[Principal, LlmRequest, str], object]
"""What a test looks at, for people; None where the exchange has no such thing."""


class Test(NamedTuple):
    """One key of a matcher: the predicate that is asked, and what is needed to tell why it said no."""

    key: str
    expected: tuple[str, ...]
    """The matcher's values, any of which would do."""
    position: str
    """`file:line` of the key."""
    holds: Predicate
    show: Show


class Mismatch(NamedTuple):
    """Why a scope does not hold: the first key that failed, or `unless`."""

    key: str
    expected: tuple[str, ...]
    """Any of these would have done; for `unless`, what it exempts, key by key."""
    actual: str | None
    """None where the exchange has no such thing; for `unless` always."""
    position: str
    """`file:line`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule matches and exempts: `applies` for the hot path, and the tests that it is made of."""

    applies: Predicate | None
    """None: to everything."""
    match: tuple[Test, ...]
    unless: tuple[Test, ...] | None
    unless_position: str

    @property
    def keys(self) -> frozenset[str]:
        """What of an exchange it looks at."""
        return frozenset(test.key for test in (*self.match, *(self.unless or ())))

    def why_not(self, principal: Principal, request: LlmRequest, tier: str) -> Mismatch | None:
        """The first key that fails, in the order in which the hot path asks; None where the scope holds."""
        for test in self.match:
            if not test.holds(principal, request, tier):
                actual = test.show(principal, request, tier)
                return Mismatch(test.key, test.expected, _text(actual), test.position)
        if self.unless is None or not all(test.holds(principal, request, tier) for test in self.unless):
            return None
        exempted = tuple(f"{test.key}: {', '.join(test.expected)}" for test in self.unless)
        return Mismatch("unless", exempted, None, self.unless_position)


def _text(value: object) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def compile_scope(match: Matcher | None, unless: Matcher | None, lists: Lists, *, spares: bool = False) -> Scope:
    """Matched and not exempt. `spares`: who matches is spared something, so that doubts go against it."""
    tests = () if match is None else tuple(_tests(match, lists, spares))
    predicates = [test.holds for test in tests]
    if unless is None:
        return Scope(_all(predicates), tests, None, "")
    exempt = tuple(_tests(unless, lists, not spares))
    exempts = _all([test.holds for test in exempt])
    predicates.append(_nothing if exempts is None else _negated(exempts))
    return Scope(_all(predicates), tests, exempt, unless.at().place)


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


def _tests(matcher: Matcher, lists: Lists, spares: bool) -> Iterator[Test]:
    """One for each key that was given, the cheap ones first."""
    for name, (compile_key, show) in _VALUE_TESTS.items():
        if matcher.has(name):
            yield _test(matcher, name, compile_key(matcher), show)
    if matcher.path:
        yield _test(matcher, "path", _path(matcher, spares), _shown_path)
    if matcher.address:
        yield _test(matcher, "address", _within(matcher.address), _address)
    if matcher.network:
        yield _test(matcher, "network", _within(matcher.network), _address)
    if matcher.network_in:
        yield _test(matcher, "network_in", _within(_listed(matcher, lists)), _address)


def _test(matcher: Matcher, name: str, holds: Predicate, show: Show) -> Test:
    expected = tuple(_text(value) or "" for value in getattr(matcher, name))
    return Test(name, expected, matcher.at(name).place, holds, show)


def _listed(matcher: Matcher, lists: Lists) -> Iterable[Prefix]:
    for index in range(len(matcher.network_in)):
        yield from lists[list_key(matcher, index)].prefixes


def _within(prefixes: Iterable[Prefix]) -> Predicate:
    contains = PrefixSet(prefixes).contains
    return lambda principal, request, tier: contains(principal.address)


def _address(principal: Principal, request: LlmRequest, tier: str) -> object:
    return principal.address


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


def _path(matcher: Matcher, spares: bool) -> Predicate:
    fits = text_test((*matcher.path, *map(unquote, matcher.path)))
    agree = all if spares else any
    return lambda principal, request, tier: agree(map(fits, spellings(request.path)))


def _shown_path(principal: Principal, request: LlmRequest, tier: str) -> object:
    return request.path


_VALUE_TESTS: Mapping[str, tuple[Callable[[Matcher], Predicate], Show]] = {
    "verified": (_verified, lambda principal, request, tier: principal.verified),
    "tier": (_tier, lambda principal, request, tier: tier),
    "country": (_country, lambda principal, request, tier: principal.country),
    "asn": (_asn, lambda principal, request, tier: principal.asn),
    "account": (_account, lambda principal, request, tier: principal.account),
    "org": (_org, lambda principal, request, tier: principal.org),
    "end_user": (_end_user, lambda principal, request, tier: request.end_user),
    "client": (_client, lambda principal, request, tier: principal.client),
    "model": (_model, lambda principal, request, tier: request.model),
}

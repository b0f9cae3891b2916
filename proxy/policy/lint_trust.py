"""Owns the checks of whom a policy believes when they say who a client is."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.policy.issues import Code, Issue, Position
from proxy.policy.lists import matchers_of
from proxy.policy.spec import PolicySpec

_WIDEST_TRUST = 4
"""A shorter prefix than this trusts so much of the internet that it must be a slip."""
_SAID_BY_PEERS = ("account", "org", "tier", "country", "verified")


def trust_issues(spec: PolicySpec) -> Iterator[Issue]:
    """Who is trusted too widely, and one for a policy that does not say whom to trust where somebody gains by it."""
    for index, prefix in enumerate(spec.trusted_proxies or ()):
        if prefix.length < _WIDEST_TRUST:
            message = "trusts so many addresses that any client could claim to be any account"
            yield Issue.warning(spec.at("trusted_proxies", index), Code.TRUSTS_EVERYONE, message)
    at = next(_terms_of_some(spec), None)
    if at is not None and not spec.has("trusted_proxies"):
        yield Issue.warning(at, Code.TRUSTS_BY_DEFAULT, Code.TRUSTS_BY_DEFAULT.explanation)


def _terms_of_some(spec: PolicySpec) -> Iterator[Position]:
    """Where the policy has other terms for some accounts than for the rest."""
    for matcher in matchers_of(spec):
        yield from (matcher.at(key) for key in _SAID_BY_PEERS if matcher.has(key))
    for name, tier in spec.tiers.items():
        if tier.quotas:
            yield spec.at("tiers", name)
    for override in spec.overrides:
        if override.has("account") or override.has("org"):
            yield override.at()

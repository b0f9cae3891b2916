"""Owns the memory of what a policy says: exchanges that are alike in all that it looks at are asked about once.

Belongs to one policy, and ends with it. A flood of new principals only makes it forget sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.dialects.llm import LlmRequest
from proxy.generations import Generations
from proxy.identity.principal import Principal
from proxy.policy.match import AccessRuling, Demand, Policy

MOST_REMEMBERED = 8192
"""In each of two generations; some 1 KiB each."""
LONGEST_PATH = 512
"""Characters of a path that is remembered: a request line may have 32 Ki, and a client make up any number of them."""
_OF_REQUEST = ("end_user", "model", "path")
_OF_PRINCIPAL = ("account", "org", "tier", "verified", "country", "asn", "network", "client", "address")
_ADDRESS_TESTS = frozenset({"address", "network", "network_in"})


class Ruled(Struct, frozen=True):
    """What a policy says of an exchange."""

    access: AccessRuling
    exempted_at: str | None
    """As `Policy.exempted_at`."""
    demands: tuple[Demand, ...]
    undeclared_tier: str | None
    """As `Policy.undeclared_tier`."""


class Rulings:
    """Asks `policy`, and remembers."""

    def __init__(self, policy: Policy, most: int = MOST_REMEMBERED) -> None:
        self.policy = policy
        seen = frozenset(_looked_at(policy))
        self._of_principal = _getter([name for name in _OF_PRINCIPAL if name in seen])
        self._of_request = _getter([name for name in _OF_REQUEST if name in seen])
        self._kept: Generations[Any, Ruled] = Generations(most)

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, principal: Principal, request: LlmRequest) -> Ruled:
        """What the policy's own methods say, in a tenth of their time where it was asked before.

        Access is what they say of every model of a batch.
        """
        key = self._of_principal(principal), self._of_request(request)
        kept = self._kept
        found = kept.young.get(key)
        if found is None:
            found = kept.old.get(key) or self._asked(principal, request)
            if len(request.path) <= LONGEST_PATH:
                kept.put(key, found)
        return replace(found, access=self._of_batch(found.access, principal, request)) if request.models else found

    def _of_batch(self, ruling: AccessRuling, principal: Principal, request: LlmRequest) -> AccessRuling:
        """What is said of every model of a batch, given what is of the request itself: the first denied decides."""
        shadowed = ruling.shadowed
        for model in request.models:
            if ruling.denied_by is not None:
                break
            ruling = self.of(principal, replace(request, model=model, models=())).access
            shadowed += tuple([rule for rule in ruling.shadowed if rule not in shadowed])
        return AccessRuling(ruling.denied_by, shadowed)

    def _asked(self, principal: Principal, request: LlmRequest) -> Ruled:
        policy = self.policy
        return Ruled(
            policy.judge_access(principal, request),
            policy.exempted_at(principal, request),
            tuple(policy.demands(principal, request)),
            policy.undeclared_tier(principal),
        )


def _looked_at(policy: Policy) -> Iterator[str]:
    """The fields of a principal and a request that the policy's answers depend on."""
    yield from ("account", "org", "tier")  # overrides
    if policy.overrides.has_networks:
        yield "address"
    for quota in policy.quotas:
        yield from quota.key
    for scope in policy.scopes.values():
        yield from ("address" if key in _ADDRESS_TESTS else key for key in scope.keys)
    if policy.campaigns is not None and policy.campaigns.exempt:
        yield from (*_OF_PRINCIPAL, *_OF_REQUEST)


def _getter(names: list[str]) -> Any:
    return attrgetter(*names) if names else lambda _: None

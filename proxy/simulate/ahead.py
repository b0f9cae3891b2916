"""Owns the reading of raw lines before their turn: who asks and what for depends on nothing that came before.

Read by the dozen, code and tables stay in the caches and numpy is called once for many: a line of 2 KB takes 60 µs
instead of the 120 that it takes between two decisions. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proxy.dialects.reading import read_body
from proxy.dialects.table import dialect_for
from proxy.events.sketching import Sketcher
from proxy.exchange import Recalled
from proxy.generations import Generations
from proxy.identity.principal import Principal
from proxy.identity.resolve import Resolver
from proxy.policy.match import Policy
from proxy.simulate.lines import LONGEST_HEAD, MOST_HEADS, Recorded


class Ahead:
    """Reads as the pipeline would that has the same parts; `sketcher` is None where nobody reads content."""

    def __init__(self, resolver: Resolver, sketcher: Sketcher | None) -> None:
        self._resolver = resolver
        self._sketcher = sketcher
        self._policy: Policy | None = None
        self._principals: Generations[tuple[bytes, str, str], Principal] = Generations(MOST_HEADS)
        """Whom a head, its peer and its path come from under that policy."""

    def read(self, block: Sequence[Recorded], policy: Policy) -> list[Recalled | None]:
        """What each line asks under `policy`; None for one in the feature form, which says so itself."""
        found = iter(self._read([recorded for recorded in block if recorded.features is None], policy))
        return [next(found) if recorded.features is None else None for recorded in block]

    def _read(self, raw: Sequence[Recorded], policy: Policy) -> list[Recalled]:
        sketcher = None if policy.campaigns is None else self._sketcher
        reads = [
            read_body(
                dialect_for(recorded.method, recorded.path),
                recorded.path,
                recorded.body,
                self._resolver.pseudonym,
                with_conversation=sketcher is not None,
            )
            for recorded in raw
        ]
        talks = [read.conversation for read in reads if read.conversation is not None]
        contents = iter(() if sketcher is None else sketcher.contents(talks))
        return [
            Recalled(
                self._principal(recorded, policy), read.request, None if read.conversation is None else next(contents)
            )
            for recorded, read in zip(raw, reads, strict=True)
        ]

    def _principal(self, recorded: Recorded, policy: Policy) -> Callable[[int, int], Principal]:
        if policy is not self._policy:
            self._policy, self._principals = policy, Generations(MOST_HEADS)
        key = (recorded.head, recorded.peer_ip, recorded.path)
        principal = self._principals.get(key)
        if principal is None:
            principal = self._resolver.resolve(
                recorded.peer_ip,
                recorded.headers,
                policy.trusted_proxies,
                policy.ipv4_prefix,
                policy.ipv6_prefix,
                recorded.path,
            ).principal
            if recorded.head and len(recorded.path) <= LONGEST_HEAD:
                self._principals.put(key, principal)
        found = principal
        return lambda _ipv4, _ipv6: found

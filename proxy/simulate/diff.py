"""Owns the comparison of two policies over one log: who gains, who loses, where they first part.

Both run the whole pipeline in lockstep, each in a world of its own. Knows no file and no table.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.errors import UsageError
from proxy.exchange import Action, Exchange
from proxy.policy.match import Policy
from proxy.simulate.lines import Recorded
from proxy.simulate.replay import Replay

TOP = 10
GROUPS = ("account", "network", "model")
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|==|!=|>|<)\s*(\d+)\s*")
_COMPARE = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


_KINDS = {
    Action.ALLOW: "newly_allowed",
    Action.THROTTLE: "newly_throttled",
    Action.BLOCK: "newly_blocked",
}


@dataclass(slots=True)
class Change:
    """What one account, network or model loses and gains; tokens are those of the log's answers."""

    lost_requests: int = 0
    lost_tokens: int = 0
    gained_requests: int = 0
    gained_tokens: int = 0


@dataclass(slots=True)
class Difference:
    """All that two policies decide differently. Grows with the principals that are touched, not with the log."""

    exchanges: int = 0
    unanswered: int = 0
    """Of those that are lost or gained: how many have no answer in the log, so that their tokens are unknown."""
    counts: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, dict[str, Change]] = field(default_factory=lambda: {group: {} for group in GROUPS})
    first: list[dict[str, Any]] = field(default_factory=list)

    def take(self, recorded: Recorded, old: Exchange, new: Exchange) -> None:
        """Compares the decisions on one exchange."""
        self.exchanges += 1
        was, now = old.decision, new.decision
        if was.shadow != now.shadow:
            self._count("newly_shadowed" if now.shadow else "no_longer_shadowed", new)
        if was.action is now.action:
            return
        self._count(_KINDS[now.action], new)
        if len(self.first) < TOP:
            self.first.append(_parting(recorded, old, new))
        if Action.ALLOW in (was.action, now.action):
            self._move(recorded, new, lost=was.action is Action.ALLOW)

    def summary(self) -> dict[str, int]:
        """Each kind of difference in requests and accounts; what a `--fail-if` condition can name."""
        found = {"exchanges": self.exchanges}
        for kind in (*_KINDS.values(), "newly_shadowed", "no_longer_shadowed"):
            found[f"{kind}_requests"] = self.counts.get(kind, 0)
            found[f"{kind}_accounts"] = len(self.accounts.get(kind, ()))
        for name in ("lost_requests", "lost_tokens", "gained_requests", "gained_tokens"):
            found[name] = sum(getattr(change, name) for change in self.groups["account"].values())
        found["unanswered_requests"] = self.unanswered
        return found

    def top(self, group: str) -> list[tuple[str, Change]]:
        """The ten of `group` that change most, by requests."""

        def weight(entry: tuple[str, Change]) -> tuple[int, str]:
            return -(entry[1].lost_requests + entry[1].gained_requests), entry[0]

        return sorted(self.groups[group].items(), key=weight)[:TOP]

    def _count(self, kind: str, exchange: Exchange) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.accounts.setdefault(kind, set()).add(exchange.principal.account)

    def _move(self, recorded: Recorded, exchange: Exchange, *, lost: bool) -> None:
        tokens = _tokens(recorded)
        self.unanswered += recorded.response is None
        who = exchange.principal
        for group, name in zip(GROUPS, (who.account, who.network, exchange.request.model or "-"), strict=True):
            change = self.groups[group].setdefault(name, Change())
            if lost:
                change.lost_requests += 1
                change.lost_tokens += tokens
            else:
                change.gained_requests += 1
                change.gained_tokens += tokens


def compare(old: Policy, new: Policy, lines: Iterable[bytes], *, skip_bad_lines: bool) -> Difference:
    """Runs `lines` under both. BadLineError, unless such lines are skipped."""
    difference = Difference()
    one, other = Replay(old), Replay(new)
    for recorded in one.recorded(lines, skip_bad_lines=skip_bad_lines):
        difference.take(recorded, one.decide(recorded), other.decide(recorded))
    return difference


def holds(condition: str, summary: Mapping[str, int]) -> bool:
    """Whether `NAME OP NUMBER` is true of a summary. UsageError where it is no such condition."""
    matched = _CONDITION.fullmatch(condition)
    if matched is None or matched[1] not in summary:
        names = ", ".join(summary)
        raise UsageError(f"--fail-if {condition!r}: give NAME OP NUMBER, as in 'lost_requests > 0'; names: {names}")
    return bool(_COMPARE[matched[2]](summary[matched[1]], int(matched[3])))


def _parting(recorded: Recorded, old: Exchange, new: Exchange) -> dict[str, Any]:
    return {
        "ts": recorded.ts_us / 1e6,
        "id": recorded.id,
        "account": new.principal.account,
        "old": {"action": old.decision.action.value, "rule": old.decision.rule},
        "new": {"action": new.decision.action.value, "rule": new.decision.rule},
    }


def _tokens(recorded: Recorded) -> int:
    response = recorded.response
    if response is None or response.status >= 400:
        return 0
    counted = (response.input_tokens, response.cache_creation_input_tokens, response.output_tokens)
    return sum(tokens or 0 for tokens in counted)

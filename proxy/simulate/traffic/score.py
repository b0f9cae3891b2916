"""Owns the score of one run: what got out, who was acted on and when, and what it cost those who did nothing.

Reads nothing but what is true and what was decided; knows no detector. `scope: campaign` marks a refusal by a verdict,
and the rule of a probe one that was made to find out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from proxy.clock import US_PER_SECOND
from proxy.enforcement import PROBE_RULE
from proxy.simulate.lines import Recorded
from proxy.simulate.traffic.actor import Sent
from proxy.simulate.traffic.engine import Judged

PER = 100_000
"""Benign harm is told for so many accounts."""
_US_PER_MINUTE = 60 * US_PER_SECOND


class Campaigner(Protocol):
    """What a campaign tells of itself when all is over."""

    name: str
    wanted: int
    """Useful requests that it set out to make, repetitions not counted, what it found no account for included."""

    @property
    def pool_of(self) -> Mapping[str, int]:
        """The pool of each account, from 0."""


@dataclass(slots=True)
class CampaignScore:
    """One campaign. Useful exchanges are those that carry its tasks; its cover traffic is not counted."""

    name: str
    wanted: int = 0
    attempts: int = 0
    leaked: int = 0
    """Useful exchanges admitted and answered."""
    leak_percent: float = 0.0
    """Of those wanted."""
    minutes_to_detect: float | None = None
    """From its first useful exchange to the first one refused by a verdict; a probe finds out and is none yet."""
    exchanges_to_detect: int | None = None
    """Useful exchanges until then."""
    accounts: int = 0
    accounts_refused: int = 0
    """Of them, by a verdict, at any time."""
    acted_on_at_first_percent: float | None = None
    """Of the accounts whose first useful exchange after detection was refused by a verdict."""
    recall_percent: float = 0.0
    """Accounts refused by a verdict among those that sent anything useful."""
    tie_in_exchanges: tuple[int | None, ...] = ()
    """For each pool after the first: what was admitted before a verdict refused any of it; None: none ever did."""


@dataclass(slots=True)
class BenignScore:
    """One population or trap. Accounts are distinct."""

    name: str
    exchanges: int = 0
    accounts: int = 0
    blocked: int = 0
    """Accounts blocked by a verdict at least once."""
    throttled: int = 0
    """Accounts throttled by a verdict at least once."""
    harmed: int = 0
    """Accounts blocked or throttled by a verdict at least once."""
    refused_exchanges: int = 0
    """Exchanges refused by a verdict."""
    by_quota: int = 0
    """Accounts throttled by a quota, for information."""

    @property
    def harmed_per(self) -> float:
        """Accounts refused by a verdict in 100,000."""
        return self.harmed / self.accounts * PER if self.accounts else 0.0

    def added(self, other: BenignScore) -> BenignScore:
        """Both together; their accounts are different ones."""
        return BenignScore(
            self.name,
            self.exchanges + other.exchanges,
            self.accounts + other.accounts,
            self.blocked + other.blocked,
            self.throttled + other.throttled,
            self.harmed + other.harmed,
            self.refused_exchanges + other.refused_exchanges,
            self.by_quota + other.by_quota,
        )


@dataclass(slots=True)
class Score:
    """A run. Percentages are None where there was nothing to take them of."""

    exchanges: int
    campaigns: list[CampaignScore]
    benign: list[BenignScore]
    precision_percent: float | None
    """Accounts of campaigns among all that were refused by a verdict."""
    purity_percent: float | None
    """Refused exchanges that are of the campaign most of their campaign id's are of."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _CampaignTally:
    attempts: int = 0
    leaked: int = 0
    first_us: int | None = None
    detected_us: int | None = None
    attempts_to_detect: int | None = None
    accounts: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    after: dict[str, bool] = field(default_factory=dict)
    """Whether an account's first useful exchange after detection was refused by a verdict."""
    admitted_of_pool: Counter[int] = field(default_factory=Counter)
    """Until one of the pool was refused by a verdict."""
    refused_pools: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _BenignTally:
    exchanges: int = 0
    refused: int = 0
    accounts: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    throttled: set[str] = field(default_factory=set)
    by_quota: set[str] = field(default_factory=set)


class Scorer:
    """Counts a run as it goes; a `Watch` of the engine. Its memory grows with the accounts."""

    def __init__(self, campaigners: Sequence[Campaigner] = ()) -> None:
        self._campaigners = {campaigner.name: campaigner for campaigner in campaigners}
        self._campaigns = {name: _CampaignTally() for name in self._campaigners}
        self._benign: dict[str, _BenignTally] = {}
        self._refused_as: dict[str, Counter[str]] = {}
        self._exchanges = 0

    def __call__(self, recorded: Recorded, sent: Sent, judged: Judged) -> None:
        self._exchanges += 1
        by_verdict = judged.scope == "campaign"
        truth = sent.truth
        if by_verdict:
            self._refused_as.setdefault(judged.campaign or "", Counter())[truth.campaign or truth.scenario] += 1
        if truth.campaign is not None:
            self._useful(truth.campaign, recorded, sent, judged)
        elif truth.scenario not in self._campaigns:
            self._ordinary(truth.scenario, sent.account, judged)

    def score(self) -> Score:
        """The figures of the run so far."""
        guilty: set[str] = set().union(*(tally.refused for tally in self._campaigns.values()))
        innocent: set[str] = set().union(*(tally.blocked | tally.throttled for tally in self._benign.values()))
        pure = sum(max(labels.values()) for labels in self._refused_as.values())
        return Score(
            self._exchanges,
            [self._campaign(name, tally) for name, tally in self._campaigns.items()],
            [_benign(name, tally) for name, tally in sorted(self._benign.items())],
            _percent(len(guilty), len(guilty) + len(innocent)),
            _percent(pure, sum(labels.total() for labels in self._refused_as.values())),
        )

    def _useful(self, name: str, recorded: Recorded, sent: Sent, judged: Judged) -> None:
        tally, account = self._campaigns[name], sent.account
        by_verdict = judged.scope == "campaign"
        tally.attempts += 1
        tally.accounts.add(account)
        if tally.first_us is None:
            tally.first_us = recorded.ts_us
        if tally.detected_us is not None and account not in tally.after:
            tally.after[account] = by_verdict
        pool = self._campaigners[name].pool_of.get(account, 0)
        if by_verdict:
            tally.refused.add(account)
            tally.refused_pools.add(pool)
            if tally.detected_us is None and judged.rule != PROBE_RULE:
                tally.detected_us, tally.attempts_to_detect = recorded.ts_us, tally.attempts
        elif judged.action == "allow" and (recorded.response is None or recorded.response.status < 400):
            tally.leaked += 1
            if pool not in tally.refused_pools:
                tally.admitted_of_pool[pool] += 1

    def _ordinary(self, scenario: str, account: str, judged: Judged) -> None:
        tally = self._benign.setdefault(scenario, _BenignTally())
        tally.exchanges += 1
        tally.accounts.add(account)
        if judged.scope == "campaign":
            tally.refused += 1
            (tally.blocked if judged.action == "block" else tally.throttled).add(account)
        elif judged.action == "throttle":
            tally.by_quota.add(account)

    def _campaign(self, name: str, tally: _CampaignTally) -> CampaignScore:
        campaigner = self._campaigners[name]
        minutes = None
        if tally.detected_us is not None and tally.first_us is not None:
            minutes = round((tally.detected_us - tally.first_us) / _US_PER_MINUTE, 2)
        pools = range(1, max(campaigner.pool_of.values(), default=0) + 1)
        return CampaignScore(
            name,
            campaigner.wanted,
            tally.attempts,
            tally.leaked,
            _percent(tally.leaked, campaigner.wanted) or 0.0,
            minutes,
            tally.attempts_to_detect,
            len(tally.accounts),
            len(tally.refused),
            _percent(sum(tally.after.values()), len(tally.after)),
            _percent(len(tally.refused), len(tally.accounts)) or 0.0,
            tuple(tally.admitted_of_pool[pool] if pool in tally.refused_pools else None for pool in pools),
        )


def _benign(name: str, tally: _BenignTally) -> BenignScore:
    return BenignScore(
        name,
        tally.exchanges,
        len(tally.accounts),
        len(tally.blocked),
        len(tally.throttled),
        len(tally.blocked | tally.throttled),
        tally.refused,
        len(tally.by_quota),
    )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 3) if whole else None

"""Owns the life of one campaign's name: its level over time, and the campaign as it is told of a cluster's counts.

Knows no event, no clock and no store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.detect.cluster import FEWEST_PIECES, Cluster
from proxy.detect.conversations import ECHO_US, Relation
from proxy.detect.engine import Engine
from proxy.detect.pairs import takeovers
from proxy.detect.payers import Payer
from proxy.detect.pieces import PROVEN
from proxy.detect.template import Template
from proxy.events.content import TARGETS
from proxy.verdict.campaign import Campaign, Evidence, Level, Marks, Slice, Word
from proxy.verdict.judgement import SUSPECT, is_tested, level_of, score_of, score_without
from proxy.verdict.members import excused_accounts, known_accounts, members_of, whole_accounts
from proxy.verdict.mixture import asking_once, pool_accounts
from proxy.verdict.untested import are_customers, is_campaign_untested

MOST_MEMBERS = 30_000
_MOST_MARKS = 512
_WEIGHTY = 0.01
_ONE = 1000
"""The weight that makes a request one of the campaign."""
_PROBES = 3
_PROBES_PICKED_UP = 6
_NOBODY_BACK, _ONE_PROBE, _ONE_MORE = 150, 500, 250
"""Openings from which one refusal is not enough that nobody came back to, and that somebody did, and for each refusal
beyond the first few. Part of most pools' clients try again by themselves, so the first may well meet one of them."""
_CONTRADICTED = -2.0
_NEVERTHELESS, _MANY_MORE = 9.5, 1000
"""All in all, with so many openings: then even a contradicted suspicion is worth a refusal."""
_UNLIKE = 5.0
_MANY_OPENINGS, _MANY_REQUESTS = 300, 800
"""Openings; and requests, where each begins a long conversation with tools."""
_TIME_TO_TEST = 100
"""Openings, of which the probes are a part, between enough evidence and a verdict that rests on no test."""
_LEAST_OPENINGS = 60
"""Before a probe: time for what speaks against to show."""


@dataclass(slots=True)
class Record:
    """What is kept of a campaign between two judgements."""

    id: str
    level: Level
    level_us: int
    """When it got its present level."""
    evidence: tuple[Evidence, ...] = ()
    word: Word | None = None
    merged: list[str] = field(default_factory=list)
    probing: bool = False
    kept: Campaign | None = None
    """As it was before a restart: its counts are added to what was seen since."""
    is_mixed: bool = False
    """Others say the same, whom a refusal brings back by themselves while the campaign's accounts fail over."""
    imitates: bool = False
    """It is mixed because these others have conversations with what it asks once."""
    asked_once: bool = False
    """Nearly all of its questions began a conversation when it got its level: who is refused goes on with nothing."""
    enough_at: int | None = None
    """Openings from which it has time to be tested, the evidence being enough without; None while it is not."""
    pool: int = 0
    """Payers that were known to take over from one another when it was told last."""
    united_next: int = 0
    """Requests from which it is compared again with the clusters that it has met."""
    first: dict[Level, int] = field(default_factory=dict)
    """When it got each level first."""

    def __post_init__(self) -> None:
        self.reach(self.level, self.level_us)

    @property
    def detected_us(self) -> int:
        """When it got its present level first; a verdict that was given up for a while is as old as it was."""
        return self.first[self.level]

    @property
    def has_acted(self) -> bool:
        """Whether it was confirmed at some time: what it refused is told of, though nothing speaks for it any more."""
        return Level.CONFIRMED in self.first

    def reach(self, level: Level, now_us: int) -> None:
        """Gives it a level."""
        self.level, self.level_us = level, now_us
        self.first.setdefault(level, now_us)

    @property
    def score(self) -> float:
        return score_of(self.evidence)

    def take_over(self, other: Record) -> None:
        """Goes on for both: the other one's cluster has become part of this one's."""
        self.merged += [other.id, *other.merged]
        self.word = self.word or other.word
        self.kept = self.kept or other.kept
        # Where either was told from customers by who came back, who asks once may be a customer.
        mixed = [each for each in (self, other) if each.is_mixed]
        self.is_mixed, self.imitates = bool(mixed), bool(mixed) and all(each.imitates for each in mixed)
        if other.level is self.level:
            self.level_us = min(self.level_us, other.level_us)
        elif other.level is Level.CONFIRMED:
            self.level, self.evidence, self.level_us = other.level, other.evidence, other.level_us
            self.asked_once = other.asked_once
        for level, first_us in other.first.items():
            self.first[level] = min(first_us, self.first.get(level, first_us))


def level_after(cluster: Cluster, record: Record, evidence: Sequence[Evidence]) -> Level | None:
    """The level that new evidence allows; None for one that nothing speaks for any more, and that refused nobody."""
    level = _allowed(cluster, record, evidence)
    return Level.SUSPECTED if level is None and record.has_acted else level


def _allowed(cluster: Cluster, record: Record, evidence: Sequence[Evidence]) -> Level | None:
    """Confirmed untested only if there was time for a test. A verdict that turns out weaker stands for a while."""
    openings = cluster.dealt.openings
    level = level_of(evidence, record.level, openings)
    if record.level is Level.CONFIRMED:
        record.enough_at = None
        if level is Level.CONFIRMED and not is_tested(evidence) and are_customers(cluster, evidence):
            level = Level.SUSPECTED
        # What it refuses comes back at once where it comes back by itself, and later where others take it up.
        return Level.CONFIRMED if cluster.last_us - record.level_us < ECHO_US else level
    if level is not Level.CONFIRMED or is_tested(evidence):
        record.enough_at = None
        return level
    if record.enough_at is None:
        was_tested = cluster.probes >= _PROBES
        record.enough_at = openings - was_tested * _TIME_TO_TEST
    had_time = openings >= record.enough_at + _TIME_TO_TEST
    return level if had_time and is_campaign_untested(cluster, evidence) else Level.SUSPECTED


def marks_of(engine: Engine, cluster: Cluster) -> Marks:
    """The pieces that tell the cluster's traffic from all other, the weightiest first."""
    found = []
    trusts: dict[Template | None, float] = {} if cluster.gone else {each: each.trust for each in cluster.templates}
    for shared in engine.pieces.remembered(cluster.pieces):
        trust = trusts.get(shared.template)
        if trust is not None and shared.hits >= PROVEN and shared.weight >= _WEIGHTY:
            found.append((round(_ONE * trust * shared.mark), shared.piece))
    found.sort(reverse=True)
    del found[_MOST_MARKS:]
    pieces, weights = tuple(piece for _, piece in found), tuple(weight for weight, _ in found)
    return Marks(pieces, weights, _ONE, FEWEST_PIECES)


def _only(engine: Engine, members: Sequence[Payer], cluster: Cluster, record: Record) -> tuple[str, ...] | None:
    """Whom alone a campaign that shares its words with customers means; those of before a restart too."""
    if not record.is_mixed:
        return None
    before = record.kept.members if record.kept is not None and record.kept.mixed else ()
    pool = asking_once(members, cluster) if record.imitates else ()
    return tuple(sorted({*pool, *pool_accounts(members, cluster, engine.networks), *before}))


def campaign_of(engine: Engine, cluster: Cluster, record: Record, expires_after_us: int) -> Campaign:
    """The campaign as it stands."""
    kept = record.kept
    level = Level.CONFIRMED if record.word is Word.CONFIRM else record.level
    marks = marks_of(engine, cluster)
    if not marks.pieces and kept is not None:
        marks = kept.marks
    members = members_of(engine, cluster)
    only = _only(engine, members, cluster, record)
    excused = excused_accounts(members, cluster) if only is None else ()
    is_confirmed = level is Level.CONFIRMED
    whole = whole_accounts(members, cluster) if is_confirmed else ()
    known = known_accounts(members, cluster) if is_confirmed else ()
    return Campaign(
        id=record.id,
        level=level,
        score=record.score,
        first_us=cluster.first_us,
        detected_us=record.detected_us,
        confirmed_us=record.first.get(Level.CONFIRMED),
        last_us=cluster.last_us,
        expires_us=cluster.last_us + expires_after_us,
        accounts=len(cluster.members if only is None else only),
        members=cluster.latest_members(MOST_MEMBERS) if only is None else only,
        whole=tuple(sorted({*whole} - {*excused} if only is None else {*whole} & {*only})),
        known=tuple(sorted({*known} - {*whole})),
        excused=excused,
        mixed=record.is_mixed,
        marks=marks,
        networks=len(cluster.networks),
        exchanges_seen=cluster.requests + cluster.held_requests,
        exchanges_admitted=cluster.admitted,
        exchanges_prevented=cluster.prevented,
        input_tokens_admitted=cluster.input_tokens,
        output_tokens_admitted=cluster.output_tokens,
        models=dict(cluster.models),
        targets={
            target.value: round(count / max(cluster.requests, 1), 4)
            for target, count in zip(TARGETS, cluster.targets, strict=True)
            if count
        },
        evidence=record.evidence,
        timeline=tuple(Slice(*part) for part in cluster.timeline.slices()),
        slice_us=cluster.timeline.width_us,
        merged=tuple(record.merged),
        probing=record.probing,
        probed=cluster.probed_accounts() if record.probing else (),
        word=record.word,
    )


def _probes(cluster: Cluster, is_enough: bool) -> int:
    """How many refusals a suspicion is worth: one, and several once one was picked up, or if nobody came back to it.

    Several also before it is confirmed without any that was, and one more now and then where several were picked up:
    what they tell together decides in the end. Where somebody did come back, one more at `_ONE_PROBE` openings, and
    whenever it has grown fourfold since. One that the same payer picked up under another account was in vain.
    """
    openings = cluster.dealt.openings
    tested = takeovers(cluster.pairs.tested)
    in_vain = min(cluster.relations[Relation.ROUTED] + tested.house, _PROBES)
    if picked_up := tested.apart:
        more = openings // _ONE_MORE if picked_up > 1 else 0
        return min(2 + 2 * picked_up, _PROBES_PICKED_UP) + in_vain + more
    came_back = cluster.relations[Relation.CAME_BACK]
    if (not came_back and openings >= _NOBODY_BACK) or is_enough:
        return _PROBES + in_vain
    fourfold = ((openings // _ONE_PROBE).bit_length() + 1) // 2
    return min(1 + fourfold, _PROBES) + in_vain


def is_probing(cluster: Cluster, record: Record) -> bool:
    """A few refusals would decide: the score is near, and it is not known yet whether others pick them up."""
    openings, is_enough = cluster.dealt.openings, record.enough_at is not None
    if record.level is not Level.SUSPECTED or cluster.probes >= _probes(cluster, is_enough):
        return False
    if is_enough:
        return True
    if any(each.weight <= _CONTRADICTED for each in record.evidence if each.family != "balance"):
        return record.score >= _NEVERTHELESS and openings >= _MANY_MORE
    if record.score >= SUSPECT and openings >= _LEAST_OPENINGS:
        return True
    # Who behaves like people on purpose looks like people in everything but this.
    is_much = openings >= _MANY_OPENINGS or (openings >= _LEAST_OPENINGS and cluster.requests >= _MANY_REQUESTS)
    return is_much and score_without(record.evidence, "balance") >= _UNLIKE

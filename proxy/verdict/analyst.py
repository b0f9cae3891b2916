"""Owns the judgement over time: events in, campaigns out. Synchronous; knows event time only, no store and no policy.

A campaign keeps its name when its accounts, its networks or its wording change, as long as something ties the new to
the old: pieces of its text, or requests of it that others pick up.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from proxy.admission.bucket import DAY_US
from proxy.detect.cluster import Cluster
from proxy.detect.engine import Engine
from proxy.events.event import Asked, Event
from proxy.verdict.campaign import Campaign, Level, Word
from proxy.verdict.judgement import is_tested, level_of
from proxy.verdict.kinship import are_its_own, are_one
from proxy.verdict.mixture import asks_once, is_imitation, is_mixed
from proxy.verdict.record import Record, campaign_of, is_probing, level_after
from proxy.verdict.scoring import is_shared, weigh, weigh_again

_GROWTH = 1.04
"""A cluster is judged again when it has grown by so much, and by so many requests."""
_STEP = 8
RENEWAL_US = 10_000_000
"""What is told of a campaign that goes on as before is at most so old."""
_SWEEP_US = 60_000_000
MOST_CAMPAIGNS = 500


class Analyst:
    """Finds campaigns. One a deployment."""

    def __init__(self, expires_after_us: int = 7 * DAY_US) -> None:
        self.expires_after_us = expires_after_us
        self._engine = Engine()
        self._records: dict[str, Record] = {}
        self._told: dict[str, Campaign] = {}
        self._stale: set[str] = set()
        """Campaigns that have changed since they were told."""
        self._urgent = False
        """A level, a name or a probe has changed: to be told at once."""
        self._told_us = 0
        self._swept_us = 0

    def observe(self, event: Event) -> None:
        """Takes in one event; events come in the order of their moments."""
        if isinstance(event, Asked):
            self._engine.asked(event)
        else:
            self._engine.answered(event)

    def judge(self, now_us: int) -> bool:
        """Weighs what has changed; whether campaigns have, so that they are to be told anew."""
        for _ in self.judging(now_us):
            pass
        return self.has_news(now_us)

    def judging(self, now_us: int) -> Iterator[None]:
        """Weighs what has changed, one cluster a step. No event may come in between."""
        for cluster in self._engine.clusters.take_touched():
            if not cluster.gone:
                self._judge(cluster, now_us)
                yield
        if now_us - self._swept_us >= _SWEEP_US:
            self._swept_us = now_us
            self._expire(now_us)

    def has_news(self, now_us: int) -> bool:
        """Whether campaigns are to be told anew: a new level at once, new counts and marks every `RENEWAL_US`."""
        if not self._stale or not (self._urgent or now_us - self._told_us >= RENEWAL_US):
            return False
        self._urgent, self._told_us = False, now_us
        return True

    def campaigns(self) -> list[Campaign]:
        """Every campaign with the very latest counts, operators' words included; in the order of their names.

        Who looks changes nothing: neither what `verdicts` tells nor when `judge` says that it is to be told anew.
        """
        found = (self._tell(name) for name in sorted(self._records))
        return [campaign for campaign in found if campaign is not None]

    def verdicts(self) -> list[Campaign]:
        """The same as they stood when they were judged last, which is all that the hot path needs."""
        for name in self._stale:
            campaign = self._tell(name)
            if campaign is None:
                self._told.pop(name, None)
            else:
                self._told[name] = campaign
        self._stale.clear()
        return [self._told[name] for name in sorted(self._told)]

    def say(self, campaign_id: str, word: Word | None) -> bool:
        """An operator's word on a campaign; False where there is none of that name."""
        record = self._records.get(campaign_id)
        if record is None:
            return False
        record.word = word
        self._change(campaign_id)
        return True

    def state(self) -> bytes:
        """What a successor needs: every campaign with its marks. The ledgers fill again from the traffic."""
        return msgspec.json.encode(self.campaigns())

    @classmethod
    def restored(cls, state: bytes, expires_after_us: int = 7 * DAY_US) -> Analyst:
        """The analyst that wrote `state`. msgspec.DecodeError where it is none."""
        analyst = cls(expires_after_us)
        for campaign in sorted(msgspec.json.decode(state, type=list[Campaign]), key=lambda each: each.detected_us):
            analyst._adopt(campaign)
        return analyst

    def _tell(self, name: str) -> Campaign | None:
        record, cluster = self._records.get(name), self._engine.by_campaign.get(name)
        if record is None or cluster is None:
            return None
        return campaign_of(self._engine, cluster, record, self.expires_after_us)

    def _change(self, *names: str) -> None:
        self._stale.update(names)
        self._urgent = True

    def _judge(self, cluster: Cluster, now_us: int) -> None:
        record = self._record(cluster)
        has_grown = cluster.requests >= cluster.judged_next
        if record is not None and (has_grown or cluster.requests >= record.united_next):
            record.united_next = cluster.requests + _STEP
            self._unite(cluster, with_campaigns=has_grown)
            record = self._record(cluster)
        confirmed = record is not None and record.level is Level.CONFIRMED
        if record is not None and confirmed:
            self._find_customers(cluster, record)
        if (confirmed or record is None) and not has_grown:
            return
        cluster.judged_next = round(cluster.requests * _GROWTH) + _STEP
        if record is None:
            if not is_shared(cluster):
                return
            self._unite(cluster, with_campaigns=True)
            record = self._record(cluster)
        if record is None:
            self._suspect(cluster, now_us)
        else:
            self._stale.add(record.id)
            self._reconsider(cluster, record, now_us)

    def _find_customers(self, cluster: Cluster, record: Record) -> None:
        """Notes that a campaign shares its words with customers, once it shows, and then who else it means."""
        if record.is_mixed:
            if record.pool != len(cluster.pairs.pool):
                record.pool = len(cluster.pairs.pool)
                self._stale.add(record.id)
            return
        record.imitates = record.asked_once and is_imitation(cluster, record.evidence)
        record.is_mixed = record.imitates or is_mixed(cluster, record.evidence)
        if record.is_mixed:
            self._change(record.id)

    def _suspect(self, cluster: Cluster, now_us: int) -> None:
        evidence = tuple(weigh(cluster, self._engine.networks))
        level = level_of(evidence, None, cluster.dealt.openings)
        if level is not None and len(self._records) < MOST_CAMPAIGNS:
            record = self._name(cluster, level if is_tested(evidence) else Level.SUSPECTED, now_us)
            record.evidence = evidence
            record.probing = is_probing(cluster, record)

    def _reconsider(self, cluster: Cluster, record: Record, now_us: int) -> None:
        if record.kept is not None and cluster.requests - record.kept.exchanges_seen < 500:
            return
        refusing = record.level is Level.CONFIRMED
        around = self._engine.networks
        evidence = tuple(weigh_again(cluster, around, record.evidence) if refusing else weigh(cluster, around))
        level = level_after(cluster, record, evidence)
        if level is None:
            self._forget(record)
            return
        if level is not record.level and record.word is not Word.HOLD:
            record.reach(level, now_us)
            record.asked_once = asks_once(cluster)
            self._urgent = True
        record.evidence = evidence
        probing = is_probing(cluster, record)
        if probing is not record.probing:
            record.probing, self._urgent = probing, True

    def _name(self, cluster: Cluster, level: Level, now_us: int) -> Record:
        seed = f"{cluster.first_us} {min(cluster.pieces, default=0)} {next(iter(cluster.members))}"
        name = "c-" + blake2b(seed.encode(), digest_size=6).hexdigest()
        record = self._records[name] = Record(name, level, now_us)
        self._engine.name(cluster, name)
        self._change(name)
        return record

    def _unite(self, cluster: Cluster, *, with_campaigns: bool) -> None:
        """Merges the clusters that turn out to be parts of this one: those that it has met, or all campaigns' too."""
        engine = self._engine
        campaigns = engine.by_campaign.values() if with_campaigns else ()
        # A dict keeps their order, which a set of objects would leave to where they lie in memory.
        for other in {**cluster.neighbours, **cluster.crossings, **dict.fromkeys(campaigns)}:
            if other is cluster or other.gone or cluster.gone or not self._are_one(cluster, other):
                continue
            if cluster.campaign is not None and other.campaign is not None and cluster.campaign != other.campaign:
                engine.name(cluster, self._merge_records(cluster.campaign, other.campaign))
            elif other.campaign is not None:
                engine.name(cluster, other.campaign)
            engine.merge(cluster, other)

    def _are_one(self, one: Cluster, other: Cluster) -> bool:
        return are_one(one, other, self._engine.networks) or self._covers(one, other) or self._covers(other, one)

    def _covers(self, cluster: Cluster, tied: Cluster) -> bool:
        """Whether those who are known by their ties alone are a campaign's accounts, whose verdicts brought the ties
        about. An operator's word on it is on them as well, unless they were confirmed before it was.
        """
        record, theirs = self._record(cluster), self._record(tied)
        if record is None or (theirs is not None and theirs.word is not None):
            return False
        is_apart = theirs is not None and theirs.level is Level.CONFIRMED
        decided = record.level is Level.CONFIRMED or (record.word is not None and not is_apart)
        return decided and are_its_own(tied, cluster)

    def _record(self, cluster: Cluster) -> Record | None:
        return self._records.get(cluster.campaign) if cluster.campaign is not None else None

    def _merge_records(self, *names: str) -> str:
        """The name that both go by from now on: the one that was given first."""
        name, *others = [each for each in self._records if each in names]
        for other in others:
            self._records[name].take_over(self._records.pop(other))
        self._change(name, *others)
        return name

    def _expire(self, now_us: int) -> None:
        for record in list(self._records.values()):
            cluster = self._engine.by_campaign.get(record.id)
            if cluster is None or (now_us - cluster.last_us > self.expires_after_us and record.word is None):
                self._forget(record)

    def _forget(self, record: Record) -> None:
        if record.word is not None:
            return
        del self._records[record.id]
        self._change(record.id)
        cluster = self._engine.by_campaign.pop(record.id, None)
        if cluster is not None:
            cluster.campaign = None

    def _adopt(self, campaign: Campaign) -> None:
        marks = campaign.marks
        weights = {piece: weight / 1000 for piece, weight in zip(marks.pieces, marks.weights, strict=True)}
        least, seen = marks.least / 1000, campaign.exchanges_seen
        cluster = self._engine.adopt(campaign.id, weights, least, seen, campaign.first_us)
        cluster.last_us = campaign.last_us
        cluster.admitted, cluster.prevented = campaign.exchanges_admitted, campaign.exchanges_prevented
        cluster.input_tokens, cluster.output_tokens = campaign.input_tokens_admitted, campaign.output_tokens_admitted
        cluster.models.update(campaign.models)
        cluster.members.update(dict.fromkeys(campaign.members, 1))
        record = Record(campaign.id, campaign.level, campaign.detected_us, campaign.evidence, campaign.word)
        record.merged, record.kept = list(campaign.merged), campaign
        if campaign.confirmed_us is not None:
            record.first[Level.CONFIRMED] = campaign.confirmed_us
        record.is_mixed = campaign.mixed
        record.imitates = campaign.mixed and not is_tested(campaign.evidence)
        self._records[campaign.id] = record
        self._change(campaign.id)

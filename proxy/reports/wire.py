"""Owns a campaign as JSON: the replay report's object, and what the admin API tells beside it; both ways. Pure.

Moments are seconds since the epoch, as everywhere in the exchange log's contract.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from proxy.reports.wording import SECOND_US
from proxy.verdict.campaign import Campaign, Evidence, Level, Slice, Word


class ReportedEvidence(Struct, frozen=True):
    """One signal; `weight` in nats."""

    family: str
    signal: str
    weight: float
    detail: str = ""


class Reported(Struct, frozen=True, kw_only=True):
    """A campaign in the replay report, with the contract's fields in the contract's order."""

    id: str
    level: Level
    first_ts: float
    detected_ts: float
    accounts: tuple[str, ...]
    """The members known by name, sorted."""
    networks: int
    exchanges_seen: int
    exchanges_admitted: int
    exchanges_prevented: int
    input_tokens_admitted: int
    output_tokens_admitted: int
    models: dict[str, int]
    targets: dict[str, float]
    evidence: tuple[ReportedEvidence, ...]


class ReportedSlice(Struct, frozen=True):
    """Exchanges from `ts` until `slice_s` later."""

    ts: float
    admitted: int
    prevented: int


class Detail(Struct, frozen=True, kw_only=True):
    """What the contract's object leaves out. Absent fields are unknown."""

    last_ts: float | None = None
    expires_ts: float | None = None
    score: float | None = None
    word: Word | None = None
    members: int | None = None
    """Accounts seen in it, which may be more than are known by name."""
    whole: tuple[str, ...] = ()
    """Members all of whose traffic is acted on."""
    mixed: bool = False
    """Others say the same: of its matching traffic only the members' is acted on."""
    probing: bool = False
    merged: tuple[str, ...] = ()
    slice_s: float = 0.0
    timeline: tuple[ReportedSlice, ...] = ()


def reported(campaign: Campaign) -> dict[str, Any]:
    """The replay report's object."""
    return _builtins(_reported(campaign))


def detail(campaign: Campaign) -> dict[str, Any]:
    """What the replay report's object leaves out."""
    return _builtins(_detail(campaign))


def told(campaign: Campaign) -> dict[str, Any]:
    """Everything, as the admin API tells it of one campaign."""
    return reported(campaign) | detail(campaign)


def summary(campaign: Campaign) -> dict[str, Any]:
    """As the admin API tells it of many: without names of accounts and without the time line."""
    return {key: value for key, value in told(campaign).items() if key not in ("accounts", "whole", "timeline")}


def recovered(given: dict[str, Any], beside: dict[str, Any] | None = None) -> Campaign:
    """The campaign that `given` tells of, in any of the forms above; `beside` is a detail that stands elsewhere.

    msgspec.ValidationError where it does not tell of one. What it leaves out is as if never seen.
    """
    base = msgspec.convert({"accounts": ()} | given, Reported)
    more = msgspec.convert(given if beside is None else beside, Detail)
    return Campaign(
        id=base.id,
        level=base.level,
        score=more.score if more.score is not None else sum(signal.weight for signal in base.evidence),
        first_us=_us(base.first_ts),
        detected_us=_us(base.detected_ts),
        last_us=_us(more.last_ts or 0.0),
        expires_us=_us(more.expires_ts or 0.0),
        accounts=len(base.accounts) if more.members is None else more.members,
        members=base.accounts,
        whole=more.whole,
        mixed=more.mixed,
        networks=base.networks,
        exchanges_seen=base.exchanges_seen,
        exchanges_admitted=base.exchanges_admitted,
        exchanges_prevented=base.exchanges_prevented,
        input_tokens_admitted=base.input_tokens_admitted,
        output_tokens_admitted=base.output_tokens_admitted,
        models=base.models,
        targets=base.targets,
        evidence=tuple(Evidence(seen.family, seen.signal, seen.weight, seen.detail) for seen in base.evidence),
        timeline=tuple(Slice(_us(piece.ts), piece.admitted, piece.prevented) for piece in more.timeline),
        slice_us=_us(more.slice_s),
        merged=more.merged,
        probing=more.probing,
        word=more.word,
    )


def _reported(campaign: Campaign) -> Reported:
    return Reported(
        id=campaign.id,
        level=campaign.level,
        first_ts=campaign.first_us / SECOND_US,
        detected_ts=campaign.detected_us / SECOND_US,
        accounts=tuple(sorted(campaign.members)),
        networks=campaign.networks,
        exchanges_seen=campaign.exchanges_seen,
        exchanges_admitted=campaign.exchanges_admitted,
        exchanges_prevented=campaign.exchanges_prevented,
        input_tokens_admitted=campaign.input_tokens_admitted,
        output_tokens_admitted=campaign.output_tokens_admitted,
        models=campaign.models,
        targets=campaign.targets,
        evidence=tuple(
            ReportedEvidence(seen.family, seen.signal, seen.weight, seen.detail) for seen in campaign.evidence
        ),
    )


def _detail(campaign: Campaign) -> Detail:
    return Detail(
        last_ts=campaign.last_us / SECOND_US,
        expires_ts=campaign.expires_us / SECOND_US,
        score=campaign.score,
        word=campaign.word,
        members=campaign.accounts,
        whole=tuple(sorted(campaign.whole)),
        mixed=campaign.mixed,
        probing=campaign.probing,
        merged=campaign.merged,
        slice_s=campaign.slice_us / SECOND_US,
        timeline=tuple(
            ReportedSlice(piece.start_us / SECOND_US, piece.admitted, piece.prevented) for piece in campaign.timeline
        ),
    )


def _builtins(struct: Struct) -> dict[str, Any]:
    # Lists rather than tuples, so that what is told equals what comes back from JSON.
    given: dict[str, Any] = msgspec.to_builtins(struct)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}


def _us(seconds: float) -> int:
    return round(seconds * SECOND_US)

"""Owns the policy language: every key, what it may hold, and what it means. Mirrors the YAML one to one.

Knows neither YAML nor how a policy is served. A default that is not stated in a key's text is 'absent'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, Literal

from proxy.admission.quota import Reserve, Unit
from proxy.admission.store import StoreFailure
from proxy.policy import scalars
from proxy.policy.campaign_spec import CampaignsSpec
from proxy.policy.prefixes import Prefix
from proxy.policy.shapes import Listing, Mapped, OneOrMore, Record, Scalar, Spec, WordOr, declare
from proxy.policy.terms import AMOUNT, GLOB, MODE, NAME, NETWORK, RATE, TEXT, WORD, Matcher, Mode, choice


class Dimension(StrEnum):
    """What a quota can be kept for, in the order in which a bucket's key names them."""

    ACCOUNT = "account"
    ORG = "org"
    END_USER = "end_user"
    NETWORK = "network"
    ADDRESS = "address"
    ASN = "asn"
    COUNTRY = "country"
    TIER = "tier"
    MODEL = "model"
    PATH = "path"
    CLIENT = "client"


UNLIMITED: Literal["unlimited"] = "unlimited"

COUNT = Scalar("a whole number", scalars.count, pattern=scalars.NUMBER, types=("integer", "string"), range=(1, None))
SINCE = Scalar("a date such as 2026-10-01", scalars.day, pattern=scalars.DATE)
_SINCE_DOC = "The day from which it is in shadow mode; `stillgate check` warns when that was over 30 days ago."


def _principal(name: str) -> Scalar:
    return Scalar(name, scalars.principal, pattern=scalars.PRINCIPAL, types=WORD)


def _prefix_length(parse: Callable[[str], int], longest: int) -> Scalar:
    return Scalar(
        "a prefix length", parse, pattern=scalars.PREFIX_LENGTH, types=("integer", "string"), range=(1, longest)
    )


@dataclass(frozen=True, kw_only=True)
class Numbers(Spec):
    """How much a quota grants."""

    exactly_one_of: ClassVar[tuple[str, ...]] = ("rate", "budget", "limit")

    rate: scalars.RateText | None = declare(
        RATE,
        "A token bucket that refills continuously: N/s, N/min, N/h or N/day; k and M are thousand and million.",
    )
    burst: int | None = declare(AMOUNT, "The bucket's capacity. Default: what `rate` gives in one of its periods.")
    budget: scalars.BudgetText | None = declare(
        Scalar("a budget such as 5M/day", scalars.budget, pattern=scalars.BUDGET),
        "So much in each calendar day or month, in UTC: N/day or N/month.",
    )
    limit: int | None = declare(COUNT, "So many exchanges under way at once; for unit concurrent.")


OWN_NUMBERS = Mapped(NAME, WordOr(UNLIMITED, Record(Numbers)))
OwnNumbers = Mapping[str, Numbers | Literal["unlimited"]]


@dataclass(frozen=True, kw_only=True)
class QuotaSpec(Numbers):
    """A limit. All that match apply: an exchange passes when all grant; if one denies, none is charged."""

    id: str = declare(NAME, "The quota's name, in answers, metrics and overrides.", required=True, default="")
    match: Matcher | None = declare(Record(Matcher), "Which exchanges it applies to. Default: all.")
    unless: Matcher | None = declare(Record(Matcher), "Which of these it exempts.")
    key: tuple[Dimension, ...] = declare(
        OneOrMore(choice("a dimension", Dimension), may_be_empty=True),
        "What each bucket is kept for; [] is one bucket for everybody. A quota kept for org, end_user, asn or country "
        "does not apply to an exchange that has none.",
        required=True,
        default=(),
    )
    unit: Unit | None = declare(
        choice("a unit", Unit), "What it counts. Cache reads are not input tokens.", required=True
    )
    reserve: Reserve | None = declare(
        choice("a way to reserve", Reserve),
        "What output_tokens or total_tokens are charged at admission, before the answer tells: the request's "
        "max_tokens, an estimate (the default), or none.",
    )
    mode: Mode = declare(MODE, "shadow: counted and logged, denies nothing. Default: enforce.", default=Mode.ENFORCE)
    since: date | None = declare(SINCE, _SINCE_DOC)
    description: str | None = declare(TEXT, "What it is for, for whoever reads the policy.")
    reason: str | None = declare(TEXT, "What a client that it refuses is told, after the limit and when to come back.")


@dataclass(frozen=True, kw_only=True)
class AccessSpec(Spec):
    """An access rule. In order, the first that matches decides; what none matches is allowed."""

    exactly_one_of: ClassVar[tuple[str, ...]] = ("deny", "allow")

    id: str = declare(NAME, "The rule's name, in answers and metrics.", required=True, default="")
    deny: Matcher | None = declare(Record(Matcher), "Refuse these with 403; {} is everything. This or `allow`.")
    allow: Matcher | None = declare(Record(Matcher), "Let these pass; {} is everything. This or `deny`.")
    unless: Matcher | None = declare(Record(Matcher), "The rule does not match these.")
    reason: str | None = declare(TEXT, "What a client that it refuses is told.")
    mode: Mode = declare(MODE, "shadow: noted and passed over. Default: enforce.", default=Mode.ENFORCE)
    since: date | None = declare(SINCE, _SINCE_DOC)
    description: str | None = declare(TEXT, "What it is for, for whoever reads the policy.")


@dataclass(frozen=True, kw_only=True)
class TierSpec(Spec):
    """A class of accounts.

    Where accounts of several tiers would share a bucket (one kept for the network, or the organisation), those of a
    tier with its own numbers draw from a bucket of their own.
    """

    description: str | None = declare(TEXT, "Who is in it, for whoever reads the policy.")
    quotas: OwnNumbers = declare(OWN_NUMBERS, "The tier's own numbers for quotas, by id: numbers, or `unlimited`.")


@dataclass(frozen=True, kw_only=True)
class OverrideSpec(Spec):
    """A named principal's own numbers. Account goes before org, org before network, all of them before tier.

    Where the bucket is not already its own, the principal draws from one of its own: an account's numbers for a quota
    kept for the network fill a bucket for that account in each network, and the network's own bucket is left alone.
    """

    exactly_one_of: ClassVar[tuple[str, ...]] = ("account", "org", "network")

    account: str | None = declare(_principal("an account"), "Whose numbers: an account.")
    org: str | None = declare(_principal("an organisation"), "Whose numbers: each account of an org.")
    network: Prefix | None = declare(NETWORK, "Whose numbers: all in a network; of several, the narrowest decides.")
    tier: str | None = declare(NAME, "The tier it belongs to, whatever its attributes say.")
    quotas: OwnNumbers = declare(
        OWN_NUMBERS,
        "Its own numbers for quotas, by id, or `unlimited`. A rate without burst has its own default burst.",
    )


@dataclass(frozen=True, kw_only=True)
class NetworkPrefixSpec(Spec):
    """How long the prefix is that makes addresses one network."""

    ipv4: int = declare(_prefix_length(scalars.ipv4_prefix, 32), "For IPv4. Default: 24.", default=24)
    ipv6: int = declare(_prefix_length(scalars.ipv6_prefix, 128), "For IPv6. Default: 64.", default=64)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """What a model can take and give; nothing is refused for it, `stillgate check` measures the quotas by it."""

    max_output_tokens: int | None = declare(COUNT, "The most output tokens that one answer may have.")
    context_tokens: int | None = declare(COUNT, "The most tokens that one request may have, its answer included.")


@dataclass(frozen=True, kw_only=True)
class PolicySpec(Spec):
    """A policy: one file, or the files of a folder, united in the order of their names."""

    version: int = declare(
        Scalar("a version", scalars.version, ("1",), types=("integer", "string")),
        "The version of the language: 1.",
        required=True,
        default=1,
    )
    name: str | None = declare(NAME, "Makes the file a complete policy of its own, which is never united with others.")
    mode: Mode = declare(MODE, "shadow: the whole policy denies nothing. Default: enforce.", default=Mode.ENFORCE)
    trusted_proxies: tuple[Prefix, ...] | None = declare(
        OneOrMore(NETWORK, may_be_empty=True),
        "Peers whose forwarding and account headers are believed. Default: loopback and the private ranges.",
    )
    network_prefix: NetworkPrefixSpec | None = declare(
        Record(NetworkPrefixSpec), "Which addresses are one network. Default: {ipv4: 24, ipv6: 64}."
    )
    tiers: Mapping[str, TierSpec] = declare(Mapped(NAME, Record(TierSpec)), "The classes of accounts, by name.")
    models: Mapping[str, ModelSpec] = declare(
        Mapped(GLOB, Record(ModelSpec)),
        "The models behind the proxy, by pattern; of several that fit, the first describes a model. For checking only.",
    )
    default_tier: str | None = declare(NAME, "The tier of an account that has none, or one that is not declared.")
    access: tuple[AccessSpec, ...] = declare(Listing(Record(AccessSpec)), "Who may use what.", default=())
    quotas: tuple[QuotaSpec, ...] = declare(Listing(Record(QuotaSpec)), "How much of it.", default=())
    overrides: tuple[OverrideSpec, ...] = declare(Listing(Record(OverrideSpec)), "Named exceptions.", default=())
    campaigns: CampaignsSpec | None = declare(
        Record(CampaignsSpec), "What is done about distillation campaigns. Default: nobody looks for any."
    )
    on_store_failure: StoreFailure = declare(
        choice("a way to fail", StoreFailure),
        "While the bucket store is lost: `local` keeps a bounded share of each limit in this process (the default), "
        "`allow` lets everything pass, `deny` nothing.",
        default=StoreFailure.LOCAL,
    )

"""Owns the language of policy tests: every key, what it may hold, and what it means. Mirrors the YAML one to one.

Declared as the policy language is, so that the same reader reads it. Knows no policy and runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from proxy.policy import scalars
from proxy.policy.shapes import Listing, OneOrMore, Record, Scalar, Spec, WordOr, declare
from proxy.policy.terms import NAME, TEXT
from proxy.simulate.policytest import texts
from proxy.simulate.policytest.texts import Bounds, Series
from proxy.verdict.campaign import Level

MONDAY_US = texts.instant("2026-01-05")
ALLOW: Literal["allow"] = "allow"


class Scope(StrEnum):
    """Whose limit refused, as decisions name it."""

    ACCOUNT = "account"
    ORG = "org"
    NETWORK = "network"
    CAMPAIGN = "campaign"
    GLOBAL = "global"
    ACCESS = "access"


_WHO = Scalar("a name, or a series such as acct_<1..50>", texts.series)
_TOKENS = Scalar("a number of tokens such as 200 or 40k", texts.whole)
_DURATION = Scalar("a duration such as 500ms, 2s, 5min or 1h", texts.duration)
_COUNT = Scalar("a number such as 50, or 48..52", texts.count_bounds)
_BOOLEAN = Scalar("true or false", scalars.boolean, ("true", "false"))
_RULE = Scalar("the id of a rule", texts.rule)
_SCOPE = Scalar("a scope", lambda text: scalars.choice(text, Scope), tuple(Scope))


@dataclass(frozen=True, kw_only=True)
class UsageSpec(Spec):
    """What the upstream's answer reports; a field that is absent is unknown, not zero."""

    input_tokens: int | None = declare(_TOKENS, "Without those that the cache served.")
    output_tokens: int | None = declare(_TOKENS, "Tokens of the answer.")
    cache_read_input_tokens: int | None = declare(_TOKENS, "Input that the prompt cache served.")
    cache_creation_input_tokens: int | None = declare(_TOKENS, "Input that the prompt cache took in.")


@dataclass(frozen=True, kw_only=True)
class ExchangeSpec(Spec):
    """One exchange: who asks, what for, and what the upstream would answer.

    A value with a `<1..50>` in it stands for fifty that take turns, one an exchange.
    """

    account: Series | None = declare(_WHO, "The account, from the header x-account-id.")
    api_key: Series | None = declare(_WHO, "The API key; names the account where no `account` is given.")
    org: Series | None = declare(_WHO, "The organisation, from x-account-org.")
    tier: str | None = declare(NAME, "The tier, from x-account-tier.")
    country: str | None = declare(Scalar("a country", scalars.country), "As verified, from x-account-country.")
    verified: bool | None = declare(_BOOLEAN, "Whether identity was verified, from x-account-verified.")
    end_user: Series | None = declare(_WHO, "The end user that the request names.")
    address: Series = declare(
        Scalar("an address, or a series such as 203.0.113.<1..50>", texts.addresses),
        "The client's address. Default: 203.0.113.7.",
        default=texts.addresses("203.0.113.7"),
    )
    peer: str | None = declare(
        Scalar("an address", texts.address),
        "The TCP peer that passes it all on. Default: an address that the policy trusts.",
    )
    user_agent: Series | None = declare(_WHO, "The client software.")
    method: str = declare(Scalar("a method", texts.method), "Default: POST.", default="POST")
    path: str = declare(Scalar("a path", texts.target), "Default: /v1/messages.", default="/v1/messages")
    model: Series | None = declare(_WHO, "The model asked for.")
    max_tokens: int | None = declare(_TOKENS, "The most output tokens that the request allows.")
    stream: bool | None = declare(_BOOLEAN, "Whether a stream is asked for.")
    body_bytes: int | None = declare(
        Scalar("a number of bytes such as 2k", texts.body_bytes),
        "The size of the request's body. Default: four bytes for each input token of `usage`. "
        "It is never smaller than the request without a prompt.",
    )
    status: int = declare(
        Scalar("an HTTP status", texts.status), "Of the upstream's answer. Default: 200.", default=200
    )
    usage: UsageSpec | None = declare(Record(UsageSpec), "What the answer reports. Default: nothing is known.")
    duration: int = declare(
        Scalar("a duration of at most a day", texts.short_duration),
        "Until the answer has ended. Default: 0s.",
        default=0,
    )


@dataclass(frozen=True, kw_only=True)
class SendSpec(ExchangeSpec):
    """Exchanges at even distances."""

    times: int = declare(Scalar("a whole number such as 50", texts.times), "How many. Default: 1.", default=1)
    every: int = declare(_DURATION, "The time from each to the next. Default: 0s, all at once.", default=0)


@dataclass(frozen=True, kw_only=True)
class ExpectSpec(Spec):
    """What is expected of a step's exchanges. What is not named is not looked at."""

    allowed: Bounds | None = declare(_COUNT, "How many pass.")
    throttled: Bounds | None = declare(_COUNT, "How many a quota refuses.")
    blocked: Bounds | None = declare(_COUNT, "How many an access rule or a verdict refuses.")
    rule: tuple[str, ...] | None = declare(OneOrMore(_RULE), "The rules that decide the refusals: these and no other.")
    scope: tuple[Scope, ...] | None = declare(OneOrMore(_SCOPE), "Whose limits refuse: these and no other.")
    campaign: tuple[str, ...] | None = declare(
        OneOrMore(NAME), "The campaigns whose verdicts refuse: these and no other."
    )
    status: tuple[int, ...] | None = declare(
        OneOrMore(Scalar("an HTTP status", texts.status)), "What the refused ones get: these and no other."
    )
    retry_after: Bounds | None = declare(
        Scalar("a duration, a range such as 1s..2s, or never", texts.duration_bounds),
        "When each refused one may come again, to the microsecond; `never` where it can never pass.",
    )
    reasons: tuple[str, ...] | None = declare(OneOrMore(TEXT), "Reasons that every refusal gives, among others.")
    shadowed: tuple[str, ...] | None = declare(
        OneOrMore(_RULE, may_be_empty=True), "The shadow rules that would have refused some: these and no other."
    )


_EXPECT = WordOr(ALLOW, Record(ExpectSpec))
Expectation = ExpectSpec | Literal["allow"]


@dataclass(frozen=True, kw_only=True)
class SenderSpec(SendSpec):
    """One of several that send at the same time."""

    after: int = declare(_DURATION, "From the step's beginning to its first exchange. Default: 0s.", default=0)
    expect: Expectation | None = declare(_EXPECT, "What is expected of this sender's exchanges.")


@dataclass(frozen=True, kw_only=True)
class VerdictSpec(Spec):
    """A campaign that is taken as found."""

    id: str = declare(NAME, "The campaign's name, in decisions.", required=True, default="")
    level: Level = declare(
        Scalar("a level", lambda text: scalars.choice(text, Level), tuple(Level)),
        "How sure the judgement is. Default: confirmed.",
        default=Level.CONFIRMED,
    )
    accounts: tuple[Series, ...] = declare(
        OneOrMore(_WHO),
        "The accounts that do nothing else: all of their exchanges belong to it.",
        required=True,
        default=(),
    )


@dataclass(frozen=True, kw_only=True)
class StepSpec(Spec):
    """First the waiting, then the sending; time then stands at the last exchange's arrival."""

    wait: int = declare(_DURATION, "So much time goes by first.", default=0)
    campaigns: tuple[VerdictSpec, ...] | None = declare(
        Listing(Record(VerdictSpec)),
        "The verdicts in force from this step's sending on, in place of those before; [] ends them all. "
        "Default: as before, none at the test's beginning.",
    )
    send: SendSpec | None = declare(Record(SendSpec), "Exchanges of one sender.")
    together: tuple[SenderSpec, ...] = declare(
        Listing(Record(SenderSpec)), "Exchanges of several senders, in the order of their times.", default=()
    )
    expect: Expectation | None = declare(_EXPECT, "What is expected of all exchanges of the step.")

    def senders(self) -> Sequence[SendSpec]:
        return self.together if self.send is None else (self.send,)


@dataclass(frozen=True, kw_only=True)
class CaseSpec(Spec):
    """One test: a world of its own, with full buckets."""

    name: str = declare(TEXT, "What the policy does, as a sentence.", required=True, default="")
    start: int = declare(
        Scalar("a time such as 2026-01-31T23:59:30Z", texts.instant),
        "When it begins, in UTC. Default: 2026-01-05, a Monday, at 00:00.",
        default=MONDAY_US,
    )
    defaults: ExchangeSpec | None = declare(Record(ExchangeSpec), "What every exchange of the test is, unless it says.")
    steps: tuple[StepSpec, ...] = declare(
        Listing(Record(StepSpec)), "What happens, in order.", required=True, default=()
    )


@dataclass(frozen=True, kw_only=True)
class SuiteSpec(Spec):
    """A file of tests of one policy."""

    version: int = declare(
        Scalar("a version", scalars.version), "The version of the language: 1.", required=True, default=1
    )
    policy: str | None = declare(
        Scalar("the path of a policy", scalars.list_path),
        "The file or folder that is tested, from this file.",
        required=True,
    )
    defaults: ExchangeSpec | None = declare(Record(ExchangeSpec), "What every exchange is, unless the test says.")
    tests: tuple[CaseSpec, ...] = declare(Listing(Record(CaseSpec)), "The tests.", required=True, default=())

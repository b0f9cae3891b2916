"""Owns what a campaign can be composed of. Data: a `Plan` says everything, and any two parts of plans go together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil

from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.campaigns.wrapper_texts import Aim

FEWEST_ACCOUNTS = 6
"""Of a campaign, however far it is scaled down."""


class Place(StrEnum):
    """Where the wrapper stands in a request."""

    SYSTEM = "system"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    TOOLS = "tools"
    NONE = "none"


class Per(StrEnum):
    """For what a rewording of the wrapper is made anew."""

    CAMPAIGN = "campaign"
    ACCOUNT = "account"
    REQUEST = "request"


class Source(StrEnum):
    """How tasks are taken from a family of prompts."""

    DEALT = "dealt"  # each once, over all accounts
    DRAWN = "drawn"  # as users happen to ask; may repeat
    TRACES = "traces"  # conversations that took place elsewhere, sent again as they were


class Exits(StrEnum):
    """Through which addresses the accounts come."""

    FEW = "few"  # a handful of hosting addresses for all
    PROXIES = "proxies"  # a commercial pool, each exit shared by many accounts
    RESIDENTIAL = "residential"  # one home address for each account
    ROTATING = "rotating"  # another home address for each request


class Timing(StrEnum):
    """Who sends next, and when."""

    ROUND_ROBIN = "round-robin"
    RANDOM = "random"
    HEADROOM = "headroom"  # whoever was used least
    HUMAN = "human"  # every account in sessions of its own, by day


class Orgs(StrEnum):
    """The organisations that the accounts claim."""

    NONE = "none"
    FEW = "few"
    FAKE = "fake"  # one for each account


class Software(StrEnum):
    """What the accounts' requests look like."""

    UNIFORM = "uniform"  # one program for all
    MIXED = "mixed"  # each account its own
    AGENT = "agent"  # the popular coding agent, or what says that it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """What is put around each task."""

    place: Place = Place.SYSTEM
    aim: Aim = Aim.REASONING
    variants: int = 1
    """Different wrappers in use at once."""
    by_hand: float = 0.5
    """Chance that a variant is one of the written texts rather than composed from the seed."""
    words: float = 0.0
    """Share of the replaceable words that a rewording replaces."""
    reorder: bool = False
    per: Per = Per.CAMPAIGN


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """What is asked."""

    families: tuple[str, ...]
    """Families of `Texts`; one that is not there is passed over, all of a kind where none is."""
    source: Source = Source.DEALT
    turns: tuple[int, int] = (1, 1)
    """Fewest and most requests of one task."""
    rotate: bool = False
    """The next request of a task goes out under any account."""
    harness: bool = False
    """One set of tools for all tasks and, where no wrapper stands there, one system prompt: of the campaign's own
    program, or of the agent software that it uses."""
    dialect: Dialect = Dialect.ANTHROPIC
    models: tuple[str, ...] = ("claude-opus-4-6",)
    """Of the dialect; names of `responses.MODELS`."""
    pivot: tuple[float, str, float] | None = None
    """Hours after the beginning at which a model appears, its name, the share of traffic that moves to it at once."""
    signatures: float = 0.0
    """Share of tasks that bring back a reasoning signature issued to another account and ask to convert it."""
    most: int | None = None
    """Tasks after which the campaign is over."""
    techniques: bool = False
    """Every task comes in a wrapper of its own: a search for what works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """When it asks."""

    timing: Timing = Timing.ROUND_ROBIN
    jitter: float = 0.3
    """Spread of the gaps between requests of the pool, as a share of the mean gap."""
    ramp_hours: float = 0.0
    """From a tenth of the rate to all of it."""
    daily_budget: int | None = None
    """Requests that one account makes a day at most."""
    lead_minutes: tuple[float, float] = (5.0, 25.0)
    """Of the scene, before it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What the campaign does when it is refused."""

    after_429: bool = True
    """The same request goes out under another account."""
    after_403: bool = True
    tries: int = 4
    """Times that one request is sent at most."""
    delay_s: tuple[float, float] = (0.5, 5.0)
    dead_after: int = 3
    """Refusals in a row after which an account is given up; a 429 counts a quarter."""
    replace_at: float | None = None
    """Share of dead accounts at which a new pool takes over."""
    pools: int = 1
    """All pools that it will ever have."""
    rewrap: bool = False
    """A new pool words the wrapper anew."""
    slows: bool = True
    """Fewer new tasks while most are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disguise:
    """Who it says that it is."""

    exits: Exits = Exits.PROXIES
    software: Software = Software.UNIFORM
    orgs: Orgs = Orgs.NONE
    accounts_per_payment: int = 1
    bursts: int = 4
    """Batches in which the accounts were created; 0: each at its own time."""
    paid: float = 0.8
    """Share of accounts in the tier `build`; the others are free."""
    cover: float = 0.0
    """Share of each account's traffic that is an ordinary customer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One campaign. `accounts`, `exchanges` and `days` as published or assumed."""

    name: str
    about: str
    accounts: int
    exchanges: int
    days: float
    tasks: Tasks
    wrapping: Wrapping = field(default_factory=Wrapping)
    pacing: Pacing = field(default_factory=Pacing)
    reaction: Reaction = field(default_factory=Reaction)
    disguise: Disguise = field(default_factory=Disguise)

    @property
    def daily(self) -> float:
        """Useful exchanges of one account and day."""
        return self.exchanges / self.accounts / self.days

    def scaled(self, scale: float) -> Plan:
        """The same campaign with a share of the accounts, each as busy as before."""
        accounts = max(ceil(self.accounts * scale), min(FEWEST_ACCOUNTS, self.accounts))
        return replace(self, accounts=accounts, exchanges=round(self.exchanges * accounts / self.accounts))

"""Owns what a campaign is: a name, a level, the marks of its traffic, its members, and the evidence. Pure data.

Knows neither how it was found nor what is done about it.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field


class Level(StrEnum):
    """How sure the judgement is."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


class Word(StrEnum):
    """What an operator said of a campaign; it stands above every judgement until it is taken back."""

    RELEASE = "release"  # nothing is done about it, whatever the evidence
    HOLD = "hold"  # kept at its level: neither raised nor let expire
    CONFIRM = "confirm"  # confirmed, whatever the evidence


class Evidence(Struct, frozen=True, omit_defaults=True):
    """One signal. `weight` in nats: how much likelier it is for a campaign than for unrelated customers; negative
    weights speak against. `detail` is for people and holds no content."""

    family: str
    """`content`, `partition`, `balance`, `reaction`, `replay`, `infrastructure`."""
    signal: str
    weight: float
    detail: str = ""


class Marks(Struct, frozen=True, omit_defaults=True):
    """By what a campaign's traffic is known: the pieces of text that a request has in common with it."""

    pieces: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()
    """Of each piece, in thousandths: how much it tells."""
    least: int = 1
    """A request whose pieces weigh so much together, in thousandths, is of it..."""
    fewest: int = 1
    """...if it has so many of them."""


class Slice(Struct, frozen=True, array_like=True):
    """A span of the time line: [start, start + width)."""

    start_us: int
    admitted: int
    prevented: int


class Campaign(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A campaign as it stands. Moments in microseconds since the epoch; tokens as the upstream reported them."""

    id: str
    """`c-` and 12 hex digits; stays when its pool of accounts is replaced."""
    level: Level
    score: float
    first_us: int
    detected_us: int
    """When it reached its present level first."""
    confirmed_us: int | None = None
    """When it was confirmed first, also where that was given up since; None where it never was."""
    last_us: int
    expires_us: int
    accounts: int
    """How many were seen in it; `members` names at most `registry.MOST_MEMBERS` of them, the latest."""
    members: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    """Members from whom little else comes: all of their traffic is acted on."""
    known: tuple[str, ...] = ()
    """Members that are certainly of it, though more comes from them: part of its marks tells which requests are its."""
    excused: tuple[str, ...] = ()
    """Accounts whose requests had its marks, and which say mostly other things: nothing is done about them."""
    mixed: bool = False
    """Others say the same, and do not behave like it: nothing is done about any but its members."""
    marks: Marks = Marks()
    networks: int = 0
    exchanges_seen: int = 0
    exchanges_admitted: int = 0
    """Before the proxy acted on it, and what it let through since."""
    exchanges_prevented: int = 0
    input_tokens_admitted: int = 0
    output_tokens_admitted: int = 0
    models: dict[str, int] = field(default_factory=dict)
    """Exchanges by model."""
    targets: dict[str, float] = field(default_factory=dict)
    """By `content.Target`: the share of its exchanges that ask for it."""
    evidence: tuple[Evidence, ...] = ()
    timeline: tuple[Slice, ...] = ()
    slice_us: int = 0
    """Width of each slice of `timeline`."""
    merged: tuple[str, ...] = ()
    """Campaigns that turned out to be part of this one."""
    probing: bool = False
    """Evidence is near to enough: a few refusals now would show whether other accounts pick them up."""
    probed: tuple[str, ...] = ()
    """Accounts that had such a refusal lately: another one would show no more, and none is to bear it alone."""
    word: Word | None = None

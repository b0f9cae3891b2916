"""Owns what a simulated party can do: wait, send a request, and see what a real client would see of the answer.

Knows no policy and no detector; what is true of a request (`Truth`) never leaves the proving ground.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Truth:
    """What nobody but the scorer may read."""

    scenario: str
    """Name of the population, trap or campaign that sent it."""
    campaign: str | None = None
    """The campaign that the exchange is useful to; None for benign traffic and for a campaign's cover traffic."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it leaves a party. The time is the scene's."""

    account: str
    """`x-account-id` where attributes are passed; always one to one with `api_key`."""
    api_key: str
    address: str
    """The client's public IP address."""
    path: str
    headers: tuple[tuple[str, str], ...]
    """Of the client software, in its order and case; neither credentials nor account attributes."""
    body: dict[str, Any]
    response: dict[str, Any] | None
    """As the exchange log's `response`."""
    truth: Truth
    attributes: dict[str, str] = field(default_factory=dict)
    """`x-account-org`, `-tier`, `-created`, `-payment`, `-country`, `-verified`, `x-ja4` as an authentication layer
    knows them; how many of them are passed is the scene's to say."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client sees."""

    status: int
    """200, 429, 403, or what the upstream answered."""
    retry_after_s: float | None = None


class Scene(Protocol):
    """The world that a party acts in."""

    @property
    def now_us(self) -> int: ...

    @property
    def rng(self) -> Random: ...

    def at(self, moment_us: int, act: Callable[[], None]) -> None:
        """Has `act` called at that moment, or now where it has passed; never after the scene's end."""

    def send(self, sent: Sent) -> Reply:
        """Sends a request now."""


class Actor(Protocol):
    """A party: one customer, one population of them, one campaign."""

    def begin(self, scene: Scene) -> None:
        """Schedules its first acts."""

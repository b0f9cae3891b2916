"""Owns what detection is told of an exchange: who asked for what, and what came of it. No content; pure data.

Flat and array-like, so that a stream between processes carries it as it is.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.events.content import Content


class Asked(Struct, frozen=True, gc=False, array_like=True, omit_defaults=True, tag="a"):
    """One decision: told right after it was taken, admitted or not."""

    moment_us: int
    account: str
    network: str
    client: str
    action: str
    """`exchange.Action`."""
    model: str | None = None
    org: str | None = None
    payment: str | None = None
    created_us: int | None = None
    verified: bool = False
    country: str | None = None
    asn: int | None = None
    ja4: str | None = None
    campaign: str | None = None
    """The campaign that the request was found to belong to, whatever was done about it."""
    by_verdict: bool = False
    """The refusal rests on that campaign's verdict (a probe included)."""
    content: Content | None = None

    @property
    def refused(self) -> bool:
        """It was not admitted, by whatever rule."""
        return self.action != "allow"


class Answered(Struct, frozen=True, gc=False, array_like=True, omit_defaults=True, tag="z"):
    """The end of an admitted exchange."""

    moment_us: int
    account: str
    org: str | None = None
    status: int | None = None
    """The upstream's; None where it never answered."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    signatures: tuple[int, ...] = ()
    """Reasoning signatures that the answer issued."""
    campaign: str | None = None
    asked_us: int = 0
    """The moment of its `Asked`, which with the account tells which exchange it is; 0: not told."""


Event = Asked | Answered

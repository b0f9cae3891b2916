"""Owns the terms that several parts of the policy language share: modes, names, and which exchanges a rule means.

Knows no rule that is made of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from proxy.policy import scalars
from proxy.policy.prefixes import Prefix
from proxy.policy.shapes import OneOrMore, Scalar, Spec, declare


class Mode(StrEnum):
    """Whether a rule denies, or only notes what it would have denied."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


def choice(name: str, kind: type[StrEnum], *, but: Collection[StrEnum] = ()) -> Scalar:
    """One of an enumeration's words, those of `but` left out."""
    words = [member for member in kind if member not in but]
    return Scalar(name, lambda text: scalars.choice(text, words), tuple(words))


WORD = ("string", "number", "boolean")
"""What YAML may take a name for that an operator wrote without quotes: 42, true."""
NAME = Scalar("a name", scalars.identifier, pattern=scalars.IDENTIFIER, types=WORD)
TEXT = Scalar("text", scalars.text, pattern=scalars.TEXT, types=WORD)
GLOB = Scalar("a pattern", scalars.glob, pattern=scalars.GLOB, types=WORD)
NETWORK = Scalar("a network", scalars.network, pattern=scalars.NETWORK)
MODE = choice("a mode", Mode)
RATE = Scalar("a rate such as 50/min", scalars.rate, pattern=scalars.RATE)
AMOUNT = Scalar("a number such as 100 or 40k", scalars.positive, pattern=scalars.NUMBER, types=("number", "string"))
BOOLEAN = Scalar("true or false", scalars.boolean, scalars.BOOLEANS, types=("boolean", "string"))


@dataclass(frozen=True, kw_only=True)
class Matcher(Spec):
    """Which exchanges are meant: every key that is given must hold, and a key holds where any of its values does."""

    account: tuple[str, ...] = declare(OneOrMore(GLOB), "Accounts, as patterns.", default=())
    org: tuple[str, ...] = declare(
        OneOrMore(GLOB), "Organisations, as patterns. An account without one never matches.", default=()
    )
    end_user: tuple[str, ...] = declare(
        OneOrMore(GLOB), "End users as the proxy names them (keyed hashes, never what the client sent).", default=()
    )
    network: tuple[Prefix, ...] = declare(OneOrMore(NETWORK), "Networks that the client's address lies in.", default=())
    network_in: tuple[str, ...] = declare(
        OneOrMore(Scalar("the path of a list file", scalars.list_path, types=WORD)),
        "Files of networks, one a line with # comments, within the folder of the policy.",
        default=(),
    )
    address: tuple[Prefix, ...] = declare(
        OneOrMore(Scalar("an address", scalars.address, pattern=scalars.ADDRESS)),
        "The client's address, exactly.",
        default=(),
    )
    asn: tuple[int, ...] = declare(
        OneOrMore(
            Scalar(
                "an AS number",
                scalars.asn,
                pattern=scalars.ASN,
                types=("integer", "string"),
                range=(1, 2**32 - 1),
            )
        ),
        "Autonomous systems of the client's address.",
        default=(),
    )
    country: tuple[str, ...] = declare(
        OneOrMore(Scalar("a country", scalars.country, pattern=scalars.COUNTRY)),
        "Countries (ISO 3166-1 alpha-2): as verified for the account, else of the client's address.",
        default=(),
    )
    tier: tuple[str, ...] = declare(OneOrMore(NAME), "Tiers, each declared under `tiers`.", default=())
    model: tuple[str, ...] = declare(
        OneOrMore(GLOB), "Models, as patterns. A request that names no model never matches.", default=()
    )
    path: tuple[str, ...] = declare(OneOrMore(GLOB), "Request paths without their query, as patterns.", default=())
    client: tuple[str, ...] = declare(OneOrMore(GLOB), "Fingerprints of client software, as patterns.", default=())
    verified: tuple[bool, ...] = declare(
        OneOrMore(BOOLEAN),
        "Whether the account's identity was verified.",
        default=(),
    )

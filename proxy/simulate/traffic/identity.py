"""Owns who asks and from where: accounts with what an authentication layer knows of them, and networks.

Every draw is the caller's Random's. Addresses are of public ranges; who really has them has nothing to do with it.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_LETTERS = string.ascii_letters + string.digits
_COUNTRIES = [
    "US",
    "US",
    "US",
    "US",
    "US",
    "US",
    "GB",
    "GB",
    "DE",
    "DE",
    "FR",
    "FR",
    "IN",
    "IN",
    "IN",
    "CA",
    "CA",
    "BR",
    "BR",
    "JP",
    "JP",
    "AU",
    "NL",
    "ES",
    "IT",
    "PL",
    "SE",
    "CH",
    "KR",
    "SG",
    "SG",
    "MX",
    "TR",
    "ID",
    "IL",
    "VN",
    "NG",
    "ZA",
    "AR",
    "UA",
    "IE",
    "PT",
    "CZ",
    "RO",
    "DK",
    "FI",
    "NO",
    "AT",
    "BE",
    "NZ",
    "PH",
    "MY",
    "TH",
    "AE",
    "SA",
    "EG",
    "KE",
    "CL",
    "CO",
    "PK",
    "BD",
    "TW",
    "HK",
    "GR",
    "HU",
]
_HOSTING = (3, 13, 18, 20, 34, 35, 40, 44, 51, 52, 54)
_NOT_PUBLIC = {0, 10, 100, 127, 169, 172, 192, 198, 203}
_EYEBALLS = tuple(octet for octet in range(1, 223) if octet not in _NOT_PUBLIC and octet not in _HOSTING)
_EYEBALLS_V6 = ("2a02", "2409", "2607", "2804", "240e", "2a01", "2600", "2405", "2a00", "2003")


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `attributes` are the headers of an authentication layer, without `x-account-id` and `x-ja4`."""

    name: str
    api_key: str
    attributes: dict[str, str]


def account(
    rng: Random,
    now_us: int,
    *,
    tier: str | None = None,
    org: str | None = None,
    age_days: float | None = None,
    payment: str | None = None,
    country: str | None = None,
) -> Account:
    """An account; what is not given is drawn as an ordinary population has it.

    `tier`: free, build or scale. `age_days`: by default from days to three years. `org`, `payment`: "" for none.
    """
    tier = tier or rng.choices(("free", "build", "scale"), (60, 37, 3))[0]
    paying = tier != "free"
    if age_days is None:
        age_days = min(1100.0, rng.expovariate(1 / 240))
    if org is None:
        org = f"org_{rng.getrandbits(48):012x}" if rng.random() < (0.6 if paying else 0.15) else ""
    if payment is None:
        payment = f"pm_{rng.getrandbits(64):016x}" if paying else ""
    verified = rng.random() < (0.35 if paying else 0.05)
    attributes = {
        "x-account-tier": tier,
        "x-account-created": rfc3339(now_us - int(age_days * _DAY_US)),
        "x-account-country": country or rng.choice(_COUNTRIES),
        "x-account-verified": "true" if verified else "false",
    }
    if org:
        attributes["x-account-org"] = org
    if payment:
        attributes["x-account-payment"] = payment
    return Account(f"acct_{rng.getrandbits(64):016x}", "sk-" + "".join(rng.choices(_LETTERS, k=40)), attributes)


def rfc3339(moment_us: int) -> str:
    """A moment as `x-account-created` has it."""
    return (_EPOCH + timedelta(microseconds=moment_us)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Network(Protocol):
    """Where requests come from."""

    def address(self, rng: Random) -> str:
        """The public address of the next request."""


@dataclass(frozen=True, slots=True)
class Exits:
    """Fixed addresses, any of which a request leaves by: an office's NAT, a backend's hosts, a proxy pool."""

    addresses: tuple[str, ...]

    def address(self, rng: Random) -> str:
        """Any of them."""
        addresses = self.addresses
        return addresses[0] if len(addresses) == 1 else addresses[int(rng.random() * len(addresses))]


class Changing:
    """An address that lasts for a while: a home's lease, a phone's, a VPN's."""

    __slots__ = ("_current", "_draw", "_share")

    def __init__(self, rng: Random, share: float, *, mobile: bool = False) -> None:
        """`share`: of requests that find a new address. A phone stays within its carrier's blocks."""
        self._share = share
        self._draw = _carrier(rng) if mobile else None
        self._current = _eyeball(rng) if self._draw is None else _within(rng, self._draw)

    def address(self, rng: Random) -> str:
        """The present one."""
        if rng.random() < self._share:
            self._current = _eyeball(rng) if self._draw is None else _within(rng, self._draw)
        return self._current


class FreshEachTime:
    """Another address each time, of a cloud's wide ranges: serverless, CI runners."""

    __slots__ = ()

    def address(self, rng: Random) -> str:
        """A new one."""
        return _hosted(rng)


def residential(rng: Random) -> Network:
    """A home: one address, IPv6 at times, renewed now and then."""
    if rng.random() < 0.25:
        return Exits((_eyeball_v6(rng),))
    return Changing(rng, 0.002)


def mobile(rng: Random) -> Network:
    """A phone or a stick."""
    return Changing(rng, 0.15, mobile=True)


def office(rng: Random, exits: int = 1) -> Network:
    """One NAT for everybody behind it, with so many addresses side by side."""
    return Exits(_neighbours(_eyeball(rng), exits))


def hosting(rng: Random, hosts: int = 1) -> Network:
    """Servers of one backend, side by side in a data centre."""
    return Exits(_neighbours(_hosted(rng), hosts))


def proxy_pool(rng: Random, exits: int, *, datacentre: bool = False) -> Exits:
    """So many exits all over the world, at homes or in data centres."""
    return Exits(tuple((_hosted if datacentre else _eyeball)(rng) for _ in range(exits)))


def anywhere(rng: Random) -> Network:
    """A network as the next customer has it: a home, an office, a server, a phone."""
    chance = rng.random()
    if chance < 0.35:
        return residential(rng)
    if chance < 0.80:
        return hosting(rng, rng.choice((1, 1, 1, 2, 3, 6)))
    if chance < 0.95:
        return office(rng, rng.choice((1, 1, 2)))
    return mobile(rng)


def _eyeball(rng: Random) -> str:
    chance = rng.getrandbits(24)
    first = _EYEBALLS[int(rng.random() * len(_EYEBALLS))]
    return f"{first}.{chance >> 16}.{chance >> 8 & 255}.{1 + (chance & 255) % 254}"


def _eyeball_v6(rng: Random) -> str:
    groups = ":".join(f"{rng.getrandbits(15) + 1:x}" for _ in range(3))
    return f"{rng.choice(_EYEBALLS_V6)}:{groups}::{rng.getrandbits(15) + 1:x}"


def _hosted(rng: Random) -> str:
    chance = rng.getrandbits(24)
    first = _HOSTING[int(rng.random() * len(_HOSTING))]
    return f"{first}.{chance >> 16}.{chance >> 8 & 255}.{1 + (chance & 255) % 254}"


def _neighbours(address: str, count: int) -> tuple[str, ...]:
    block, _, last = address.rpartition(".")
    return tuple(f"{block}.{1 + (int(last) + at) % 254}" for at in range(count))


def _carrier(rng: Random) -> tuple[str, ...]:
    """The /24 blocks that a carrier hands out in one region."""
    first, second, _, _ = _eyeball(rng).split(".")
    return tuple(f"{first}.{second}.{rng.getrandbits(8)}" for _ in range(12))


def _within(rng: Random, blocks: tuple[str, ...]) -> str:
    return f"{rng.choice(blocks)}.{1 + int(rng.random() * 254)}"

"""Owns the plain population and those who differ from it only in where they come from: shared addresses, travellers."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.people import Society
from proxy.simulate.traffic.benign.rhythm import DayShape
from proxy.simulate.traffic.identity import Exits, Network, hosting, mobile, office, proxy_pool, residential
from proxy.simulate.traffic.texts.texts import Texts


class Population:
    """Unrelated customers, each with topics, software and a day of its own."""

    def __init__(self, texts: Texts, accounts: int, name: str = "population") -> None:
        self._texts = texts
        self._accounts = accounts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        society = Society(self._texts, scene.rng)
        for _ in range(self._accounts):
            society.settle(scene, self._truth)


class SharedAddress:
    """Unrelated customers behind a few addresses: an enterprise, a campus, a cloud's NAT. Trap 4."""

    def __init__(self, texts: Texts, accounts: int, name: str = "shared-address") -> None:
        """`accounts`: behind each set of addresses, of which there are one to three."""
        self._texts = texts
        self._accounts = accounts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        for _ in range(rng.choice((1, 2, 3))):
            society = Society(self._texts, rng)
            kind = rng.choice(("office", "campus", "cloud"))
            network = hosting(rng, rng.choice((2, 8))) if kind == "cloud" else office(rng, rng.choice((1, 1, 2, 4)))
            shape = None if kind == "cloud" else DayShape(rng, "office" if kind == "office" else "mixed")
            for _ in range(self._accounts):
                society.settle(scene, self._truth, network, shape)


class Travellers:
    """Customers whose network changes: home, train, hotel, a VPN whose exits strangers share. Trap 11."""

    def __init__(self, texts: Texts, accounts: int, name: str = "travel") -> None:
        self._texts = texts
        self._accounts = accounts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        society = Society(self._texts, rng)
        vpn = proxy_pool(rng, rng.choice((6, 20, 60)), datacentre=rng.random() < 0.7)
        wandering = rng.uniform(0.02, 0.4)
        for _ in range(self._accounts):
            society.settle(scene, self._truth, _Roaming(rng, vpn, wandering))


class _Roaming:
    """Of several networks the one that somebody is on, changed now and then."""

    __slots__ = ("_current", "_networks", "_wandering")

    def __init__(self, rng: Random, vpn: Exits, wandering: float) -> None:
        hotel = office(rng)
        self._networks: list[Network] = [residential(rng), mobile(rng), vpn, hotel]
        self._current = self._networks[0]
        self._wandering = wandering

    def address(self, rng: Random) -> str:
        if rng.random() < self._wandering:
            self._current = self._networks[int(rng.random() * len(self._networks))]
        return self._current.address(rng)

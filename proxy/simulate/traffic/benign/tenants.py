"""Owns products that work on their customers' own keys, from one backend with one template. Trap 2."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.rhythm import HOUR_US, DayShape, next_hour_us, volume
from proxy.simulate.traffic.benign.talk import Chat, Setup
from proxy.simulate.traffic.benign.templates import TASKS, Template, template
from proxy.simulate.traffic.benign.visits import Visits, hold
from proxy.simulate.traffic.clients import install, parameters
from proxy.simulate.traffic.identity import account, hosting
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts


class Load(StrEnum):
    """How a product's work is spread over its customers."""

    SKEWED = "skewed"  # a few customers have most of it, each along a day of its own
    EVEN = "even"  # about the same for each
    NIGHTLY = "nightly"  # one job of one request for each customer, after another


class BringYourOwnKey:
    """A product: hundreds of keys of unrelated payers, a few addresses, one template, each customer's own content."""

    def __init__(self, texts: Texts, keys: int, load: Load = Load.SKEWED, name: str = "tenants") -> None:
        self._texts = texts
        self._keys = keys
        self._load = load
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        client = install(rng, rng.choice(("backend", "python-sdk", "node-sdk", "langchain")))
        network = hosting(rng, rng.choice((1, 1, 2, 6)))
        around = template(rng, rng.choice(TASKS))
        model = draw_model(rng, client.dialect)
        setup = Setup(
            client.dialect,
            model,
            parameters(rng, client.dialect, thinks=model.thinks),
            around.system or system_prompt(rng),
        )
        oldest_days = rng.uniform(200, 1000)
        tenants = []
        for _ in range(self._keys):
            who = account(
                rng, scene.now_us, tier=rng.choice(("free", "build", "build")), age_days=rng.random() * oldest_days
            )
            customer = Customer(self._truth, who, client, network, retries=2)
            tenants.append((customer, self._work(rng, setup, around)))
        if self._load is Load.NIGHTLY:
            scene.at(_first_night(scene), partial(self._night, scene, tenants))
        else:
            self._days(scene, tenants)

    def _work(self, rng: Random, setup: Setup, around: Template) -> Chat:
        families = rng.sample(self._texts.families("benign"), rng.choice((1, 2, 2, 3)))
        return Chat(self._texts, families, setup, rng.choice((1.0, 1.0, 1.0, 2.0)), around)

    def _days(self, scene: Scene, tenants: list[tuple[Customer, Chat]]) -> None:
        rng = scene.rng
        even = self._load is Load.EVEN
        median = rng.uniform(6, 40)
        common = DayShape(rng, rng.choice(("office", "flat", "mixed")), offset=0)
        for customer, work in tenants:
            per_day = volume(rng, median, 0.2 if even else rng.uniform(1.2, 1.8), 2000)
            Visits(scene, customer, work, common if even else DayShape(rng), per_day).start()

    def _night(self, scene: Scene, tenants: list[tuple[Customer, Chat]]) -> None:
        """One request for each customer, and the next night again."""
        order = list(tenants)
        if scene.rng.random() < 0.5:
            scene.rng.shuffle(order)
        gap_us = int(scene.rng.uniform(0.2, 4.0) * US_PER_SECOND)
        scene.at(scene.now_us + 24 * HOUR_US, partial(self._night, scene, tenants))
        _one_by_one(scene, iter(order), gap_us)


def _one_by_one(scene: Scene, left: Iterator[tuple[Customer, Chat]], gap_us: int) -> None:
    found = next(left, None)
    if found is not None:
        customer, work = found
        hold(scene, customer, work.opened(scene.rng))
        scene.at(scene.now_us + int(gap_us * scene.rng.uniform(0.5, 1.5)), partial(_one_by_one, scene, left, gap_us))


def _first_night(scene: Scene) -> int:
    """A full hour soon: nobody's night is everybody's."""
    return next_hour_us(scene.now_us) + int(scene.rng.random() * 90 * US_PER_SECOND)

"""Owns programs that nobody watches: CI runs on ever new machines, timers that go off at the full hour. Trap 8."""

from __future__ import annotations

from functools import partial

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.people import Society, setup
from proxy.simulate.traffic.benign.rhythm import HOUR_US, MINUTE_US, DayShape, next_hour_us, volume
from proxy.simulate.traffic.benign.talk import Agent, Chat, Habit, Opener, Setup
from proxy.simulate.traffic.benign.templates import template
from proxy.simulate.traffic.benign.visits import hold
from proxy.simulate.traffic.clients import install
from proxy.simulate.traffic.identity import FreshEachTime, account, anywhere, hosting
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts


class CiRunners:
    """Organisations whose pipelines ask a model to review each change, most of them by the same published action.

    Each run is on a machine with an address and software of its own, while the key stays.
    """

    def __init__(self, texts: Texts, orgs: int, name: str = "ci-runners") -> None:
        self._texts = texts
        self._orgs = orgs
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        action = install(rng, rng.choice(("node-sdk", "python-sdk", "curl", "agent-cli")))
        published = setup(rng, action.dialect, system=system_prompt(rng, 8), tools=rng.random() < 0.5)
        around = template(rng, "answer", "before")
        families = self._texts.families("benign", "code")
        shared = rng.uniform(0.3, 1.0)
        for _ in range(self._orgs):
            kind, plan = action.kind, published
            if rng.random() > shared:
                kind, plan = "python-sdk", setup(rng, action.dialect, system=system_prompt(rng))
            habit: Habit = (
                Agent(self._texts, families, plan, 3.0)
                if plan.tools
                else Chat(self._texts, families, plan, 1.0, around)
            )
            pipeline = _Pipeline(scene, self._truth, kind, plan, habit)
            pipeline.wait()


class _Pipeline:
    """One organisation's."""

    def __init__(self, scene: Scene, truth: Truth, kind: str, plan: Setup, habit: Opener) -> None:
        rng = scene.rng
        self._scene = scene
        self._truth = truth
        self._kind = kind
        self._plan = plan
        self._habit = habit
        self._who = account(rng, scene.now_us, tier="build")
        self._shape = DayShape(rng, "office")
        self._per_day = volume(rng, 25, 0.9, 400)
        self._most = rng.choice((1, 2, 6))

    def wait(self) -> None:
        """For the next change that is pushed."""
        moment_us = self._shape.next_us(self._scene.rng, self._scene.now_us, self._per_day)
        self._scene.at(moment_us, self._run)

    def _run(self) -> None:
        self.wait()
        rng = self._scene.rng
        machine = anywhere(rng) if rng.random() < 0.05 else hosting(rng)
        client = install(rng, self._kind, self._plan.dialect)
        customer = Customer(self._truth, self._who, client, machine)
        for _ in range(rng.randint(1, self._most)):
            hold(self._scene, customer, self._habit.opened(rng))


class Timers:
    """Unrelated customers whose jobs run at the full hour: digests, reports, checks, each with a prompt of its own."""

    def __init__(self, texts: Texts, accounts: int, name: str = "cron") -> None:
        self._texts = texts
        self._accounts = accounts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        society = Society(self._texts, rng)
        for _ in range(self._accounts):
            client = install(rng, rng.choice(("curl", "backend", "python-sdk", "node-sdk")))
            habit, _ = society.habit(rng, client.dialect, "product")
            who = account(rng, scene.now_us)
            network = FreshEachTime() if rng.random() < 0.2 else hosting(rng)
            customer = Customer(self._truth, who, client, network)
            every_h = rng.choice((1, 1, 1, 2, 6, 24))
            first_us = next_hour_us(scene.now_us) + rng.randrange(every_h) * HOUR_US
            late_us = int(rng.expovariate(1 / 4) * US_PER_SECOND)
            requests = rng.choice((1, 1, 1, 2, 5, 12))
            scene.at(first_us + late_us, partial(_ring, scene, customer, habit, every_h, requests))


def _ring(scene: Scene, customer: Customer, habit: Opener, every_h: int, requests: int) -> None:
    scene.at(scene.now_us + every_h * HOUR_US, partial(_ring, scene, customer, habit, every_h, requests))
    _one_more(scene, customer, habit, requests)


def _one_more(scene: Scene, customer: Customer, habit: Opener, left: int) -> None:
    hold(scene, customer, habit.opened(scene.rng))
    if left > 1:
        wait_us = int(scene.rng.uniform(0.02, 0.2) * MINUTE_US)
        scene.at(scene.now_us + wait_us, partial(_one_more, scene, customer, habit, left - 1))

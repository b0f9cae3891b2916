"""Owns what ordinary customers are like: what they use models for, with which software, from where, how much.

`Society` is one world's taste: two worlds differ in kind, not only in numbers.
"""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.rhythm import DayShape, volume
from proxy.simulate.traffic.benign.talk import Agent, Chat, Habit, Setup
from proxy.simulate.traffic.benign.templates import TASKS, template
from proxy.simulate.traffic.benign.visits import Visits, hold
from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.clients import install, parameters
from proxy.simulate.traffic.identity import Network, account, anywhere
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.agentic import toolset
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts

_USES = ("chat", "coding", "product", "agent", "bulk", "once")


def setup(rng: Random, dialect: Dialect, *, system: str | None = None, tools: bool = False) -> Setup:
    """A program's set-up of its own."""
    model = draw_model(rng, dialect)
    return Setup(dialect, model, parameters(rng, dialect, thinks=model.thinks), system, toolset(rng) if tools else ())


class Society:
    """What the ordinary customers of one world are like."""

    def __init__(self, texts: Texts, rng: Random) -> None:
        self._texts = texts
        weights = [rng.gammavariate(base, 1.0) for base in (5.0, 4.0, 5.0, 2.0, 1.0, 4.0)]
        self._weights = [max(weight, 0.2) for weight in weights]
        self._families = texts.families("benign")
        self._coding = texts.families("benign", "code")
        self._median = rng.uniform(3, 9)
        self._sigma = rng.uniform(1.3, 2.0)
        self._system_share = rng.uniform(0.25, 0.6)

    def habit(self, rng: Random, dialect: Dialect, use: str) -> tuple[Habit, float]:
        """A habit of that use and the mean number of requests in one of its conversations."""
        texts = self._texts
        system = system_prompt(rng) if rng.random() < self._system_share else None
        if use == "agent":
            rounds = rng.uniform(2, 12)
            plan = setup(rng, dialect, system=system_prompt(rng), tools=True)
            return Agent(texts, self._coding, plan, rounds), 1.3 * rounds + 1
        if use in {"product", "bulk"}:
            around = template(rng, rng.choice(TASKS))
            families = rng.sample(self._families, rng.choice((1, 1, 2, 3)))
            plan = setup(rng, dialect, system=around.system, tools=rng.random() < 0.15)
            return Chat(texts, families, plan, 1.0, around), 1.0
        families = self._coding if use == "coding" else rng.sample(self._families, min(3, len(self._families)))
        turns = 1.0 + rng.expovariate(1 / 2.5)
        return Chat(texts, families, setup(rng, dialect, system=system), turns, think_s=rng.uniform(12, 60)), turns

    def settle(self, scene: Scene, truth: Truth, network: Network | None = None, shape: DayShape | None = None) -> None:
        """Has one more customer live in the scene; from that network and along that day, where they are given."""
        rng = scene.rng
        use = rng.choices(_USES, self._weights)[0]
        per_day = volume(rng, self._median * (6 if use in {"product", "bulk"} else 1), self._sigma, 6000)
        tier = "build" if per_day > 150 or rng.random() < 0.25 else "free"
        client = install(rng, rng.choice(("curl", "browser", None, None)) if use == "once" else None)
        who = account(rng, scene.now_us, tier="scale" if per_day > 3000 else tier)
        customer = Customer(truth, who, client, network or anywhere(rng), retries=rng.choice((0, 2, 2, 2, 4)))
        habit, turns = self.habit(rng, client.dialect, use)
        if use == "once":
            moment_us = scene.now_us + int(rng.random() * 86_400e6)
            scene.at(moment_us, lambda: hold(scene, customer, habit.opened(rng)))
            return
        shape = shape or DayShape(rng, "flat" if use == "bulk" else None)
        burst = rng.choice((1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0, 12.0, 30.0)) if use in {"product", "bulk"} else 1.0
        Visits(scene, customer, habit, shape, max(0.3, per_day / turns), burst=burst).start()

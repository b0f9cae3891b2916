"""Owns evaluations: public benchmarks run by many unrelated accounts, at night and when a model is released. Trap 7."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Any

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer, Request
from proxy.simulate.traffic.benign.rhythm import HOUR_US, MINUTE_US, next_hour_us
from proxy.simulate.traffic.benign.talk import Chat, Setup
from proxy.simulate.traffic.benign.templates import TASKS, Template, template
from proxy.simulate.traffic.benign.visits import Work
from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.clients import Client, install
from proxy.simulate.traffic.identity import account, anywhere, hosting
from proxy.simulate.traffic.responses import MODELS, Model
from proxy.simulate.traffic.texts.prompt import Prompt
from proxy.simulate.traffic.texts.texts import Texts


class Benchmark:
    """A public set of prompts with its harness: the same for everybody who runs it."""

    def __init__(self, texts: Texts, rng: Random, items: int) -> None:
        family = rng.choice(texts.families("attack") + texts.families("real", "benign"))
        deal = texts.deal(family, rng)
        self.texts = texts
        self.items = [next(deal).text for _ in range(items)]
        self.around = template(rng, rng.choice(TASKS), rng.choice(("before", "after", "system")))
        if rng.random() < 0.5:
            shots = "\n\n".join(f"Q: {item}\nA: {texts.remark(rng)}" for item in self.items[:3])
            self.around = Template(
                self.around.system, f"{shots}\n\nQ: {self.around.before}", f"{self.around.after}\nA:"
            )

    def requests(self, rng: Random, dialect: Dialect, model: Model, share: float) -> Iterator[Request]:
        """One run over so large a share of the items, in the benchmark's order."""
        fixed: dict[str, Any] = {"temperature": 0, "max_tokens": 1024}
        if dialect is Dialect.OPENAI:
            fixed |= {"logprobs": True, "top_logprobs": 5, "seed": 42}
        chat = Chat(self.texts, (), Setup(dialect, model, fixed, self.around.system, output_tokens=180.0))
        for item in self.items:
            if rng.random() < share:
                yield chat.about(Prompt(self.around.around(item)), rng).request()


class NightlyEvaluation:
    """Unrelated teams that run public benchmarks against their model each night, at a full hour."""

    def __init__(self, texts: Texts, accounts: int, items: int, name: str = "nightly-evaluation") -> None:
        self._texts = texts
        self._accounts = accounts
        self._items = items
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        benchmarks = [Benchmark(self._texts, rng, self._items) for _ in range(rng.randint(1, 3))]
        for _ in range(self._accounts):
            customer, client = _team(scene, self._truth)
            models = [model for model in MODELS if model.dialect is client.dialect]
            run = partial(
                _night, scene, customer, rng.choice(benchmarks), rng.choice(models), rng.choice((0.2, 1.0, 1.0))
            )
            first_us = next_hour_us(scene.now_us) + rng.randrange(3) * HOUR_US + int(rng.random() * MINUTE_US)
            scene.at(first_us, run)


class ReleaseDay:
    """A new model, and everybody tries it on benchmarks and on regression sets of his own within hours."""

    def __init__(self, texts: Texts, accounts: int, items: int, name: str = "release-day") -> None:
        self._texts = texts
        self._accounts = accounts
        self._items = items
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        public = [Benchmark(self._texts, rng, self._items) for _ in range(rng.randint(1, 2))]
        dialect = rng.choice(list(Dialect))
        newest = [model for model in MODELS if model.dialect is dialect][-1]
        released_us = scene.now_us + int(rng.random() * HOUR_US)
        public_share, spread_h = rng.uniform(0.3, 0.9), rng.uniform(0.5, 4.0)
        for _ in range(self._accounts):
            customer, _ = _team(scene, self._truth, dialect)
            own = rng.random() > public_share
            benchmark = Benchmark(self._texts, rng, max(5, self._items // 4)) if own else rng.choice(public)
            run = partial(_sweep, scene, customer, benchmark, newest, rng.uniform(0.1, 1.0))
            scene.at(released_us + int(rng.expovariate(1 / spread_h) * HOUR_US), run)


def _team(scene: Scene, truth: Truth, dialect: Dialect | None = None) -> tuple[Customer, Client]:
    rng = scene.rng
    client = install(rng, rng.choice(("python-sdk", "python-sdk", "langchain", "backend")), dialect)
    network = hosting(rng) if rng.random() < 0.6 else anywhere(rng)
    who = account(rng, scene.now_us, tier=rng.choice(("build", "build", "scale")))
    return Customer(truth, who, client, network, retries=5, patience_s=300.0), client


def _sweep(scene: Scene, customer: Customer, benchmark: Benchmark, model: Model, share: float) -> None:
    requests = benchmark.requests(scene.rng, customer.client.dialect, model, share)
    Work(scene, [customer], requests, scene.rng.uniform(0.1, 2.0)).start(scene.rng.choice((1, 2, 4, 8)))


def _night(scene: Scene, customer: Customer, benchmark: Benchmark, model: Model, share: float) -> None:
    _sweep(scene, customer, benchmark, model, share)
    scene.at(scene.now_us + 24 * HOUR_US, partial(_night, scene, customer, benchmark, model, share))

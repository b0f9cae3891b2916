"""Owns popular agents: one system prompt and one set of tools over thousands of unrelated accounts. Trap 1."""

from __future__ import annotations

from dataclasses import replace
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.rhythm import DayShape, volume
from proxy.simulate.traffic.benign.talk import Agent, Chat, Opener, Setup
from proxy.simulate.traffic.benign.visits import Visits
from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.clients import Client, install, parameters
from proxy.simulate.traffic.identity import account, anywhere, residential
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.agentic import toolset
from proxy.simulate.traffic.texts.prompt import Tool
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts
from proxy.simulate.traffic.texts.words import FIRST_NAMES, NOUNS


class PopularAgent:
    """An agent that its users install and run on their own keys: long sessions, or in the lazy variant single turns
    whose prompts all come from one corpus and whose volumes hardly differ."""

    def __init__(self, texts: Texts, accounts: int, *, lazy: bool = False, name: str = "popular-agent") -> None:
        self._texts = texts
        self._accounts = accounts
        self._lazy = lazy
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        kind = rng.choice(("agent-cli", "editor", "node-sdk", "python-sdk"))
        dialect = Dialect.ANTHROPIC if kind == "agent-cli" else rng.choice(list(Dialect))
        product = _Product(rng, kind, dialect)
        families = self._texts.families("benign", rng.choice(("code", "tools", "chat", "writing")))
        if self._lazy:
            families = [rng.choice(families)]
        median, sigma = (rng.uniform(10, 40), 0.3) if self._lazy else (rng.uniform(15, 60), rng.uniform(1.0, 1.6))
        for _ in range(self._accounts):
            opener, turns = self._opener(rng, product, families)
            tier = rng.choice(("free", "build", "build"))
            network = residential(rng) if rng.random() < 0.5 else anywhere(rng)
            who = account(rng, scene.now_us, tier=tier)
            customer = Customer(self._truth, who, product.installed(rng), network, retries=rng.choice((2, 2, 10)))
            Visits(scene, customer, opener, DayShape(rng), max(0.3, volume(rng, median, sigma, 3000) / turns)).start()

    def _opener(self, rng: Random, product: _Product, families: list[str]) -> tuple[Opener, float]:
        setup = product.setup(rng)
        if self._lazy:
            return Chat(self._texts, families, setup), 1.0
        rounds = rng.uniform(3, 14)
        return Agent(self._texts, families, setup, rounds), 1.3 * rounds + 1


class _Product:
    """What all of its users have in common, and the little that they do not."""

    def __init__(self, rng: Random, kind: str, dialect: Dialect) -> None:
        self._kind = kind
        self._dialect = dialect
        self._releases = [install(rng, kind, dialect) for _ in range(rng.randint(1, 8))]
        self._system = system_prompt(rng, rng.randint(5, 45))
        self._tools: tuple[Tool, ...] = toolset(rng, rng.randint(3, 18)) if rng.random() < 0.85 else ()
        self._tells_place = rng.random() < 0.6
        self._model = draw_model(rng, dialect)
        self._model_share = rng.uniform(0.4, 1.0)
        self._parameters = parameters(rng, dialect, thinks=self._model.thinks)

    def installed(self, rng: Random) -> Client:
        """One user's copy: of one of the releases that are about, on his system."""
        release = rng.choice(self._releases)
        return replace(release, ja4=install(rng, self._kind, self._dialect).ja4) if rng.random() < 0.3 else release

    def setup(self, rng: Random) -> Setup:
        """One user's set-up: the product's, with the place where it runs at the end of the system prompt."""
        model, chosen = self._model, self._parameters
        if rng.random() > self._model_share:
            model = draw_model(rng, self._dialect)
            chosen = {name: value for name, value in chosen.items() if name not in {"thinking", "reasoning_effort"}}
        place = f"\n\nWorking directory: /home/{rng.choice(FIRST_NAMES).lower()}/{rng.choice(NOUNS)}"
        return Setup(self._dialect, model, chosen, self._system + place * self._tells_place, self._tools)

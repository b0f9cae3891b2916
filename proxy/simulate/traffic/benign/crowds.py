"""Owns crowds of new accounts with one template at one time: classes, hackathons, prompts that go viral. Trap 5."""

from __future__ import annotations

from functools import partial
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.people import setup
from proxy.simulate.traffic.benign.rhythm import HOUR_US, MINUTE_US, DayShape, volume
from proxy.simulate.traffic.benign.talk import Agent, Chat, Conversation, Opener, Setup
from proxy.simulate.traffic.benign.templates import TASKS, Template, template
from proxy.simulate.traffic.benign.visits import Visits, hold
from proxy.simulate.traffic.clients import install, parameters
from proxy.simulate.traffic.identity import account, anywhere, office, residential
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.agentic import toolset
from proxy.simulate.traffic.texts.prompt import Prompt
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts

_SOON_H = 1.0
"""Hours from the begin of the scene within which a crowd gathers."""


class SchoolClass:
    """A class of new accounts that does one assignment within the hour, in one room or each at home."""

    def __init__(
        self, texts: Texts, students: int, *, at_home: bool = False, own_texts: bool | None = None, name: str = "class"
    ) -> None:
        """`own_texts`: each on a text of his own under the teacher's instruction, else all on the same problems."""
        self._texts = texts
        self._students = students
        self._at_home = at_home
        self._own_texts = own_texts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        scene.at(scene.now_us + int(scene.rng.random() * _SOON_H * HOUR_US), partial(self._gather, scene))

    def _gather(self, scene: Scene) -> None:
        rng = scene.rng
        room = None if self._at_home else office(rng, rng.choice((1, 1, 2)))
        country = account(rng, 0).attributes["x-account-country"]
        client = install(rng, rng.choice(("browser", "python-sdk", "curl", "langchain")))
        model = draw_model(rng, client.dialect)
        chat = Chat(
            self._texts, (), Setup(client.dialect, model, parameters(rng, client.dialect)), rng.uniform(1.0, 1.6)
        )
        around = template(rng, rng.choice(TASKS), rng.choice(("before", "after", "system")))
        opened_h = rng.choice((0.05, 1.0, 48.0))
        family = rng.choice(self._texts.families("benign"))
        problems = [self._texts.draw(family, rng) for _ in range(rng.randint(1, 8))]
        own_texts = rng.random() < 0.5 if self._own_texts is None else self._own_texts
        tries = rng.randint(3, 14)
        for _ in range(self._students):
            who = account(
                rng, scene.now_us, tier="free", age_days=rng.random() * opened_h / 24, org="", country=country
            )
            network = room or residential(rng)
            same = client if rng.random() < 0.6 else install(rng, client.kind, client.dialect)
            customer = Customer(self._truth, who, same, network, retries=2)
            student = _Student(chat, self._texts, family, None if own_texts else problems, around)
            lesson_us = int(rng.uniform(0.05, 0.35) * HOUR_US)
            scene.at(scene.now_us + lesson_us, partial(_attempts, scene, customer, student, tries))


class _Student:
    """Copies the teacher's instruction, not always with care, around what is to be worked on."""

    def __init__(self, chat: Chat, texts: Texts, family: str, problems: list[Prompt] | None, around: Template) -> None:
        self._chat = chat
        self._texts = texts
        self._family = family
        self._problems = problems
        self._around = around

    def opened(self, rng: Random) -> Conversation:
        """One try at one of the problems, or at a text of his own."""
        prompt = rng.choice(self._problems) if self._problems else self._texts.draw(self._family, rng)
        text = self._around.around(prompt.text)
        if rng.random() < 0.2:
            text = f"{self._texts.remark(rng)} {text}"
        return self._chat.about(Prompt(text, self._around.system), rng)


def _attempts(scene: Scene, customer: Customer, opener: Opener, left: int) -> None:
    """One try after another, some minutes apart."""
    hold(scene, customer, opener.opened(scene.rng))
    if left > 1:
        wait_us = int(scene.rng.uniform(1.0, 6.0) * MINUTE_US)
        scene.at(scene.now_us + wait_us, partial(_attempts, scene, customer, opener, left - 1))


class Hackathon:
    """New accounts on one sponsor's credits that start from one kit and work at their limit from the first hour."""

    def __init__(self, texts: Texts, accounts: int, name: str = "hackathon") -> None:
        self._texts = texts
        self._accounts = accounts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        scene.at(scene.now_us + int(scene.rng.random() * _SOON_H * HOUR_US), partial(self._gather, scene))

    def _gather(self, scene: Scene) -> None:
        rng = scene.rng
        hall = office(rng, rng.choice((1, 2, 4)))
        kit = install(rng, rng.choice(("python-sdk", "node-sdk", "langchain")))
        model = draw_model(rng, kit.dialect)
        plan = Setup(
            kit.dialect,
            model,
            parameters(rng, kit.dialect, thinks=model.thinks),
            system_prompt(rng, rng.randint(2, 20)),
            toolset(rng, rng.randint(1, 8)) if rng.random() < 0.7 else (),
        )
        sponsor = f"pm_{rng.getrandbits(64):016x}" if rng.random() < 0.7 else None
        until_us = scene.now_us + int(rng.uniform(5, 30) * HOUR_US)
        median = rng.uniform(80, 300)
        for _ in range(self._accounts):
            who = account(rng, scene.now_us, tier="build", org="", age_days=rng.random() * 0.2, payment=sponsor)
            customer = Customer(self._truth, who, kit, hall, retries=2)
            families = rng.sample(self._texts.families("benign"), 2)
            opener = Agent(self._texts, families, plan, 3.0) if plan.tools else Chat(self._texts, families, plan, 2.0)
            per_day = volume(rng, median, 0.6, 1500) / (5.0 if plan.tools else 2.0)
            Visits(scene, customer, opener, DayShape(rng, "flat"), per_day, until_us=until_us).start()


class ViralPrompt:
    """A prompt that thousands copy from one post: a burst, then fewer and fewer, all over the world."""

    def __init__(self, texts: Texts, accounts: int, name: str = "viral-prompt") -> None:
        self._texts = texts
        self._accounts = accounts
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        posted_us = scene.now_us + int(rng.random() * _SOON_H * HOUR_US)
        half_life_h = rng.uniform(0.3, 3.0)
        around = template(rng, rng.choice(TASKS), rng.choice(("before", "after")))
        family = rng.choice(self._texts.families("benign"))
        new_share = rng.uniform(0.2, 0.9)
        for _ in range(self._accounts):
            came_us = posted_us + int(rng.expovariate(1 / half_life_h) * HOUR_US)
            scene.at(came_us, partial(self._copy, scene, around, family, new_share))

    def _copy(self, scene: Scene, around: Template, family: str, new_share: float) -> None:
        """One reader comes and tries it."""
        rng = scene.rng
        client = install(rng)
        plan = setup(rng, client.dialect)
        age_days = rng.random() * 0.1 if rng.random() < new_share else None
        customer = Customer(
            self._truth, account(rng, scene.now_us, tier="free", age_days=age_days), client, anywhere(rng)
        )
        chat = Chat(self._texts, (family,), plan, rng.choice((1.0, 1.0, 2.0, 4.0)))
        reader = _Student(chat, self._texts, family, None, around)
        _attempts(scene, customer, reader, 1 + int(rng.expovariate(0.7)))

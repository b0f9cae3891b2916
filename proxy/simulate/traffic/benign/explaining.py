"""Owns products that ask for written-out reasoning with good cause: tutors, auditors, explainability. Trap 10."""

from __future__ import annotations

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.rhythm import DayShape, volume
from proxy.simulate.traffic.benign.talk import Chat, Setup
from proxy.simulate.traffic.benign.templates import template
from proxy.simulate.traffic.benign.visits import Visits
from proxy.simulate.traffic.clients import install, parameters
from proxy.simulate.traffic.identity import account, hosting, office, residential
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.texts import Texts


class Tutoring:
    """A tutor that many students use on their own accounts: one template, problems worth solving, in the evening."""

    def __init__(self, texts: Texts, students: int, name: str = "tutoring") -> None:
        self._texts = texts
        self._students = students
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        client = install(rng, rng.choice(("browser", "node-sdk", "editor")))
        around = template(rng, "reason")
        model = draw_model(rng, client.dialect)
        setup = Setup(client.dialect, model, parameters(rng, client.dialect, thinks=model.thinks), around.system)
        families = self._texts.families("benign", rng.choice(("math", "code")))
        oldest_days, sigma = rng.choice((3.0, 60.0, 700.0)), rng.uniform(0.3, 1.3)
        median, offset = rng.uniform(6, 40), rng.choice((None, 0, 8))
        school = office(rng, 2)
        for _ in range(self._students):
            network = school if rng.random() < 0.3 else residential(rng)
            who = account(rng, scene.now_us, tier="free", age_days=rng.random() * oldest_days)
            copy = install(rng, client.kind, client.dialect)
            turns = rng.uniform(1.0, 5.0)
            chat = Chat(self._texts, families, setup, turns, around, think_s=40.0)
            shape = DayShape(rng, rng.choice(("evening", "mixed")), offset)
            customer = Customer(self._truth, who, copy, network)
            Visits(scene, customer, chat, shape, volume(rng, median, sigma, 400) / turns).start()


class Audits:
    """Firms that keep the reasoning behind each decision for their auditors, with templates from one vendor's guide."""

    def __init__(self, texts: Texts, firms: int, name: str = "audit") -> None:
        self._texts = texts
        self._firms = firms
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        guide = template(rng, "reason")
        followers = rng.uniform(0.2, 0.9)
        for _ in range(self._firms):
            client = install(rng, rng.choice(("backend", "python-sdk", "langchain")))
            around = guide if rng.random() < followers else template(rng, "reason")
            model = draw_model(rng, client.dialect, thinks=True)
            setup = Setup(client.dialect, model, parameters(rng, client.dialect, thinks=True), around.system)
            families = rng.sample(self._texts.families("benign", "batch"), 2)
            who = account(rng, scene.now_us, tier=rng.choice(("build", "scale")))
            customer = Customer(self._truth, who, client, hosting(rng, rng.choice((1, 3))))
            chat = Chat(self._texts, families, setup, 1.0, around)
            Visits(scene, customer, chat, DayShape(rng, rng.choice(("office", "flat"))), volume(rng, 120, 1.2)).start()

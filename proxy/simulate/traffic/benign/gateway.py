"""Owns gateways: one account, thousands of end users that nobody behind it can tell apart. Trap 3."""

from __future__ import annotations

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.people import Society
from proxy.simulate.traffic.benign.rhythm import DayShape
from proxy.simulate.traffic.benign.talk import Mixed
from proxy.simulate.traffic.benign.visits import Visits
from proxy.simulate.traffic.clients import install
from proxy.simulate.traffic.identity import account, hosting
from proxy.simulate.traffic.texts.texts import Texts


class Gateway:
    """One account for all end users of a router or a chat site; each of them has habits of his own."""

    def __init__(self, texts: Texts, end_users: int, name: str = "gateway") -> None:
        self._texts = texts
        self._end_users = end_users
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        client = install(rng, rng.choice(("backend", "node-sdk", "python-sdk")))
        network = hosting(rng, rng.choice((1, 4, 12)))
        society = Society(self._texts, rng)
        uses = rng.choices(("chat", "coding", "product", "agent"), (4, 3, 2, 1), k=min(self._end_users, 400))
        habits = [society.habit(rng, client.dialect, use) for use in uses]
        weights = [rng.paretovariate(1.2) for _ in habits]
        customer = Customer(self._truth, account(rng, scene.now_us, tier="scale"), client, network, retries=1)
        turns = sum(mean for _, mean in habits) / len(habits)
        per_day = self._end_users * rng.uniform(2, 8) / turns
        Visits(scene, customer, Mixed([habit for habit, _ in habits], weights), DayShape(rng, "mixed"), per_day).start()

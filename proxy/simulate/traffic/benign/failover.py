"""Owns organisations whose router moves a refused request to another key of theirs: a legitimate echo. Trap 9."""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer
from proxy.simulate.traffic.benign.people import Society
from proxy.simulate.traffic.benign.rhythm import HOUR_US, DayShape
from proxy.simulate.traffic.benign.talk import Conversation, Mixed
from proxy.simulate.traffic.benign.visits import finished_in_us
from proxy.simulate.traffic.clients import install
from proxy.simulate.traffic.identity import account, hosting
from proxy.simulate.traffic.responses import Answer
from proxy.simulate.traffic.texts.texts import Texts


class Choice(StrEnum):
    """How a router picks the key of a request, of those that are not resting after a refusal."""

    FIRST = "first"  # the first key, the others when it refuses
    ROUND_ROBIN = "round-robin"
    STICKY = "sticky"  # a conversation stays where it is until it is refused


class FailingOver:
    """Organisations with several keys each; a router in front of them fails over on 429, 403 and faults."""

    def __init__(self, texts: Texts, orgs: int, daily: float, name: str = "failover") -> None:
        """`daily`: requests of one organisation on an average day, about."""
        self._texts = texts
        self._orgs = orgs
        self._daily = daily
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        for _ in range(self._orgs):
            _Router(scene, self._texts, self._truth, self._daily * scene.rng.uniform(0.4, 2.0)).wait()


class _Router:
    """One organisation's."""

    def __init__(self, scene: Scene, texts: Texts, truth: Truth, daily: float) -> None:
        rng = scene.rng
        client = install(rng, rng.choice(("backend", "node-sdk", "python-sdk")))
        network = hosting(rng, rng.choice((1, 2)))
        org, payment = f"org_{rng.getrandbits(48):012x}", f"pm_{rng.getrandbits(64):016x}"
        tier = rng.choice(("free", "free", "build"))
        society = Society(texts, rng)
        habits = [
            society.habit(rng, client.dialect, use) for use in rng.choices(("chat", "product", "agent", "coding"), k=3)
        ]
        self._scene = scene
        self._keys = [
            Customer(truth, account(rng, scene.now_us, tier=tier, org=org, payment=payment), client, network)
            for _ in range(rng.randint(3, 8))
        ]
        self._opener = Mixed([habit for habit, _ in habits], [1.0] * len(habits))
        self._per_day = daily * len(habits) / sum(turns for _, turns in habits)
        self._shape = DayShape(rng)
        self._choice = rng.choice(list(Choice))
        self._turn = 0
        # Traffic comes in bursts, as when a page of a report asks for all of its parts at once: that empties a key.
        self._burst = rng.choice((8, 40, 100))
        self._rest_us = rng.choice((0, 5, 60)) * US_PER_SECOND
        self._resting_until_us = [0] * len(self._keys)

    def wait(self) -> None:
        """For the next burst."""
        moment_us = self._shape.next_us(self._scene.rng, self._scene.now_us, self._per_day / self._burst)
        self._scene.at(moment_us, self._come)

    def _come(self) -> None:
        self.wait()
        for _ in range(self._burst):
            self._route(self._opener.opened(self._scene.rng), self._first())

    def _first(self) -> int:
        if self._choice is Choice.FIRST:
            return self._awake(0)
        self._turn += 1
        return self._awake(self._turn)

    def _awake(self, key: int) -> int:
        """That key or, where it rests after a refusal, the next one that does not."""
        count = len(self._keys)
        order = [(key + step) % count for step in range(count)]
        return next((key for key in order if self._resting_until_us[key] <= self._scene.now_us), order[0])

    def _route(self, conversation: Conversation, key: int, tried: int = 1) -> None:
        reply, given = self._keys[key].send(self._scene, conversation.request())
        if reply.status == 200:
            self._answered(conversation, key, given)
        else:
            self._resting_until_us[key] = self._scene.now_us + (HOUR_US if reply.status == 403 else self._rest_us)
            if tried < len(self._keys):
                wait_us = int(self._scene.rng.uniform(0.02, 2.0) * US_PER_SECOND)
                again = partial(self._route, conversation, self._awake(key + 1), tried + 1)
                self._scene.at(self._scene.now_us + wait_us, again)

    def _answered(self, conversation: Conversation, key: int, given: Answer) -> None:
        rng = self._scene.rng
        if conversation.habit.continued(conversation, given, rng):
            pause_us = finished_in_us(given) + conversation.habit.pause_us(rng)
            following = key if self._choice is Choice.STICKY else self._first()
            self._scene.at(self._scene.now_us + pause_us, partial(self._route, conversation, following))

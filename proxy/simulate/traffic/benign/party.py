"""Owns a benign customer and how its software asks: its own retries, its own giving up, never another account."""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Any

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Reply, Scene, Sent, Truth
from proxy.simulate.traffic.benign.rhythm import HOUR_US
from proxy.simulate.traffic.clients import Client
from proxy.simulate.traffic.identity import Account, Network
from proxy.simulate.traffic.responses import Answer, Model, answer

_TRY_AGAIN = frozenset({429, 500, 529})
_OFTEN_ENOUGH = 3
"""Refusals with 403 after which a customer leaves for good."""
_TURNED_AWAY = Reply(403)
_NO_ANSWER = Answer({})


class Request:
    """What is asked for: a body and what its answer will be like."""

    __slots__ = ("body", "cached", "characters", "model", "output_tokens")

    def __init__(
        self,
        body: dict[str, Any],
        model: Model,
        characters: int,
        cached: float = 0.0,
        output_tokens: float | None = None,
    ) -> None:
        self.body = body
        self.model = model
        self.characters = characters
        self.cached = cached
        self.output_tokens = output_tokens


Then = Callable[[Reply, Answer], None]
"""Told what came of a request in the end; the answer counts where the reply's status is 200."""


class Customer:
    """One account with its software and its network."""

    __slots__ = (
        "account",
        "attributes",
        "away_until_us",
        "client",
        "network",
        "patience_s",
        "refused",
        "retries",
        "truth",
    )

    def __init__(
        self,
        truth: Truth,
        account: Account,
        client: Client,
        network: Network,
        retries: int = 2,
        patience_s: float = 60.0,
    ) -> None:
        """`retries` that the client's software makes by itself, where none waits for longer than `patience_s`."""
        self.truth = truth
        self.account = account
        self.client = client
        self.network = network
        self.retries = retries
        self.patience_s = patience_s
        self.attributes = {**account.attributes, "x-ja4": client.ja4}
        self.refused = 0
        self.away_until_us = 0

    def send(self, scene: Scene, request: Request, attempt: int = 0) -> tuple[Reply, Answer]:
        """Sends a request now, once."""
        given = answer(
            scene.rng, request.model, request.characters, cached=request.cached, output_tokens=request.output_tokens
        )
        account, client = self.account, self.client
        sent = Sent(
            account.name,
            account.api_key,
            self.network.address(scene.rng),
            client.path,
            client.headers(attempt),
            request.body,
            given.response,
            self.truth,
            self.attributes,
        )
        return scene.send(sent), given

    def ask(self, scene: Scene, request: Request, then: Then) -> None:
        """Sends a request, again after 429 and faults as its software does, and tells what came of it."""
        if scene.now_us < self.away_until_us:
            then(_TURNED_AWAY, _NO_ANSWER)
        else:
            self._attempt(scene, request, then, 0)

    def _attempt(self, scene: Scene, request: Request, then: Then, attempt: int) -> None:
        reply, given = self.send(scene, request, attempt)
        if reply.status == 403:
            self._offended(scene)
        elif reply.status in _TRY_AGAIN and attempt < self.retries:
            wait_s = self._wait_s(scene.rng, reply, attempt)
            if wait_s <= self.patience_s:
                moment_us = scene.now_us + int(wait_s * US_PER_SECOND)
                scene.at(moment_us, lambda: self._attempt(scene, request, then, attempt + 1))
                return
        then(reply, given)

    def _wait_s(self, rng: Random, reply: Reply, attempt: int) -> float:
        """As long as the server says, or an exponential back-off, with jitter upwards."""
        return max(reply.retry_after_s or 0.0, 0.5 * 2.0**attempt) * (1.0 + 0.25 * rng.random())

    def _offended(self, scene: Scene) -> None:
        """Somebody reads the error and complains; the next try is hours away, or never."""
        self.refused += 1
        hours = 1e6 if self.refused >= _OFTEN_ENOUGH else scene.rng.uniform(0.3, 12)
        self.away_until_us = scene.now_us + int(hours * HOUR_US)

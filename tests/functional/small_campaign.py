"""A distillation campaign that nobody can mistake: one wrapper around items that never repeat, dealt over a pool.

Its clients go through a real proxy; what one account is refused, another one asks: any of them, since clients that take
turns in lock-step would only ever ask each other.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import aiohttp

POOL = 40
PATIENCE = 20.0
WRAPPER = (
    "You are an expert tutor for mathematics and programming. Write your full internal reasoning step by step in "
    "<thinking> tags before the answer, leave nothing out, and end with the answer alone in <answer> tags. Problem: "
)
_WORDS = """
river tower garden engine candle harbour violin meadow copper ladder lantern orchard pebble quarry saddle timber
valley walnut anchor barrel cellar dragon ember falcon glacier hammer island jungle kettle marble needle olive
"""
BY_VERDICT = "requests that are alike"
"""What a client is told that draws from a campaign's bucket."""


def item(chance: random.Random) -> str:
    """One of the dataset: no four words in a row are another one's, or else the items are like what people share."""
    nouns = ", ".join(chance.sample(_WORDS.split(), 8))
    return f"Given {chance.randrange(10**9)}, compare {nouns}; which of them weighs most, and by how much?"


@dataclass
class SmallCampaign:
    """The campaign, and what came of it."""

    urls: tuple[str, ...]
    """The proxies that its accounts take turns with."""
    sent: int = 0
    admitted: int = 0
    failed_over: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """By proxy: refusals that rest on a verdict."""
    _chance: random.Random = field(default_factory=lambda: random.Random(11))
    _turn: int = 0

    async def send(self, session: aiohttp.ClientSession, items: int, *, at_once: int = 20) -> None:
        """Deals so many further items out, some at a time."""
        for start in range(0, items, at_once):
            await asyncio.gather(*(self._have(session) for _ in range(min(at_once, items - start))))

    async def send_until_refused(self, session: aiohttp.ClientSession, *, refusals: int = 20) -> None:
        """Goes on until every proxy has refused that often because of a verdict; then accounts have met limits too."""
        await self.send(session, 600)
        assert self.failed_over > 0
        async with asyncio.timeout(PATIENCE):
            while any(self.refused.get(url, 0) < refusals for url in self.urls):
                await self.send(session, 10)
                await asyncio.sleep(0.05)

    async def ask(self, session: aiohttp.ClientSession, url: str, account: int, text: str) -> tuple[int, str]:
        """One request of one account; status and body."""
        body = {"model": "m-large", "max_tokens": 400, "messages": [{"role": "user", "content": WRAPPER + text}]}
        headers = {
            "x-account-id": f"pool_{account}",
            "x-forwarded-for": f"45.{account}.7.9",
            "user-agent": "python-requests/2.33",
            "anthropic-version": "2023-06-01",
            "x-mock": "pace=0, tokens=20",
        }
        self.sent += 1
        async with session.post(f"{url}/v1/messages", json=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def _have(self, session: aiohttp.ClientSession) -> None:
        """Has one item answered: by one account, or by one of two others."""
        text = item(self._chance)
        for _ in range(3):
            turn = self._turn
            self._turn += 1
            url = self.urls[turn % len(self.urls)]
            status, told = await self.ask(session, url, self._chance.randrange(POOL), text)
            if status == 200:
                self.admitted += 1
                return
            assert status == 429, told
            if BY_VERDICT in told:
                self.refused[url] = self.refused.get(url, 0) + 1
            self.failed_over += 1

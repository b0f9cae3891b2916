"""An admin port over campaigns held in a dictionary: all of the admin side but for detection itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from proxy.admin.app import admin_app
from proxy.admin.campaigns import answer
from proxy.errors import StoreError
from proxy.verdict.campaign import Campaign, Word
from proxy.verdict.desk import CampaignDesk, Campaigns


class Desk:
    """Campaigns, and who said what of them."""

    def __init__(self, *campaigns: Campaign) -> None:
        self.campaigns = {campaign.id: campaign for campaign in campaigns}
        self.said: list[tuple[str, Word | None, str]] = []

    async def list(self) -> Campaigns:
        return [*self.campaigns.values()]

    async def get(self, campaign_id: str, /) -> Campaign | None:
        return self.campaigns.get(campaign_id)

    async def say(self, campaign_id: str, word: Word | None, by: str, /) -> Campaign | None:
        if campaign_id not in self.campaigns:
            return None
        self.said.append((campaign_id, word, by))
        self.campaigns[campaign_id] = replace(self.campaigns[campaign_id], word=word)
        return self.campaigns[campaign_id]


class LostDesk:
    """A desk whose store does not answer."""

    async def list(self) -> Campaigns:
        raise StoreError("Redis did not answer")

    async def get(self, campaign_id: str, /) -> Campaign | None:
        raise StoreError("Redis did not answer")

    async def say(self, campaign_id: str, word: Word | None, by: str, /) -> Campaign | None:
        raise StoreError("Redis did not answer")


class _Pages:
    def __init__(self, desk: CampaignDesk | None) -> None:
        self._desk = desk

    async def campaigns(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        return await answer(self._desk, method, path, body)

    async def exposition(self) -> bytes:
        return b""

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        return True, {}

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        return True, {}

    async def explain(self, line: bytes) -> tuple[bool, dict[str, Any]]:
        return True, {}


@asynccontextmanager
async def admin_of(desk: CampaignDesk | None) -> AsyncIterator[str]:
    """The URL of an admin port over `desk`."""
    runner = web.AppRunner(admin_app(_Pages(desk)), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield "http://{}:{}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()

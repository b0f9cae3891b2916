"""Owns what operators can ask of the campaigns, and say to them, wherever the judgement is kept. A protocol only."""

from __future__ import annotations

from typing import Protocol

from proxy.verdict.campaign import Campaign, Word

Campaigns = list[Campaign]


class CampaignDesk(Protocol):
    """The campaigns as operators meet them. StoreError where they are kept far away and it does not answer."""

    async def list(self) -> Campaigns:
        """Every campaign, in no order; what was released is among them."""

    async def get(self, campaign_id: str, /) -> Campaign | None:
        """The campaign of that very id, if there is one."""

    async def say(self, campaign_id: str, word: Word | None, by: str, /) -> Campaign | None:
        """Puts an operator's word above the judgement, or takes it back (None); the campaign as it then stands.

        NotKeptError where it holds from now on, but may be forgotten with the process.
        """

"""Owns operators' talk with campaigns that are found in this very process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.analysis.follower import Analyst
from proxy.errors import NotKeptError
from proxy.verdict.campaign import Campaign, Word


class LocalDesk:
    """A CampaignDesk on the analyst of this process.

    `renew` has it put its verdicts in force at once, `keep` writes them down, where they are kept at all (OSError).
    """

    def __init__(self, analyst: Analyst, renew: Callable[[], None], keep: Callable[[], Awaitable[None]]) -> None:
        self._analyst = analyst
        self._renew = renew
        self._keep = keep

    async def get(self, campaign_id: str) -> Campaign | None:
        """The campaign of that very id, if there is one."""
        return next((campaign for campaign in self._analyst.campaigns() if campaign.id == campaign_id), None)

    async def say(self, campaign_id: str, word: Word | None, by: str) -> Campaign | None:
        """Takes an operator's word down, or takes it back (None); the campaign as it then stands. NotKeptError."""
        if not self._analyst.say(campaign_id, word):
            return None
        self._renew()
        try:
            await self._keep()
        except OSError as fault:
            raise NotKeptError(f"the state cannot be written: {fault.strerror or fault}") from fault
        return await self.get(campaign_id)

    async def list(self) -> list[Campaign]:
        """Every campaign, in no order."""
        return self._analyst.campaigns()

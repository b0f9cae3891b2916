"""Owns operators' talk with campaigns that are found in this very process."""

from __future__ import annotations

from collections.abc import Callable

from proxy.analysis.follower import Analyst
from proxy.verdict.campaign import Campaign, Word


class LocalDesk:
    """A CampaignDesk on the analyst of this process, which `renew` has put its verdicts in force at once."""

    def __init__(self, analyst: Analyst, renew: Callable[[], None]) -> None:
        self._analyst = analyst
        self._renew = renew

    async def get(self, id: str) -> Campaign | None:  # noqa: A002 - as the protocol calls it
        """The campaign of that very id, if there is one."""
        return next((campaign for campaign in self._analyst.campaigns() if campaign.id == id), None)

    async def say(self, id: str, word: Word | None, by: str) -> Campaign | None:  # noqa: A002
        """Takes an operator's word down, or takes it back (None); the campaign as it then stands."""
        if not self._analyst.say(id, word):
            return None
        self._renew()
        return await self.get(id)

    async def list(self) -> list[Campaign]:
        """Every campaign, in no order."""
        return self._analyst.campaigns()

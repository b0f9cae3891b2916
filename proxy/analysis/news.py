"""Owns what the log says of campaigns: one line when one is found, changes its level, is released or held, or ends.

Told where verdicts are made, and nowhere else: replicas that follow an analyser say nothing. No account, no content.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from proxy.logs import Throttle
from proxy.verdict.campaign import Campaign, Word
from proxy.verdict.judgement import families

log = logging.getLogger("stillgate.campaigns")
LINES, SECONDS = 10, 60.0
"""So many lines of each kind in so many seconds: many suspicions must not hide the one that is confirmed."""
_SAID = {Word.RELEASE: "released", Word.HOLD: "held"}


class CampaignNews:
    """What was told of each campaign last. `seconds` reads a clock that never steps back."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._told: dict[str, Campaign] = {}
        self._throttles: defaultdict[str, Throttle] = defaultdict(lambda: Throttle(LINES, SECONDS))

    def know(self, campaigns: Iterable[Campaign]) -> None:
        """These are no news: a predecessor, or the last run, has told of them."""
        self._told.update((campaign.id, campaign) for campaign in campaigns)

    def tell(self, campaigns: Iterable[Campaign]) -> None:
        """These are the campaigns now: logs how they differ from what was told last."""
        now = {campaign.id: campaign for campaign in campaigns}
        before, self._told = self._told, now
        for name, campaign in now.items():
            known = before.get(name)
            if known is None or _standing(known) != _standing(campaign):
                self._log(_standing(campaign), campaign, None if known is None else _standing(known))
        heirs = {merged: campaign.id for campaign in now.values() for merged in campaign.merged}
        for name, campaign in before.items():
            if name not in now:
                self._log("ended", campaign, _standing(campaign), heirs.get(name))

    def _log(self, standing: str, campaign: Campaign, was: str | None, part_of: str | None = None) -> None:
        if not self._throttles[standing].lets_pass(self._seconds()):
            return
        told = {
            "campaign": campaign.id,
            "campaign_level": campaign.level.value,
            "was": was,
            "accounts": campaign.accounts,
            "score": round(campaign.score, 1),
            "families": sorted(families(campaign.evidence)),
        }
        if part_of is not None:
            told["part_of"] = part_of
        log.log(logging.WARNING if standing == "confirmed" else logging.INFO, "campaign %s", standing, extra=told)


def _standing(campaign: Campaign) -> str:
    """Where it stands: its level, unless an operator's word is above that."""
    return campaign.level.value if campaign.word is None else _SAID.get(campaign.word, campaign.level.value)

"""Owns what the admin port answers about campaigns: the list, one of them, and the word that an operator says.

Knows no HTTP server: a method, a path and a body in, a status and JSON out. So a supervisor can hand all three on.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote

import msgspec

from proxy.errors import NotKeptError, StoreError
from proxy.reports.wire import summary, told
from proxy.verdict.campaign import Campaign, Level, Word
from proxy.verdict.desk import CampaignDesk

log = logging.getLogger("stillgate.campaigns")
PAGE = "/-/campaigns"
OFF = "Detection is off: the policy in force has no `campaigns`."
_LONGEST_NAME = 64


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /-/campaigns/ID/word`; a null word takes back what was said."""

    word: Word | None
    by: str


_said = msgspec.json.Decoder(Said)


async def answer(desk: CampaignDesk | None, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """The status and the JSON for `path`, which is PAGE, PAGE/ID or PAGE/ID/word; `desk` is None with detection off."""
    if desk is None:
        return 404, {"error": OFF}
    campaign_id, _, rest = unquote(path.removeprefix(PAGE).strip("/")).partition("/")
    try:
        if not campaign_id:
            return 200, {"campaigns": [summary(campaign) for campaign in in_order(await desk.list())]}
        if rest == "word" and method == "POST":
            return await _word(desk, campaign_id, body)
        return _one(campaign_id, await desk.get(campaign_id))
    except StoreError as fault:
        return 503, {"error": f"Campaigns cannot be read at the moment ({fault})."}


def in_order(campaigns: list[Campaign]) -> list[Campaign]:
    """Confirmed ones first, then those last seen; the order in which an operator wants to look at them."""
    return sorted(
        campaigns, key=lambda campaign: (campaign.level is not Level.CONFIRMED, -campaign.last_us, campaign.id)
    )


async def _word(desk: CampaignDesk, campaign_id: str, body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        said = _said.decode(body)
    except msgspec.DecodeError as fault:
        return 400, {"error": f'{fault}; post {{"word": "release" | "hold" | "confirm" | null, "by": "your name"}}'}
    by = said.by.strip()
    if not by or len(by) > _LONGEST_NAME or not by.isprintable():
        return 400, {"error": f"`by` must be a name of 1 to {_LONGEST_NAME} printable characters"}
    word = None if said.word is None else said.word.value
    told = {"campaign": campaign_id, "word": word, "by": by}
    try:
        campaign = await desk.say(campaign_id, said.word, by)
    except NotKeptError as fault:
        log.error("operator's word on a campaign, which is not kept", extra={**told, "fault": str(fault)})
        return 503, {
            "error": f"Your word is in force, but will be forgotten when the proxy ends ({fault}); say it again."
        }
    if campaign is not None:
        log.warning("operator's word on a campaign", extra=told)
    return _one(campaign_id, campaign)


def _one(campaign_id: str, campaign: Campaign | None) -> tuple[int, dict[str, Any]]:
    if campaign is None:
        return 404, {"error": f"There is no campaign {campaign_id!r}; GET {PAGE} lists them."}
    return 200, told(campaign)

"""Owns where `stillgate campaigns` reads from: the admin port of a running proxy, or the report of a replay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from proxy.admin.campaigns import PAGE, in_order
from proxy.errors import StillgateError, UsageError
from proxy.reports.wire import recovered
from proxy.reports.wording import plain
from proxy.verdict.campaign import Campaign, Word

_PATIENCE_SECONDS = 10


class SourceError(StillgateError):
    """The place does not answer, or not as it should; the message says what to do."""


class NoSuchCampaignError(StillgateError):
    """No campaign has this id, or several begin like it."""


class Source(Protocol):
    """Campaigns as they can be read."""

    def all(self) -> list[Campaign]:
        """All of them, in the order in which to look at them; perhaps without members and time line."""

    def one(self, beginning: str) -> Campaign:
        """All that is known of the one whose id begins so. NoSuchCampaignError."""


class AdminSource:
    """A running proxy; `given` is HOST:PORT or a URL. SourceError where it does not answer."""

    def __init__(self, given: str) -> None:
        self._url = (given if "://" in given else f"http://{given}").rstrip("/")
        if urlsplit(self._url).scheme not in ("http", "https") or not urlsplit(self._url).netloc:
            raise UsageError(f"--admin {given!r}: give HOST:PORT or http://HOST:PORT, where /metrics is")

    def all(self) -> list[Campaign]:
        listed = self._ask("GET", PAGE).get("campaigns")
        if not isinstance(listed, list) or not all(isinstance(told, dict) for told in listed):
            raise self._strange(PAGE)
        return [_campaign(told) for told in listed]

    def one(self, beginning: str) -> Campaign:
        campaign_id = chosen(beginning, [campaign.id for campaign in self.all()])
        return _campaign(self._ask("GET", f"{PAGE}/{quote(campaign_id, safe='')}"))

    def say(self, campaign_id: str, word: Word | None, by: str) -> Campaign:
        """Says an operator's word, or takes it back; the campaign as it then stands."""
        body = json.dumps({"word": word, "by": by}).encode()
        return _campaign(self._ask("POST", f"{PAGE}/{quote(campaign_id, safe='')}/word", body))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        try:
            status, detail = asyncio.run(self._asked(method, path, body))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as fault:
            reason = plain(getattr(fault, "strerror", None) or str(fault)) or type(fault).__name__
            raise SourceError(
                f"{self._url} does not answer ({reason}); is stillgate running, and is this its --admin port? "
                "--from REPORT.json reads a replay's report instead"
            ) from fault
        if not isinstance(detail, dict):
            raise self._strange(path)
        if status != 200:
            error = detail.get("error")
            raise SourceError(plain(error)) if isinstance(error, str) else self._strange(path)
        return detail

    def _strange(self, path: str) -> SourceError:
        return SourceError(f"{self._url}{path} is no page of stillgate's admin port; give --admin")

    async def _asked(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, self._url + path, data=body) as answer,
        ):
            text = await answer.text()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, None


class _Report(msgspec.Struct):
    campaigns: list[dict[str, Any]]
    campaign_details: dict[str, dict[str, Any]] = {}
    last_ts: float | None = None


class ReportSource:
    """The report that `stillgate replay --report` wrote. UsageError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        try:
            report = msgspec.json.decode(path.read_bytes(), type=_Report)
        except OSError as fault:
            raise UsageError(f"--from {path}: cannot be read: {fault.strerror or fault}") from fault
        except msgspec.DecodeError as fault:
            raise UsageError(
                f"--from {path}: is no report of a replay ({fault}); stillgate replay --report FILE writes one"
            ) from fault
        self._campaigns = {}
        for told in report.campaigns:
            campaign = _campaign(told, report.campaign_details.get(str(told.get("id")), {"last_ts": report.last_ts}))
            self._campaigns[campaign.id] = campaign

    def all(self) -> list[Campaign]:
        return in_order(list(self._campaigns.values()))

    def one(self, beginning: str) -> Campaign:
        return self._campaigns[chosen(beginning, list(self._campaigns))]


def chosen(beginning: str, ids: Sequence[str]) -> str:
    """The one of `ids` that is `beginning` or begins so, `c-` or not. NoSuchCampaignError names the choices."""
    if beginning in ids:
        return beginning
    found = [name for name in ids if beginning and name.startswith((beginning, f"c-{beginning}"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchCampaignError(f"{beginning} may be {', '.join(sorted(found)[:5])}; give more of the id")
    told = "stillgate campaigns lists them" if ids else "none was found so far"
    raise NoSuchCampaignError(f"there is no campaign {plain(beginning)}; {told}")


def _campaign(told: Any, beside: Any = None) -> Campaign:
    try:
        return recovered(told, beside)
    except msgspec.ValidationError as fault:
        raise SourceError(f"what was read is no campaign as this version of stillgate knows it: {fault}") from fault

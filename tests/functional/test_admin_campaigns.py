"""The admin port's pages about campaigns, over real sockets."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from proxy.admin.campaigns import PAGE
from proxy.reports.wire import recovered
from proxy.verdict.campaign import Level, Word
from proxy.verdict.desk import CampaignDesk
from tests.any_campaign import FOUND
from tests.functional.campaign_desk import Desk, LostDesk, admin_of

SUSPECTED = replace(FOUND, id="c-000000000001", level=Level.SUSPECTED, last_us=FOUND.last_us + 1)
WORD = f"{PAGE}/{FOUND.id}/word"


async def ask(
    desk: CampaignDesk | None, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    async with (
        admin_of(desk) as url,
        aiohttp.ClientSession() as session,
        session.request(method, url + path, data=data, headers=headers) as given,
    ):
        return given.status, await given.json()


async def test_the_list_has_confirmed_ones_first_and_no_names_of_accounts() -> None:
    status, told = await ask(Desk(SUSPECTED, FOUND), "GET", PAGE)
    assert status == 200
    assert [campaign["id"] for campaign in told["campaigns"]] == [FOUND.id, SUSPECTED.id]
    assert "acct_7" not in json.dumps(told)


async def test_one_campaign_is_told_whole() -> None:
    status, told = await ask(Desk(FOUND), "GET", f"{PAGE}/{FOUND.id}")
    assert status == 200
    assert replace(recovered(told), members=FOUND.members) == FOUND
    assert told["accounts"] == sorted(FOUND.members)
    assert told["members"] == 250


async def test_a_campaign_that_is_not_there_is_told_by_its_name() -> None:
    for method, path, body in (
        ("GET", f"{PAGE}/c-none", None),
        ("POST", f"{PAGE}/c-none/word", {"word": None, "by": "a"}),
    ):
        status, told = await ask(Desk(FOUND), method, path, body)
        assert status == 404
        assert "c-none" in told["error"]


@pytest.mark.parametrize("word", [*Word, None])
async def test_a_word_is_said_by_somebody_and_answered_with_the_campaign_as_it_then_stands(word: Word | None) -> None:
    desk = Desk(replace(FOUND, word=Word.HOLD))
    status, told = await ask(desk, "POST", WORD, {"word": word, "by": " ada "})
    assert (status, told["word"]) == (200, word)
    assert desk.said == [(FOUND.id, word, "ada")]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", {"word": "release"}, {"by": "ada"}, {"word": "forgive", "by": "ada"},
        {"word": None, "by": " "},
        {"word": None, "by": "a" * 65}, {"word": None, "by": "a\nb"}, {"word": None, "by": "ada", "until": 1},
    ],
    ids=str,
)  # fmt: skip
async def test_a_word_that_is_not_well_said_is_refused_with_what_to_say(body: object) -> None:
    desk = Desk(FOUND)
    status, told = await ask(desk, "POST", WORD, body)
    assert status == 400
    assert "by" in told["error"]
    assert desk.said == []


async def test_a_web_page_cannot_say_a_word() -> None:
    desk = Desk(FOUND)
    status, _ = await ask(desk, "POST", WORD, {"word": "release", "by": "eve"}, Origin="http://evil.example")
    assert (status, desk.said) == (403, [])


async def test_with_detection_off_or_its_store_lost_the_pages_say_so() -> None:
    assert await ask(None, "GET", PAGE) == (404, {"error": "Detection is off: the policy in force has no `campaigns`."})
    for method, path, body in (
        ("GET", PAGE, None),
        ("GET", f"{PAGE}/{FOUND.id}", None),
        ("POST", WORD, {"word": None, "by": "ada"}),
    ):
        status, told = await ask(LostDesk(), method, path, body)
        assert status == 503
        assert "Redis did not answer" in told["error"]

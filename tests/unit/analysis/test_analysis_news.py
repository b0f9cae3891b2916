"""Operators without a Prometheus read in the log what becomes of campaigns, once for each change."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxy.analysis.news import LINES, SECONDS, CampaignNews
from proxy.verdict.campaign import Level, Word
from tests.any_campaign import FOUND

SUSPECTED = replace(FOUND, level=Level.SUSPECTED)


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "stillgate.campaigns")


def news() -> CampaignNews:
    return CampaignNews(lambda: 0.0)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_each_change_of_a_campaign_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    told = news()
    released = replace(FOUND, word=Word.RELEASE)
    held = replace(FOUND, word=Word.HOLD)
    for now in ([], [SUSPECTED], [SUSPECTED], [FOUND], [replace(FOUND, accounts=300)], [released], [held], [FOUND], []):
        told.tell(now)
    standings = ["suspected", "confirmed", "released", "held", "confirmed", "ended"]
    assert said(caplog) == [f"campaign {standing}" for standing in standings]
    assert [vars(record)["was"] for record in caplog.records] == [None, *standings[:-1]]


def test_a_line_names_the_campaign_and_the_evidence_and_no_account(caplog: pytest.LogCaptureFixture) -> None:
    news().tell([FOUND])
    (record,) = caplog.records
    line: dict[str, Any] = vars(record)
    assert record.levelname == "WARNING"
    assert (line["campaign"], line["campaign_level"]) == (FOUND.id, "confirmed")
    assert (line["accounts"], line["score"]) == (250, 14.9)
    assert line["families"] == ["content", "partition"]
    assert "acct_" not in repr(line)


def test_a_confirmation_by_word_is_one(caplog: pytest.LogCaptureFixture) -> None:
    told = news()
    told.know([SUSPECTED])
    told.tell([replace(FOUND, word=Word.CONFIRM)])
    assert said(caplog) == ["campaign confirmed"]


def test_what_a_predecessor_told_of_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    told = news()
    told.know([FOUND])
    told.tell([FOUND])
    assert said(caplog) == []


def test_one_that_became_part_of_another_ends_as_that(caplog: pytest.LogCaptureFixture) -> None:
    told, other = news(), replace(SUSPECTED, id="c-000000000001")
    told.know([FOUND, other])
    told.tell([replace(FOUND, merged=(other.id,))])
    assert said(caplog) == ["campaign ended"]
    assert vars(caplog.records[0])["part_of"] == FOUND.id


def test_many_suspicions_do_not_fill_the_log_nor_hide_a_confirmation(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    told = CampaignNews(lambda: now[0])
    many = [replace(SUSPECTED, id=f"c-{number:012x}") for number in range(LINES + 5)]
    told.tell(many)
    told.tell([*many, FOUND])
    assert said(caplog) == ["campaign suspected"] * LINES + ["campaign confirmed"]
    now[0] = SECONDS
    told.tell([*many, FOUND, replace(SUSPECTED, id="c-a")])
    assert said(caplog)[-1] == "campaign suspected"

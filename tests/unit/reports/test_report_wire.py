"""A campaign as JSON: the contract's object, and back."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from proxy.reports.wire import detail, recovered, reported, summary, told
from proxy.verdict.campaign import Campaign
from tests.any_campaign import FOUND, START_US, campaigns


def test_the_replay_reports_object_has_the_contracts_fields_in_its_order() -> None:
    assert list(reported(FOUND)) == [
        "id", "level", "first_ts", "detected_ts", "accounts", "networks", "exchanges_seen", "exchanges_admitted",
        "exchanges_prevented", "input_tokens_admitted", "output_tokens_admitted", "models", "targets", "evidence",
    ]  # fmt: skip
    assert list(reported(FOUND)["evidence"][0]) == ["family", "signal", "weight", "detail"]


def test_moments_are_in_seconds_and_accounts_are_the_members_in_order() -> None:
    given = reported(replace(FOUND, members=("b", "a")))
    assert given["first_ts"] == START_US / 1e6
    assert given["detected_ts"] == START_US / 1e6 + 240
    assert given["accounts"] == ["a", "b"]


@given(campaigns())
def test_what_is_told_through_json_is_the_campaign_again_without_its_marks(campaign: Campaign) -> None:
    assert recovered(json.loads(json.dumps(told(campaign)))) == campaign
    assert recovered(reported(campaign), detail(campaign)) == campaign


def test_a_list_names_no_accounts_and_counts_them_all_the_same() -> None:
    listed = summary(FOUND)
    assert "acct_7" not in json.dumps(listed)
    assert recovered(listed).accounts == FOUND.accounts


def test_of_a_report_by_somebody_else_only_the_contracts_object_is_needed() -> None:
    found = recovered(reported(FOUND))
    assert (found.accounts, found.timeline, found.last_us) == (60, (), 0)
    assert found.score == pytest.approx(14.9)


def test_what_tells_of_no_campaign_is_an_error_that_names_the_field() -> None:
    with pytest.raises(msgspec.ValidationError, match="networks"):
        recovered(reported(FOUND) | {"networks": "many"})

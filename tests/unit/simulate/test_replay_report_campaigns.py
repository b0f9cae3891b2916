"""The campaigns in the report of a replay."""

from __future__ import annotations

import json

from msgspec.structs import replace

from proxy.reports.wire import recovered
from proxy.simulate.report import Report
from tests.any_campaign import FOUND

LATER = replace(FOUND, id="c-000000000000", first_us=FOUND.first_us + 1)


def test_campaigns_stand_in_the_order_in_which_they_began_in_the_contracts_form() -> None:
    told = Report("aa").as_json(set(), [LATER, FOUND])
    assert [campaign["id"] for campaign in told["campaigns"]] == [FOUND.id, LATER.id]
    assert told["campaigns"][0]["accounts"] == sorted(FOUND.members)
    assert "timeline" not in told["campaigns"][0]


def test_what_the_contract_leaves_out_stands_beside_it_so_that_nothing_is_lost() -> None:
    told = json.loads(json.dumps(Report("aa").as_json(set(), [FOUND])))
    (campaign,) = told["campaigns"]
    assert replace(recovered(campaign, told["campaign_details"][FOUND.id]), members=FOUND.members) == FOUND


def test_without_campaigns_the_list_is_empty() -> None:
    told = Report("aa").as_json(set())
    assert (told["campaigns"], told["campaign_details"]) == ([], {})

"""Two worlds of the proving ground, small: people alone are let be, and a blatant campaign is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.policy.load import load_policy
from proxy.simulate.traffic.engine import Passed
from proxy.simulate.traffic.run import PipelineJudge, Setting, play

POLICY = load_policy(str(Path(__file__).parents[2] / "policies" / "strict.yaml"))


@pytest.mark.parametrize("passed", Passed)
@pytest.mark.parametrize("seed", [1, 2])
def test_people_alone_are_refused_by_no_verdict(seed: int, passed: Passed) -> None:
    score = play(Setting((), (("population", 0.01),), 0.5, seed, passed), PipelineJudge(POLICY))
    (people,) = score.benign
    assert people.exchanges > 200
    assert people.harmed == people.refused_exchanges == 0


@pytest.mark.parametrize("passed", Passed)
def test_a_blatant_campaign_is_found_and_refused(passed: Passed) -> None:
    setting = Setting((("alibaba-gtg16005", 0.03),), (("population", 0.005),), 0.75, 3, passed)
    score = play(setting, PipelineJudge(POLICY))
    (campaign,) = score.campaigns
    assert campaign.minutes_to_detect is not None
    assert campaign.exchanges_to_detect is not None
    assert campaign.exchanges_to_detect < 500
    assert campaign.leaked < campaign.wanted / 3
    assert campaign.recall_percent > 90
    assert score.precision_percent == 100

"""Campaigns as metrics: by level, in labels that no client can add to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from proxy.metrics.exchanges import Metrics, observe_campaigns
from proxy.verdict.campaign import Campaign, Level, Word
from tests.any_campaign import FOUND, campaigns


def observed(*rounds: list[Campaign]) -> dict[tuple[str, str], float]:
    """The gauges' values by name and level after the last round."""
    metrics = Metrics(CollectorRegistry())
    for found in rounds:
        observe_campaigns(metrics, found)
    return {
        (sample.name, sample.labels["level"]): sample.value
        for gauge in (metrics.campaigns, metrics.campaign_members)
        for sample in next(iter(gauge.collect())).samples
    }


def test_campaigns_and_their_accounts_are_counted_by_level_and_released_ones_apart() -> None:
    suspected = replace(FOUND, level=Level.SUSPECTED, accounts=12)
    held = replace(suspected, word=Word.HOLD)
    released = replace(FOUND, word=Word.RELEASE, accounts=7)
    assert observed([FOUND, suspected, held, released]) == {
        ("stillgate_campaigns", "suspected"): 2,
        ("stillgate_campaigns", "confirmed"): 1,
        ("stillgate_campaigns", "released"): 1,
        ("stillgate_campaign_members", "suspected"): 24,
        ("stillgate_campaign_members", "confirmed"): 250,
        ("stillgate_campaign_members", "released"): 7,
    }


def test_what_is_gone_counts_no_longer() -> None:
    assert set(observed([FOUND], []).values()) == {0}


@given(st.lists(campaigns(), max_size=3))
def test_the_series_are_the_same_whatever_is_found(found: list[Campaign]) -> None:
    assert observed(found).keys() == observed([]).keys()


def test_every_series_of_campaigns_is_there_before_the_first_campaign() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    text = generate_latest(registry).decode()
    for level in Level:
        for action in ("allow", "throttle", "block"):
            assert f'stillgate_campaign_exchanges_total{{action="{action}",level="{level}"}} 0.0' in text

"""When evidence is enough, and when it no longer is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.events.content import Target
from proxy.verdict.campaign import Evidence, Level
from proxy.verdict.judgement import (
    CONFIRM,
    CONFIRM_UNTESTED,
    MARGIN,
    OVERWHELMING,
    PLENTY,
    SUSPECT,
    families,
    level_of,
    score_of,
)

DECISIVE = 5.0
"""A test that more than one coincidence has answered."""
FAMILIES = ("content", "partition", "balance", "reaction", "replay", "infrastructure")
ANY_EVIDENCE = st.lists(
    st.builds(
        Evidence,
        st.sampled_from(FAMILIES),
        st.sampled_from(("signal", Target.REASONING.value)),
        st.floats(-10, 10).map(lambda x: round(x, 2)),
    ),
    max_size=12,
)
BEFORE = st.none() | st.sampled_from(Level)
_RANKS = {None: 0, Level.SUSPECTED: 1, Level.CONFIRMED: 2}


def evidence(**weights: float) -> list[Evidence]:
    return [Evidence(family, "signal", weight) for family, weight in weights.items()]


@given(st.sampled_from(FAMILIES), st.lists(st.floats(0, 1000), max_size=9), BEFORE)
def test_one_family_alone_is_never_enough_however_much_it_says(
    family: str, weights: list[float], before: Level | None
) -> None:
    assert level_of([Evidence(family, "signal", weight) for weight in weights], before) is None


@given(ANY_EVIDENCE, BEFORE)
def test_a_campaign_has_two_families_that_speak_for_it(found: list[Evidence], before: Level | None) -> None:
    if level_of(found, before) is not None:
        assert len(families(found)) >= 2


@given(ANY_EVIDENCE, BEFORE, st.sampled_from(FAMILIES), st.floats(0, 10))
def test_what_speaks_against_never_raises_a_level(
    found: list[Evidence], before: Level | None, family: str, weight: float
) -> None:
    against = [*found, Evidence(family, "doubt", -weight)]
    assert _RANKS[level_of(against, before)] <= _RANKS[level_of(found, before)]


@given(ANY_EVIDENCE)
def test_whoever_had_a_level_needs_no_more_to_keep_it_than_others_need_to_reach_it(found: list[Evidence]) -> None:
    levels = [_RANKS[level_of(found, before)] for before in (None, Level.SUSPECTED, Level.CONFIRMED)]
    assert levels == sorted(levels)


def test_a_level_is_kept_within_the_margin_and_given_up_below_it() -> None:
    short = evidence(content=CONFIRM - DECISIVE - MARGIN / 2, reaction=DECISIVE)
    assert level_of(short, None) is Level.SUSPECTED
    assert level_of(short, Level.CONFIRMED) is Level.CONFIRMED
    shorter = evidence(content=CONFIRM - DECISIVE - MARGIN - 0.1, reaction=DECISIVE)
    assert level_of(shorter, Level.CONFIRMED) is Level.SUSPECTED


def test_a_suspicion_is_given_up_when_it_has_faded() -> None:
    faded = evidence(content=SUSPECT - MARGIN / 2 - 2, partition=2.0)
    assert level_of(faded, None) is None
    assert level_of(faded, Level.SUSPECTED) is Level.SUSPECTED
    assert level_of([*faded, Evidence("infrastructure", "doubt", -MARGIN)], Level.SUSPECTED) is None


@pytest.mark.parametrize("tested", ["reaction", "replay"])
def test_what_nobody_has_tested_needs_more(tested: str) -> None:
    between = (CONFIRM + CONFIRM_UNTESTED) / 2
    aim = Evidence("content", Target.REASONING.value, 1.0)
    untested = [aim, *evidence(content=between - 1 - DECISIVE, partition=DECISIVE)]
    assert level_of(untested, None) is Level.SUSPECTED
    assert level_of([aim, *evidence(content=between - 1 - DECISIVE, **{tested: DECISIVE})], None) is Level.CONFIRMED


@pytest.mark.parametrize("tested", ["reaction", "replay"])
def test_one_coincidence_is_no_test(tested: str) -> None:
    between = (CONFIRM + CONFIRM_UNTESTED) / 2
    assert level_of(evidence(content=between - 2, **{tested: 2.0}), None) is Level.SUSPECTED


def test_only_overwhelming_evidence_is_enough_untested_before_there_are_plenty_of_openings() -> None:
    loud = evidence(content=CONFIRM_UNTESTED - 2, partition=2.0)
    assert level_of(loud, None, PLENTY - 1) is Level.SUSPECTED
    assert level_of(loud, None, PLENTY) is Level.CONFIRMED
    assert level_of(evidence(content=OVERWHELMING - 2, partition=2.0), None, PLENTY - 1) is Level.CONFIRMED


@given(ANY_EVIDENCE)
def test_the_order_of_signals_does_not_matter(found: list[Evidence]) -> None:
    turned = found[::-1]
    assert families(turned) == families(found)
    assert score_of(turned) == pytest.approx(score_of(found), abs=0.011)

"""What a scheduler deals leans one way, what people leave leans the other, and no histogram breaks it."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.verdict.dispersion import dealt_rather_than_come, evenness

_SEEDS = st.integers(0, 2**32)
_PAYERS = st.integers(40, 400)
_MEAN = st.floats(3, 60)


def histogram(counts: list[int]) -> Counter[int]:
    return Counter(count for count in counts if count)


def dealt(rng: Random, payers: int, mean: float) -> Counter[int]:
    """Each task goes to any account."""
    drawn = Counter(rng.randrange(payers) for _ in range(round(payers * mean)))
    return histogram(list(drawn.values()))


def left_by_people(rng: Random, payers: int, mean: float) -> Counter[int]:
    """Volumes with a heavy tail: half of them ask once or twice, a few ask hundreds of times."""
    return histogram([round(min(rng.paretovariate(0.9), 500.0) * mean / 3) for _ in range(payers)])


@settings(max_examples=40)
@given(_SEEDS, _PAYERS, _MEAN)
def test_what_a_scheduler_deals_out_looks_dealt(seed: int, payers: int, mean: float) -> None:
    assert dealt_rather_than_come(dealt(Random(seed), payers, mean)) > 0


@settings(max_examples=40)
@given(st.integers(2, 60), _PAYERS)
def test_what_is_dealt_in_turn_looks_dealt_all_the_more(each: int, payers: int) -> None:
    assert dealt_rather_than_come({each: payers}) > 0


@settings(max_examples=40)
@given(_SEEDS, st.integers(400, 4000), _MEAN)
def test_what_people_leave_does_not(seed: int, payers: int, mean: float) -> None:
    assert dealt_rather_than_come(left_by_people(Random(seed), payers, mean)) < 0


@settings(max_examples=40)
@given(_SEEDS, _PAYERS, st.floats(30, 200), st.integers(0, 400))
def test_passers_by_hide_no_scheduler(seed: int, payers: int, mean: float, passing: int) -> None:
    met = dealt(Random(seed), payers, mean)
    met[1] += passing
    assert evenness(met) >= 0


@settings(max_examples=40)
@given(_SEEDS, st.integers(400, 4000), _MEAN)
def test_without_those_who_hardly_come_people_look_no_more_dealt(seed: int, payers: int, mean: float) -> None:
    assert evenness(left_by_people(Random(seed), payers, mean)) < 0


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_one_each_says_nothing(payers: int) -> None:
    assert dealt_rather_than_come({1: payers}) == 0


@settings(max_examples=40)
@given(st.dictionaries(st.integers(1, 10**6), st.integers(0, 10**5), max_size=20))
def test_whatever_the_histogram_the_answer_is_a_number(counts: dict[int, int]) -> None:
    assert isfinite(dealt_rather_than_come(counts))


@settings(max_examples=40)
@given(_SEEDS, _PAYERS, _MEAN)
def test_more_of_the_same_says_more(seed: int, payers: int, mean: float) -> None:
    once = dealt(Random(seed), payers, mean)
    twice = {count: 2 * number for count, number in once.items()}
    assert dealt_rather_than_come(twice) > dealt_rather_than_come(once)

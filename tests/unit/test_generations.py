"""A table that forgets: bounded, and what is young survives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.generations import Generations

_PUTS = st.lists(st.tuples(st.integers(0, 50), st.integers()), max_size=200)
_MOST = st.integers(1, 20)


@given(_PUTS, _MOST)
def test_it_never_holds_more_than_two_generations(puts: list[tuple[int, int]], most: int) -> None:
    table: Generations[int, int] = Generations(most)
    for key, value in puts:
        table.put(key, value)
        assert len(table) <= 2 * most


@given(_PUTS, _MOST)
def test_what_was_put_within_the_last_generation_is_there_as_it_was_put_last(
    puts: list[tuple[int, int]], most: int
) -> None:
    table: Generations[int, int] = Generations(most)
    for key, value in puts:
        table.put(key, value)
    for key, value in dict(puts[-most:]).items():
        assert table.get(key) == value


def test_what_nobody_puts_again_is_forgotten_and_what_somebody_does_is_not() -> None:
    table: Generations[int, str] = Generations(4)
    table.put(1, "cold")
    for key in range(100, 130):
        table.put(2, "warm")
        table.put(key, "passing")
    assert (table.get(1), table.get(2)) == (None, "warm")


def test_what_is_taken_is_given_once_as_it_was_put_last() -> None:
    table: Generations[int, str] = Generations(2)
    for key, value in ((1, "first"), (2, "passing"), (1, "last")):
        table.put(key, value)
    assert [table.take(1), table.take(1), table.take(3)] == ["last", None, None]

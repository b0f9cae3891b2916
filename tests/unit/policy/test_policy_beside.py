"""A large policy that is read anew leaves the event loop its turns, and Python as it was."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.policy.beside import beside_others
from proxy.policy.load import attempt


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


class StrayError(Exception):
    """Nothing that loading raises by itself."""


def test_meanwhile_nothing_is_gone_through_and_whoever_waits_has_the_next_turn_soon() -> None:
    turn = sys.getswitchinterval()

    def fail() -> None:
        assert not gc.isenabled()
        assert sys.getswitchinterval() < turn / 5
        raise StrayError

    with pytest.raises(StrayError), beside_others():
        fail()
    assert gc.isenabled()
    assert sys.getswitchinterval() == turn


def test_who_has_switched_the_search_for_garbage_off_finds_it_off() -> None:
    gc.disable()
    try:
        with beside_others():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_a_large_policy_is_made_of_is_not_gone_through_afterwards_and_a_small_one_leaves_no_trace(
    tmp_path: Path,
) -> None:
    start = "version: 1\nquotas: [{id: rpm, key: [account], unit: requests, rate: 1/s}]\noverrides:\n"
    path = tmp_path / "policy.yaml"

    def frozen_by(count: int) -> int:
        path.write_text(
            start + "".join(f"- {{account: a{at}, quotas: {{rpm: {{rate: 2/s}}}}}}\n" for at in range(count))
        )
        gc.collect()
        before = gc.get_freeze_count()
        tried = attempt(str(path))
        assert tried.policy is not None
        assert len(tried.policy.overrides.accounts) == count
        return gc.get_freeze_count() - before

    assert frozen_by(10) == 0
    assert frozen_by(8000) >= 8000

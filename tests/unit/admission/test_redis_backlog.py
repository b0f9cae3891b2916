"""Settlements that wait for Redis: none is given out when it is too old, and there are never too many."""

from __future__ import annotations

import pytest

import proxy.admission.redis_backlog as backlog_module
from proxy.admission.redis_backlog import Backlog
from proxy.admission.redis_calls import SettleCall
from proxy.admission.store import Reservation


def settlement(name: str) -> SettleCall:
    return SettleCall(Reservation(name, (), (), ()), [])


def test_the_oldest_are_given_out_first_and_no_more_than_asked_for() -> None:
    backlog = Backlog()
    for name in "abc":
        backlog.keep(settlement(name), expires_at=10.0)
    assert [(call.id, expires_at) for call, expires_at in backlog.take(2, now=9.0)] == [("a", 10.0), ("b", 10.0)]
    assert [call.id for call, _ in backlog.take(2, now=9.0)] == ["c"]
    assert backlog.take(2, now=9.0) == []


def test_what_has_grown_too_old_is_dropped_and_counted() -> None:
    backlog = Backlog()
    backlog.keep(settlement("old"), expires_at=10.0)
    backlog.keep(settlement("new"), expires_at=11.0)
    assert [call.id for call, _ in backlog.take(9, now=10.0)] == ["new"]
    assert backlog.dropped == 1


def test_the_oldest_gives_way_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog_module, "BACKLOG", 2)
    backlog = Backlog()
    for name in "abc":
        backlog.keep(settlement(name), expires_at=10.0)
    assert [call.id for call, _ in backlog.take(9, now=0.0)] == ["b", "c"]
    assert backlog.dropped == 1

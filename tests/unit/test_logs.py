"""What comes often does not fill the log."""

from __future__ import annotations

from proxy.logs import Throttle


def test_so_many_lines_pass_in_each_period() -> None:
    throttle = Throttle(2, 60.0)
    moments = (120.0, 130.0, 179.9, 180.0, 181.0, 182.0, 400.0)
    assert [throttle.lets_pass(now) for now in moments] == [True, True, False, True, True, False, True]

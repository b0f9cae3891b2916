"""A line says what every line says, whatever else it says; and what comes often does not fill the log."""

from __future__ import annotations

import json
import logging

import pytest

from proxy.logs import Throttle, json_lines


@pytest.mark.parametrize("field", ["time", "level", "logger", "message"])
def test_no_field_of_a_line_takes_the_place_of_one_that_every_line_has(field: str) -> None:
    record = logging.makeLogRecord({"name": "stillgate.campaigns", "levelname": "WARNING", "msg": "found"})
    plain = json.loads(json_lines().format(record))
    assert (plain["level"], plain["logger"], plain["message"]) == ("WARNING", "stillgate.campaigns", "found")
    vars(record).update({field: "mine", "campaign": "c-1"})
    assert json.loads(json_lines().format(record)) == plain | {"campaign": "c-1"}


def test_so_many_lines_pass_in_each_period() -> None:
    throttle = Throttle(2, 60.0)
    moments = (120.0, 130.0, 179.9, 180.0, 181.0, 182.0, 400.0)
    assert [throttle.lets_pass(now) for now in moments] == [True, True, False, True, True, False, True]


def test_a_line_can_tell_how_many_were_left_out_before_it() -> None:
    throttle = Throttle(1, 60.0)
    moments = (0.0, 1.0, 2.0, 60.0, 61.0, 300.0, 400.0)
    assert [throttle.left_out for now in moments if throttle.lets_pass(now)] == [0, 2, 1, 0]

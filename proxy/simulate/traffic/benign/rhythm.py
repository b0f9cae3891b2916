"""Owns when people and programs are active: the shape of a day, arrivals along it, how long somebody thinks."""

from __future__ import annotations

import math
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.clock import US_PER_SECOND

MINUTE_US = 60 * US_PER_SECOND
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
_THURSDAY = 3
"""The weekday of the epoch, Monday being 0."""
_OFFSETS = (-8, -7, -6, -5, -5, -4, -3, 0, 0, 1, 1, 1, 2, 3, 5, 5, 8, 8, 9, 10)
"""Hours ahead of UTC, as often as customers have them."""
_OFFICE = (9, 18, 0.12)
_EVENING = (17, 24, 0.15)
_NIGHT = (0, 6, 0.2)


def _around(hour: int, start: int, end: int, low: float) -> float:
    """1 within the span, falling off within three hours to `low`."""
    distance = max(start - hour, hour - end + 1, 0)
    return max(low, 1.0 - distance / 3)


_DAYS = {
    "office": [_around(hour, *_OFFICE) for hour in range(24)],
    "evening": [_around(hour, *_EVENING) for hour in range(24)],
    "mixed": [max(_around(hour, *_OFFICE), _around(hour, *_EVENING)) for hour in range(24)],
    "night": [_around(hour, *_NIGHT) for hour in range(24)],
    "flat": [1.0] * 24,
}
"""How busy each hour of a working day is, by kind."""


class DayShape:
    """How busy somebody is by the hour and the day of the week, between 0 and 1."""

    __slots__ = ("_free", "_hours", "_mean", "_offset_us")

    def __init__(self, rng: Random, kind: str | None = None, offset: int | None = None) -> None:
        """`kind`: one of office, evening, mixed, night, flat; `offset`: hours ahead of UTC. Drawn where not given."""
        kind = kind or rng.choices(("office", "evening", "mixed", "night", "flat"), (45, 25, 18, 2, 10))[0]
        chance = rng.random
        hours = [level * (0.7 + 0.3 * chance()) for level in _DAYS[kind]]
        self._hours = hours
        self._offset_us = (rng.choice(_OFFSETS) if offset is None else offset) * HOUR_US
        self._free = 1.0 if kind == "flat" else rng.uniform(0.1, 0.5) if kind == "office" else rng.uniform(0.7, 1.0)
        self._mean = sum(hours) / 24 * (5 + 2 * self._free) / 7

    def level(self, moment_us: int) -> float:
        """How busy at that moment."""
        local_us = moment_us + self._offset_us
        level = self._hours[local_us // HOUR_US % 24]
        return level * self._free if (local_us // DAY_US + _THURSDAY) % 7 > 4 else level

    def next_us(self, rng: Random, moment_us: int, per_day: float) -> int:
        """The next arrival after a moment where there are `per_day` in an average day."""
        gap_us = DAY_US * self._mean / per_day
        chance = rng.random
        for _ in range(400):
            moment_us += 1 + int(-math.log(1.0 - chance()) * gap_us)
            if chance() <= self.level(moment_us):
                break
        return moment_us


def volume(rng: Random, median: float, sigma: float, most: float = 20_000) -> float:
    """How much one of many asks for: lognormal, a few having most of it."""
    return min(most, median * math.exp(rng.gauss(0.0, sigma)))


def pause_us(rng: Random, median_s: float, sigma: float = 0.9) -> int:
    """A pause for thought, or for whatever a program does between two requests."""
    return int(median_s * math.exp(rng.gauss(0.0, sigma)) * US_PER_SECOND)


def next_hour_us(moment_us: int) -> int:
    """The next full hour after a moment."""
    return (moment_us // HOUR_US + 1) * HOUR_US

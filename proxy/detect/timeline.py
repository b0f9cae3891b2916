"""Owns counts over time in a fixed number of slices: when they no longer reach, each two become one."""

from __future__ import annotations

SLICES = 120
_FIRST_WIDTH_US = 60_000_000
_TWELFTHS, _TWELFTH_US = 12, 300_000_000
"""Of an hour."""
_MOST_TWELFTHS = 24 * _TWELFTHS


class Timeline:
    """Admitted and prevented exchanges, from the first one on."""

    __slots__ = ("admitted", "prevented", "start_us", "twelfths", "width_us")

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        self.width_us = _FIRST_WIDTH_US
        self.admitted = [0] * SLICES
        self.prevented = [0] * SLICES
        self.twelfths: dict[int, int] = {}
        """All exchanges by the five minutes in which they came, those of the last ones that had any."""

    def add(self, at_us: int, prevented: bool, count: int = 1) -> None:
        """Counts exchanges at a moment; one before the start counts as at the start."""
        self._add_to_slice(at_us, prevented, count)
        self._add_to_twelfth(at_us // _TWELFTH_US, count)

    def _add_to_slice(self, at_us: int, prevented: bool, count: int) -> None:
        index = max(at_us - self.start_us, 0) // self.width_us
        while index >= SLICES:
            self._widen()
            index = max(at_us - self.start_us, 0) // self.width_us
        (self.prevented if prevented else self.admitted)[index] += count

    def absorb(self, other: Timeline) -> None:
        """Adds the counts of `other`, at the starts of its slices."""
        if other.start_us < self.start_us:
            older = Timeline(other.start_us)
            older.absorb(self)
            self.start_us, self.width_us = older.start_us, older.width_us
            self.admitted, self.prevented = older.admitted, older.prevented
        for start_us, admitted, prevented in other.slices():
            self._add_to_slice(start_us, False, admitted)
            self._add_to_slice(start_us, True, prevented)
        mine, self.twelfths = self.twelfths, {}
        for twelfth in sorted({*mine, *other.twelfths}):
            self._add_to_twelfth(twelfth, mine.get(twelfth, 0) + other.twelfths.get(twelfth, 0))

    def take_off(self, part: Timeline) -> None:
        """Takes the counts of `part` off, which are among these: where they were, or else as near as there are any."""
        for start_us, admitted, prevented in part.slices():
            at = (start_us - self.start_us) // self.width_us
            _take_off(self.admitted, at, admitted)
            _take_off(self.prevented, at, prevented)
        for twelfth, count in part.twelfths.items():
            if twelfth in self.twelfths:
                self.twelfths[twelfth] -= min(count, self.twelfths[twelfth])

    def slices(self) -> list[tuple[int, int, int]]:
        """(start_us, admitted, prevented) of every slice that holds anything."""
        return [
            (self.start_us + index * self.width_us, admitted, prevented)
            for index, (admitted, prevented) in enumerate(zip(self.admitted, self.prevented, strict=True))
            if admitted or prevented
        ]

    def by_the_clock(self) -> tuple[float, float]:
        """The share of the exchanges that came in the same five minutes of the hour, the busiest ones.

        And the share of these in the busiest of these hours: 1 where it was a single burst.
        """
        by_minute = [0] * _TWELFTHS
        most = [0] * _TWELFTHS
        for twelfth, count in self.twelfths.items():
            by_minute[twelfth % _TWELFTHS] += count
            most[twelfth % _TWELFTHS] = max(most[twelfth % _TWELFTHS], count)
        busiest = max(range(_TWELFTHS), key=by_minute.__getitem__)
        return by_minute[busiest] / max(sum(by_minute), 1), most[busiest] / max(by_minute[busiest], 1)

    def busiest(self, span_us: int) -> float:
        """Exchanges in a time of `span_us`, at the pace of its busiest slice, joined up to that length."""
        joined = max(span_us // self.width_us, 1)
        most = max(
            sum(self.admitted[index : index + joined]) + sum(self.prevented[index : index + joined])
            for index in range(0, SLICES, joined)
        )
        return most * span_us / (joined * self.width_us)

    def _add_to_twelfth(self, twelfth: int, count: int) -> None:
        if twelfth not in self.twelfths and len(self.twelfths) >= _MOST_TWELFTHS:
            del self.twelfths[next(iter(self.twelfths))]
        self.twelfths[twelfth] = self.twelfths.get(twelfth, 0) + count

    def _widen(self) -> None:
        for counts in (self.admitted, self.prevented):
            counts[:] = [sum(counts[index : index + 2]) for index in range(0, SLICES, 2)] + [0] * (SLICES // 2)
        self.width_us *= 2


def _take_off(counts: list[int], at: int, count: int) -> None:
    for index in sorted(range(SLICES), key=lambda index: abs(index - at)):
        taken = min(counts[index], count)
        counts[index] -= taken
        count -= taken

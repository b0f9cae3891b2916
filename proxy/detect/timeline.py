"""Owns counts over time in a fixed number of slices: when they no longer reach, each two become one."""

from __future__ import annotations

SLICES = 120
_FIRST_WIDTH_US = 60_000_000


class Timeline:
    """Admitted and prevented exchanges, from the first one on."""

    __slots__ = ("admitted", "prevented", "start_us", "width_us")

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        self.width_us = _FIRST_WIDTH_US
        self.admitted = [0] * SLICES
        self.prevented = [0] * SLICES

    def add(self, at_us: int, prevented: bool, count: int = 1) -> None:
        """Counts exchanges at a moment; one before the start counts as at the start."""
        index = max(at_us - self.start_us, 0) // self.width_us
        while index >= SLICES:
            self._widen()
            index = max(at_us - self.start_us, 0) // self.width_us
        (self.prevented if prevented else self.admitted)[index] += count

    def absorb(self, other: Timeline) -> None:
        """Adds the counts of `other`, at the starts of its slices."""
        if other.start_us < self.start_us:
            mine = Timeline(other.start_us)
            mine.absorb(self)
            self.start_us, self.width_us = mine.start_us, mine.width_us
            self.admitted, self.prevented = mine.admitted, mine.prevented
        for start_us, admitted, prevented in other.slices():
            self.add(start_us, False, admitted)
            self.add(start_us, True, prevented)

    def slices(self) -> list[tuple[int, int, int]]:
        """(start_us, admitted, prevented) of every slice that holds anything."""
        return [
            (self.start_us + index * self.width_us, admitted, prevented)
            for index, (admitted, prevented) in enumerate(zip(self.admitted, self.prevented, strict=True))
            if admitted or prevented
        ]

    def busiest(self, span_us: int) -> float:
        """Exchanges in a time of `span_us`, at the pace of its busiest slice, joined up to that length."""
        joined = max(span_us // self.width_us, 1)
        most = max(
            sum(self.admitted[index : index + joined]) + sum(self.prevented[index : index + joined])
            for index in range(0, SLICES, joined)
        )
        return most * span_us / (joined * self.width_us)

    def _widen(self) -> None:
        for counts in (self.admitted, self.prevented):
            counts[:] = [sum(counts[index : index + 2]) for index in range(0, SLICES, 2)] + [0] * (SLICES // 2)
        self.width_us *= 2

"""Owns a campaign's time line made ready to be drawn: bars of one width, without gaps, no more than asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.reports.wording import SECOND_US, at, count
from proxy.verdict.campaign import Campaign, Slice

_TEXT_WIDTH = 40
_MOST_TICKS = 7
ADMITTED, PREVENTED = "█", "░"


class Bar(Struct, frozen=True):
    """Exchanges in [start, start + width)."""

    start_us: int
    admitted: int
    prevented: int


class Bars(Struct, frozen=True):
    """All bars of a plot, in order; each `width_us` wide and beginning where the one before it ends."""

    width_us: int
    bars: tuple[Bar, ...]

    @property
    def start_us(self) -> int:
        return self.bars[0].start_us

    @property
    def end_us(self) -> int:
        return self.bars[-1].start_us + self.width_us


def bars_of(campaign: Campaign, most: int) -> Bars | None:
    """At most `most` bars; neighbours are added up where there are more slices. None without a time line."""
    if not campaign.timeline or campaign.slice_us <= 0:
        return None
    return _spread(campaign.timeline, campaign.slice_us, most)


def merged(bars: Bars, most: int) -> Bars:
    """The same counts in at most `most` bars."""
    return _spread(bars.bars, bars.width_us, most)


def text_chart(bars: Bars, detected_us: int, level: str) -> list[str]:
    """Lines of one bar each: when it begins (UTC), the bar, exchanges admitted and prevented."""
    most = max(1, *(bar.admitted + bar.prevented for bar in bars.bars))
    widest = max(len(_figures(bar)) for bar in bars.bars)
    return [
        f"{at(bar.start_us):%Y-%m-%d %H:%M:%S} {_drawn(bar, most):{_TEXT_WIDTH}} {_figures(bar):{widest}}"
        f"{f'  < {level}' if bar.start_us <= detected_us < bar.start_us + bars.width_us else ''}".rstrip()
        for bar in bars.bars
    ]


def time_ticks(start_us: int, end_us: int) -> list[int]:
    """Round moments between two, at most seven of them; the two themselves where there are none."""
    for step in _TIME_STEPS_US:
        ticks = range(-(-start_us // step) * step, end_us + 1, step)
        if 0 < len(ticks) <= _MOST_TICKS:
            return list(ticks)
    return [start_us, end_us]


def count_ticks(most: int) -> Sequence[int]:
    """Round numbers from 0 to `most` or just beyond, four to six of them where there is room for whole ones."""
    step = 1
    while most > 5 * step:
        step = next(size for size in _round_sizes(step) if size > step)
    return range(0, max(most, 1) + step, step) if most % step else range(0, max(most, 1) + 1, step)


def _spread(pieces: Sequence[Slice | Bar], piece_us: int, most: int) -> Bars:
    first, last = (edge(piece.start_us for piece in pieces) for edge in (min, max))
    width_us = piece_us * -(-((last - first) // piece_us + 1) // most)
    admitted = [0] * ((last - first) // width_us + 1)
    prevented = admitted.copy()
    for piece in pieces:
        index = (piece.start_us - first) // width_us
        admitted[index] += piece.admitted
        prevented[index] += piece.prevented
    counts = enumerate(zip(admitted, prevented, strict=True))
    return Bars(width_us, tuple(Bar(first + index * width_us, *pair) for index, pair in counts))


def _drawn(bar: Bar, most: int) -> str:
    total = bar.admitted + bar.prevented
    cells = -(-total * _TEXT_WIDTH // most)
    solid = min(-(-bar.admitted * _TEXT_WIDTH // most), cells)
    return ADMITTED * solid + PREVENTED * (cells - solid)


def _figures(bar: Bar) -> str:
    return f"{count(bar.admitted):>9} {count(bar.prevented):>9}"


def _round_sizes(step: int) -> tuple[int, ...]:
    magnitude = 10 ** (len(str(step)) - 1)
    return (2 * magnitude, 5 * magnitude, 10 * magnitude)


_TIME_STEPS_US = tuple(
    seconds * SECOND_US
    for seconds in (
        1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
        *(days * 86_400 for days in (1, 2, 7, 14, 28, 91, 364, 3_640)),
    )
)  # fmt: skip

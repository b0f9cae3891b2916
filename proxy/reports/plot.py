"""Owns the plot of a campaign as inline SVG: exchanges over time, what got out and what was stopped stacked. Pure.

Colours are left to the style sheet of the page (classes `admitted`, `prevented`, `axis`, `grid`, `detected`), so that
one drawing serves light and dark.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.reports.bars import Bar, Bars, count_ticks, time_ticks
from proxy.reports.wording import DAY_US, at, count, duration, moment

WIDTH, HEIGHT = 900, 340
LEFT, RIGHT, TOP, BOTTOM = 112, 864, 52, 272
_GAP = 1.0
_LABEL_WIDTH = 190


class Scale:
    """Where moments and counts lie on the drawing."""

    def __init__(self, bars: Bars) -> None:
        self.start_us, self.end_us = bars.start_us, bars.end_us
        self.ticks = count_ticks(max(bar.admitted + bar.prevented for bar in bars.bars))

    def x(self, moment_us: int) -> float:
        return LEFT + (RIGHT - LEFT) * (moment_us - self.start_us) / (self.end_us - self.start_us)

    def y(self, number: int) -> float:
        return BOTTOM - (BOTTOM - TOP) * number / self.ticks[-1]


def svg(bars: Bars, detected_us: int, level: str) -> str:
    """The `<svg>` element; `detected_us` is marked where it lies within the bars."""
    scale = Scale(bars)
    about = (
        f"Exchanges per {duration(bars.width_us)} from {moment(bars.start_us)} to {moment(bars.end_us)}: "
        f"{count(sum(bar.admitted for bar in bars.bars))} got out, "
        f"{count(sum(bar.prevented for bar in bars.bars))} were stopped."
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{about}">',
        *_legend(),
        *_count_axis(scale, bars.width_us),
        *(part for bar in bars.bars for part in _bar(scale, bar, bars.width_us)),
        *_time_axis(scale),
        *_detection(scale, detected_us, level),
        "</svg>",
    ]
    return "\n".join(parts)


def _legend() -> Iterator[str]:
    for x, name, text in ((LEFT, "admitted", "got out (admitted)"), (LEFT + 160, "prevented", "stopped in real time")):
        yield f'<rect class="{name}" x="{x}" y="8" width="12" height="12"/>'
        yield f'<text x="{x + 18}" y="18">{text}</text>'


def _bar(scale: Scale, bar: Bar, width_us: int) -> Iterator[str]:
    left, right = scale.x(bar.start_us), scale.x(bar.start_us + width_us)
    width = max(right - left - _GAP, 0.5)
    tip = f"{moment(bar.start_us)}: {count(bar.admitted)} got out, {count(bar.prevented)} stopped"
    for name, low, number in (("admitted", 0, bar.admitted), ("prevented", bar.admitted, bar.prevented)):
        if number:
            top, bottom = scale.y(low + number), scale.y(low)
            yield (
                f'<rect class="{name}" x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{bottom - top:.2f}">'
                f"<title>{tip}</title></rect>"
            )


def _count_axis(scale: Scale, width_us: int) -> Iterator[str]:
    for tick in scale.ticks:
        y = scale.y(tick)
        yield f'<line class="{"grid" if tick else "axis"}" x1="{LEFT}" x2="{RIGHT}" y1="{y:.2f}" y2="{y:.2f}"/>'
        yield f'<text class="end" x="{LEFT - 8}" y="{y + 4:.2f}">{count(tick)}</text>'
    middle = (TOP + BOTTOM) / 2
    yield (
        f'<text class="middle" transform="translate(20 {middle}) rotate(-90)">exchanges per {duration(width_us)}</text>'
    )


def _time_axis(scale: Scale) -> Iterator[str]:
    ticks = time_ticks(scale.start_us, scale.end_us)
    whole_days = all(tick % DAY_US == 0 for tick in ticks) and len(ticks) > 1
    shown_day = ""
    for tick in ticks:
        x, day = scale.x(tick), f"{at(tick):%Y-%m-%d}"
        time = f"{at(tick):%H:%M:%S}".removesuffix(":00")
        yield f'<line class="axis" x1="{x:.2f}" x2="{x:.2f}" y1="{BOTTOM}" y2="{BOTTOM + 5}"/>'
        yield f'<text class="middle" x="{x:.2f}" y="{BOTTOM + 20}">{day if whole_days else time}</text>'
        if not whole_days and day != shown_day:
            yield f'<text class="middle" x="{x:.2f}" y="{BOTTOM + 36}">{day}</text>'
        shown_day = day
    yield f'<text class="middle" x="{(LEFT + RIGHT) / 2:.0f}" y="{HEIGHT - 8}">time (UTC)</text>'


def _detection(scale: Scale, detected_us: int, level: str) -> Iterator[str]:
    if not scale.start_us <= detected_us <= scale.end_us:
        return
    x = scale.x(detected_us)
    yield f'<line class="detected" x1="{x:.2f}" x2="{x:.2f}" y1="{TOP - 14}" y2="{BOTTOM}"/>'
    anchor, shift = ("end", -6) if x > RIGHT - _LABEL_WIDTH else ("start", 6)
    yield f'<text class="{anchor}" x="{x + shift:.2f}" y="{TOP - 6}">{level} {moment(detected_us)}</text>'

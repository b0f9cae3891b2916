"""Owns campaigns as tables for a terminal: units in every header, moments in UTC."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.reports.bars import ADMITTED, PREVENTED, bars_of, text_chart
from proxy.reports.wording import count, duration, moment, percent, plain, several
from proxy.verdict.campaign import Campaign

_WIDE = 200
"""Columns where nobody looks: a pipe shall not cut names."""
_MOST_NAMES = 40
_MOST_LINES = 24
_STYLES = {"confirmed": "bold red", "suspected": "yellow"}


def show_list(campaigns: Sequence[Campaign]) -> None:
    """One row for each campaign."""
    table = _table(
        "campaign", "level", "operator's word", "accounts:", "got out (exchanges):", "stopped (exchanges):",
        "stopped (%):", "got out (output tokens):", "last seen (UTC)",
    )  # fmt: skip
    for campaign in campaigns:
        table.add_row(
            Text(plain(campaign.id)),
            Text(campaign.level.value, _STYLES[campaign.level.value]),
            campaign.word.value if campaign.word is not None else "–",
            count(campaign.accounts),
            count(campaign.exchanges_admitted),
            count(campaign.exchanges_prevented),
            percent(campaign.exchanges_prevented, campaign.exchanges_seen),
            count(campaign.output_tokens_admitted),
            moment(campaign.last_us),
        )
    console = _console()
    console.print(table)
    for campaign in campaigns:
        _tell_loss(console, campaign)


def show_one(campaign: Campaign) -> None:
    """All that is known of one: figures, evidence, models, time line, members."""
    console = _console()
    for table in (_figures(campaign), _evidence(campaign), _models(campaign), _targets(campaign)):
        if table.row_count:
            console.print(table)
    _tell_loss(console, campaign)
    for line in _time_line(campaign):
        console.print(Text(line), soft_wrap=True)
    for line in _members(campaign):
        console.print(Text(line), soft_wrap=True)


def _tell_loss(console: Console, campaign: Campaign) -> None:
    """Whatever was found was seen; a verdict that nothing was seen of is what a replica holds of a lost campaign."""
    if not campaign.exchanges_seen:
        told = f"{plain(campaign.id)}: only the verdict is known, which is in force; Redis has lost its figures."
        console.print(Text(told), soft_wrap=True)


def _figures(campaign: Campaign) -> Table:
    table = _table("campaign", "")
    word = campaign.word.value if campaign.word is not None else "–"
    out, stopped = campaign.exchanges_admitted, campaign.exchanges_prevented
    for name, value in (
        ("id", plain(campaign.id)),
        ("level", campaign.level.value),
        (f"{campaign.level.value} since (UTC)", moment(campaign.detected_us)),
        ("operator's word", word),
        ("score (nats)", f"{campaign.score:+.1f}"),
        ("first seen (UTC)", moment(campaign.first_us)),
        ("last seen (UTC)", moment(campaign.last_us)),
        ("expires (UTC)", moment(campaign.expires_us)),
        ("accounts", count(campaign.accounts)),
        ("networks", count(campaign.networks)),
        ("seen (exchanges)", count(campaign.exchanges_seen)),
        ("got out (exchanges)", f"{count(out)}  ({percent(out, campaign.exchanges_seen)} %)"),
        ("stopped (exchanges)", f"{count(stopped)}  ({percent(stopped, campaign.exchanges_seen)} %)"),
        ("got out (input tokens)", count(campaign.input_tokens_admitted)),
        ("got out (output tokens)", count(campaign.output_tokens_admitted)),
        (
            "acts on",
            "its words, from its accounts only: others say the same" if campaign.mixed else "its words",
        ),
        ("probing", "yes: a few refusals show whether others pick them up" if campaign.probing else "no"),
        ("merged from", ", ".join(map(plain, campaign.merged)) or "–"),
    ):
        table.add_row(name, Text(value))
    return table


def _evidence(campaign: Campaign) -> Table:
    table = _table("evidence", "signal", "weight (nats):", "detail")
    for seen in sorted(campaign.evidence, key=lambda signal: -signal.weight):
        table.add_row(
            Text(plain(seen.family)), Text(plain(seen.signal)), f"{seen.weight:+.1f}", Text(plain(seen.detail))
        )
    return table


def _models(campaign: Campaign) -> Table:
    table, total = _table("model", "exchanges:", "share (%):"), sum(campaign.models.values())
    for model, number in _largest(campaign.models.items()):
        table.add_row(Text(plain(model)), count(int(number)), percent(number, total))
    return table


def _targets(campaign: Campaign) -> Table:
    table = _table("capability", "share of exchanges (%):")
    for target, portion in _largest(campaign.targets.items()):
        table.add_row(Text(plain(target)), percent(portion, 1))
    return table


def _largest(items: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    return sorted(items, key=lambda item: (-item[1], item[0]))


def _time_line(campaign: Campaign) -> list[str]:
    bars = bars_of(campaign, _MOST_LINES)
    if bars is None:
        return ["No time line is on record."]
    title = f"exchanges per {duration(bars.width_us)}, by the start of each bar (UTC): "
    return [
        f"{title}{ADMITTED} got out (first number), {PREVENTED} stopped (second number)",
        *text_chart(bars, campaign.detected_us, campaign.level.value),
        "",
    ]


def _members(campaign: Campaign) -> list[str]:
    if not campaign.members:
        return []
    whole = set(campaign.whole)
    names = sorted(campaign.members, key=lambda name: (name not in whole, name))[:_MOST_NAMES]
    shown = [f"{plain(name)}{'*' if name in whole else ''}" for name in names]
    unnamed = campaign.accounts - len(shown)
    rest = f" and {several(unnamed, 'other')}; --json names all that are known" if unnamed > 0 else ""
    marked = " (* little else comes from it: all of its traffic is acted on)" if whole else ""
    return [f"members{marked}:", ", ".join(shown) + rest]


def _table(*headers: str) -> Table:
    """A column whose header ends in a colon holds numbers, and stands right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header.removesuffix(":"), justify="right" if header.endswith(":") else "left")
    return table


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_WIDE)

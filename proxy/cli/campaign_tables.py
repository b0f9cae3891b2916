"""Owns campaigns as tables for a terminal: units in every header, moments in UTC."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

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
_COLUMNS = (
    "campaign", "level", "operator's word", "accounts:", "got out (exchanges):", "stopped (exchanges):",
    "stopped (%):", "got out (output tokens):", "last seen (UTC)",
)  # fmt: skip
_GIVE_WAY = (
    "got out (output tokens):", "stopped (%):", "last seen (UTC)", "operator's word",
    "got out (exchanges):", "stopped (exchanges):", "accounts:",
)  # fmt: skip
"""The columns that a narrow terminal does without, the first one first."""
_STYLES = {"confirmed": "bold red", "suspected": "yellow"}


def show_list(campaigns: Sequence[Campaign]) -> None:
    """One row for each campaign, with as many columns as there is room for."""
    console = _console()
    rows = [_row(campaign) for campaign in campaigns]
    table = _listed(rows, _COLUMNS)
    for given_up in range(len(_GIVE_WAY) + 1):
        if _width(console, table) <= console.width:
            break
        kept = [header for header in _COLUMNS if header not in _GIVE_WAY[:given_up]]
        table = _listed(rows, kept, broken=True)
    _print(console, [table, *(loss for campaign in campaigns for loss in _loss(campaign))])


def show_one(campaign: Campaign) -> None:
    """All that is known of one: figures, evidence, models, time line, members."""
    tables = (_figures(campaign), _evidence(campaign), _models(campaign), _targets(campaign))
    lines = map(Text, (*_time_line(campaign), *_members(campaign)))
    _print(_console(), [*(table for table in tables if table.row_count), *_loss(campaign), *lines])


def _row(campaign: Campaign) -> Mapping[str, Text]:
    """What stands below each header."""
    told = (
        plain(campaign.id),
        campaign.level.value,
        campaign.word.value if campaign.word is not None else "–",
        count(campaign.accounts),
        count(campaign.exchanges_admitted),
        count(campaign.exchanges_prevented),
        percent(campaign.exchanges_prevented, campaign.exchanges_seen),
        count(campaign.output_tokens_admitted),
        moment(campaign.last_us),
    )
    return {header: Text(text, _STYLES.get(text, "")) for header, text in zip(_COLUMNS, told, strict=True)}


def _listed(rows: Sequence[Mapping[str, Text]], headers: Sequence[str], *, broken: bool = False) -> Table:
    """`broken`: headers of several words stand in two lines."""
    table = _table(*("\n".join(header.rsplit(" ", 1)) if broken else header for header in headers))
    for row in rows:
        table.add_row(*(row[header] for header in headers))
    return table


def _width(console: Console, table: Table) -> int:
    """How wide it is where nothing of it is cut or wrapped."""
    return console.measure(table, options=console.options.update_width(_WIDE)).maximum


def _loss(campaign: Campaign) -> Iterator[Text]:
    """Whatever was found was seen; a verdict that nothing was seen of is what a replica holds of a lost campaign."""
    if not campaign.exchanges_seen:
        yield Text(f"{plain(campaign.id)}: only the verdict is known, which is in force; Redis has lost its figures.")


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
    """A column whose header ends in a colon holds numbers, and stands right. What has no room is wrapped, never cut."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        justify: Literal["right", "left"] = "right" if header.endswith(":") else "left"
        table.add_column(header.removesuffix(":"), justify=justify, overflow="fold")
    return table


def _print(console: Console, parts: Iterable[Table | Text]) -> None:
    """A blank line after each table, unless it is the last part. Text runs on beyond the width, no line in blanks."""
    with console.capture() as captured:
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text))
            if isinstance(part, Table):
                console.print()
    print("\n".join(line.rstrip() for line in captured.get().rstrip().splitlines()))


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_WIDE)

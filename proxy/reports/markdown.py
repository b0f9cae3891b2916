"""Owns a report as Markdown that Git hosts render: tables, and the plot as a chart of characters. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxy.reports.bars import ADMITTED, PREVENTED, merged, text_chart
from proxy.reports.document import Block, Bullets, Commands, Document, Paragraph, Plot, Section, Table
from proxy.reports.wording import duration, plain

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#!|~&@$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_MOST_LINES = 30


def markdown(document: Document) -> str:
    """The whole file."""
    lines = [f"# {_escaped(document.title)}", "", _escaped(document.lead), ""]
    for section in document.sections:
        lines += _section(section)
    lines.append("Written by stillgate. It holds no prompt, no answer, no key and no name of an account.")
    return "\n".join([*lines, ""])


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {_escaped(section.heading)}", "")
    for block in section.blocks:
        yield from _block(block)
        yield ""


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, loud):
            yield f"> **{_escaped(text)}**" if loud else _escaped(text)
        case Bullets(items):
            yield from (f"- {_escaped(item)}" for item in items)
        case Commands(lines):
            width = max(len(line) for line, _ in lines)
            yield from ("```sh", *(f"{line:{width}}  # {what}" for line, what in lines), "```")
        case Table():
            yield from _table(block)
        case Plot():
            yield from _plot(block)


def _plot(plot: Plot) -> Iterator[str]:
    bars = merged(plot.bars, _MOST_LINES)
    yield f"Exchanges per {duration(bars.width_us)}, by the start of each bar (UTC):"
    yield from ("", "```text")
    yield f"{'':61}{'out':>9} {'stopped':>9}   ({ADMITTED} got out, {PREVENTED} stopped in real time)"
    yield from text_chart(bars, plot.detected_us, plot.level)
    yield "```"


def _table(table: Table) -> Iterator[str]:
    yield _row(table.headers)
    yield "|" + "|".join("---:" if index in table.numeric else "---" for index in range(len(table.headers))) + "|"
    yield from (_row(row) for row in table.rows)


def _row(texts: tuple[str, ...]) -> str:
    return "| " + " | ".join(_escaped(text) for text in texts) + " |"


def _escaped(text: str) -> str:
    """Names come from clients: none may become markup, a link, a mention or a line of its own."""
    return _MARKUP.sub(r"\\\1", plain(text))

"""Owns a report as one HTML file: no script, nothing fetched, readable in light and dark and on paper. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from proxy.reports.document import Block, Bullets, Commands, Document, Paragraph, Plot, Section, Table
from proxy.reports.plot import svg

_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #59636e; --line: #d1d9e0; --paper: #ffffff; --shade: #f6f8fa;
  --out: #c2570c; --stopped: #2f6fb5; --mark: #8a1538; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --paper: #0d1117; --shade: #161b22;
    --out: #f0883e; --stopped: #58a6ff; --mark: #ff7b9c; }
}
@media print { :root { --shade: #ffffff; } }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1.25rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
p.lead { font-size: 1.1rem; }
p.loud { padding: .6rem .9rem; border-left: 4px solid var(--mark); background: var(--shade); }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; min-width: 50%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word; }
th { color: var(--faint); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; white-space: nowrap; }
dl.commands { display: grid; grid-template-columns: auto 1fr; gap: .35rem 1.2rem; background: var(--shade);
  padding: .9rem 1.1rem; overflow-x: auto; }
dl.commands dd { margin: 0; color: var(--faint); }
@media (max-width: 40rem) { dl.commands { display: block; } dl.commands dd { margin-bottom: .6rem; } }
figure { margin: 1rem 0; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg text { fill: var(--ink); font-size: 13px; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .admitted { fill: var(--out); }
svg .prevented { fill: var(--stopped); }
svg .axis { stroke: var(--faint); }
svg .grid { stroke: var(--line); }
svg .detected { stroke: var(--mark); stroke-width: 2; stroke-dasharray: 6 4; }
footer { margin-top: 3rem; color: var(--faint); font-size: .875rem; }
"""


def html(document: Document) -> str:
    """The whole file."""
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(document.title)}</title>",
            f"<style>\n{_STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{escape(document.title)}</h1>",
            f'<p class="lead">{escape(document.lead)}</p>',
            *(line for section in document.sections for line in _section(section)),
            "<footer>Written by stillgate. It holds no prompt, no answer, no key and no name of an account.</footer>",
            "</body>",
            "</html>",
            "",
        )
    )


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(section.heading)}</h2>"
    for block in section.blocks:
        yield from _block(block)
    yield "</section>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, loud):
            yield f'<p class="loud">{escape(text)}</p>' if loud else f"<p>{escape(text)}</p>"
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{escape(item)}</li>" for item in items)
            yield "</ul>"
        case Commands(lines):
            yield '<dl class="commands">'
            yield from (f"<dt><code>{escape(line)}</code></dt><dd>{escape(what)}</dd>" for line, what in lines)
            yield "</dl>"
        case Table():
            yield from _table(block)
        case Plot(bars, detected_us, level):
            yield f"<figure>\n{svg(bars, detected_us, level)}\n</figure>"


def _table(table: Table) -> Iterator[str]:
    yield '<div class="wide">\n<table>'
    yield f"<thead><tr>{_cells('th', table.headers, table.numeric)}</tr></thead>\n<tbody>"
    for row in table.rows:
        yield f"<tr>{_cells('td', row, table.numeric)}</tr>"
    yield "</tbody>\n</table>\n</div>"


def _cells(tag: str, texts: tuple[str, ...], numeric: frozenset[int]) -> str:
    return "".join(
        f'<{tag} class="number">{escape(text)}</{tag}>' if index in numeric else f"<{tag}>{escape(text)}</{tag}>"
        for index, text in enumerate(texts)
    )

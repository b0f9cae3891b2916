"""Owns the parts that a report is made of, whatever it is written in. Pure data; all text is plain, never markup."""

from __future__ import annotations

from msgspec import Struct

from proxy.reports.bars import Bars


class Paragraph(Struct, frozen=True):
    """A sentence or more; `loud` ones are set off."""

    text: str
    loud: bool = False


class Bullets(Struct, frozen=True):
    """A list."""

    items: tuple[str, ...]


class Commands(Struct, frozen=True):
    """Lines to type, each with what it does."""

    lines: tuple[tuple[str, str], ...]


class Table(Struct, frozen=True):
    """Columns with units in their headers; the columns in `numeric` stand right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


class Plot(Struct, frozen=True):
    """Exchanges over time; the detection is marked."""

    bars: Bars
    detected_us: int
    level: str


Block = Paragraph | Bullets | Commands | Table | Plot


class Section(Struct, frozen=True):
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


class Document(Struct, frozen=True):
    """A whole report."""

    title: str
    lead: str
    sections: tuple[Section, ...]

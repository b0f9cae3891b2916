"""What the report on a campaign says, in HTML and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from msgspec.structs import replace

from proxy.reports.bars import bars_of
from proxy.reports.campaign_report import campaign_report
from proxy.reports.document import Document
from proxy.reports.html import html
from proxy.reports.markdown import markdown
from proxy.reports.plot import BOTTOM, LEFT, RIGHT, TOP, svg
from proxy.reports.wording import duration
from proxy.verdict.campaign import Campaign, Level, Word
from tests.any_campaign import FOUND, campaigns

VOID = {"meta"}


class Outline(HTMLParser):
    """The elements of a page: all closed in order, each with its attributes; and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def report(campaign: Campaign = FOUND) -> Document:
    return campaign_report(campaign)


def html_text(document: Document) -> str:
    return Outline(html(document)).text


@pytest.mark.parametrize("text_of", [html_text, markdown])
def test_the_report_answers_what_an_affected_lab_would_be_asked(text_of: Callable[[Document], str]) -> None:
    text = re.sub(r"\s+", " ", text_of(report()))
    for said in (
        "From 2026-04-22T00:00:00Z to 2026-04-24T00:00:00Z, 250 accounts in 31 networks sent 1,000 exchanges",
        "800 (80.0 %) were stopped in real time; 200 got out, with 24,000 input tokens and 90,000 output tokens.",
        "about 360,000, at 450 an exchange as for those admitted",
        "2026-04-22T00:04:00Z, 4 min after the first one",
        "reasoning traces",
        "shared-template",
        "none of them theirs alone",
        "stillgate campaigns release c-3f9a01b2c4d5",
        "not an attribution",
        "expires at 2026-05-01T00:00:00Z",
    ):
        assert said in text
    assert re.search(r"m-large[ |]*900[ |]*90\.0", text)
    assert re.search(r"exchanges per account and day \(mean\)[ |]*2\.0", text)


@pytest.mark.parametrize("render", [html, markdown])
def test_no_name_of_an_account_is_in_the_report(render: Callable[[Document], str]) -> None:
    assert "acct_" not in render(report())


def test_what_speaks_against_stands_apart_from_what_speaks_for() -> None:
    text = markdown(report())
    against = text.index("Speaks against:")
    assert text.index("dealt-out") < text.index("shared-template") < against < text.index("| spread |")
    assert "on 2 independent families of evidence" in text
    assert "Speaks against: nothing on record." in markdown(report(replace(FOUND, evidence=FOUND.evidence[:2])))


@pytest.mark.parametrize("word", Word)
def test_an_operators_word_is_told_first(word: Word) -> None:
    first = report(replace(FOUND, word=word)).sections[0].blocks[0]
    assert first != report().sections[0].blocks[0]
    assert "operator" in markdown(report(replace(FOUND, word=word))).split("| question")[0]


def test_a_suspected_campaign_is_told_as_one() -> None:
    text = markdown(report(replace(FOUND, level=Level.SUSPECTED)))
    assert text.startswith("# Distillation campaign c-3f9a01b2c4d5: suspected")
    assert "not enough to confirm" in text


@given(campaigns())
def test_whatever_clients_call_themselves_the_page_keeps_its_shape_and_loads_nothing(campaign: Campaign) -> None:
    page = Outline(html(report(campaign)))
    assert page.open == []
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "a", "link", "iframe", "object", "embed", "form"}
    attributes = {name for _, given in page.elements for name in given}
    assert not {name for name in attributes if name.startswith("on") or name in {"src", "href", "style"}}


@given(campaigns())
def test_whatever_clients_call_themselves_markdown_keeps_its_tables_and_has_no_links(campaign: Campaign) -> None:
    lines = markdown(report(campaign)).split("\n")
    outside = [line for index, line in enumerate(lines) if not _in_code(lines, index)]
    bare = [re.sub(r"\\[!-/:-@\[-`{-~]", "", line) for line in outside]
    columns = 0
    for line in bare:
        if not line.startswith("|"):
            columns = 0
            continue
        columns = columns or line.count("|")
        assert line.count("|") == columns
    assert not [line for line in bare if re.search(r"[<\[\]`]|://|www\.", line)]
    assert len([line for line in bare if line.startswith("#")]) == 7


def _in_code(lines: list[str], index: int) -> bool:
    return sum(line.startswith("```") for line in lines[: index + 1]) % 2 == 1 or lines[index].startswith("```")


@given(campaigns().filter(lambda campaign: bool(campaign.timeline)))
def test_the_plot_is_well_formed_and_stays_within_its_axes(campaign: Campaign) -> None:
    bars = bars_of(campaign, 120)
    assert bars is not None
    root = ElementTree.fromstring(svg(bars, campaign.detected_us, campaign.level.value))
    drawn = [rect for rect in root.iter("rect") if rect.find("title") is not None]
    for rect in drawn:
        x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= LEFT
        assert x + width <= RIGHT + 1
        assert y >= TOP - 0.02
        assert y + height <= BOTTOM + 0.02
    marked = root.findall("line[@class='detected']")
    assert len(marked) == (bars.start_us <= campaign.detected_us <= bars.end_us)
    assert f"exchanges per {duration(bars.width_us)}" in "".join(root.itertext())


def test_what_got_out_and_what_was_stopped_are_stacked_to_the_right_heights() -> None:
    bars = bars_of(FOUND, 120)
    assert bars is not None
    root = ElementTree.fromstring(svg(bars, FOUND.detected_us, "confirmed"))
    height = {
        name: [float(rect.attrib["height"]) for rect in root.findall(f"rect[@class='{name}']")[1:]]
        for name in ("admitted", "prevented")
    }
    assert height["admitted"] == [BOTTOM - TOP] * 5
    assert height["prevented"] == [(BOTTOM - TOP) / 2] * 40


def test_without_a_time_line_the_report_says_so_and_draws_nothing() -> None:
    bare = report(replace(FOUND, timeline=()))
    assert "<svg" not in html(bare)
    assert "No time line is on record." in markdown(bare)

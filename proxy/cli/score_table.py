"""Owns how scores of the proving ground look on a terminal; units stand in the headers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from proxy.simulate.traffic.score import BenignScore, CampaignScore, Score

NOTHING = "–"
Named = tuple[str, "Score"]
"""Whoever judged, and the score."""


def campaign_table(scores: Iterable[Named]) -> Table:
    """One row for each campaign and judge."""
    table = Table(title="Campaigns", title_justify="left")
    table.add_column("campaign", no_wrap=True)
    table.add_column("judge", no_wrap=True)
    for header in (
        "wanted\n(exchanges)",
        "leaked\n(exchanges)",
        "leaked\n(% of wanted)",
        "detected\n(min)",
        "detected\n(exchanges)",
        "acted on at\nfirst (%)",
        "recall\n(% of accounts)",
        "precision\n(% of accounts)",
        "purity\n(% of refusals)",
        "new pools tied\n(exchanges)",
    ):
        table.add_column(header, justify="right")
    for judge, score in scores:
        for campaign in score.campaigns:
            table.add_row(campaign.name, judge, *_campaign_cells(campaign, score))
    return table


def benign_table(scores: Sequence[Named]) -> Table:
    """One row for each population or trap; what each judge did to it side by side."""
    table = Table(title="Benign harm, accounts", title_justify="left")
    table.add_column("scenario", no_wrap=True)
    table.add_column("accounts", justify="right")
    table.add_column("exchanges", justify="right")
    for judge, _ in scores:
        table.add_column(f"{judge}:\nblocked", justify="right")
        table.add_column("throttled\nby verdict", justify="right")
        table.add_column("either, of\n100,000", justify="right")
        table.add_column("throttled\nby quota", justify="right")
    by_name: dict[str, list[BenignScore]] = {}
    for _, score in scores:
        for benign in score.benign:
            by_name.setdefault(benign.name, []).append(benign)
    for name, found in by_name.items():
        cells = [cell for benign in found for cell in _benign_cells(benign)]
        table.add_row(name, f"{found[0].accounts:,}", f"{found[0].exchanges:,}", *cells)
    return table


def _campaign_cells(campaign: CampaignScore, score: Score) -> tuple[str, ...]:
    ties = ", ".join(NOTHING if tie is None else f"{tie:,}" for tie in campaign.tie_in_exchanges)
    return (
        f"{campaign.wanted:,}",
        f"{campaign.leaked:,}",
        f"{campaign.leak_percent:.1f}",
        _number(campaign.minutes_to_detect),
        NOTHING if campaign.exchanges_to_detect is None else f"{campaign.exchanges_to_detect:,}",
        _number(campaign.acted_on_at_first_percent),
        _number(campaign.recall_percent),
        _number(score.precision_percent),
        _number(score.purity_percent),
        ties or NOTHING,
    )


def _benign_cells(benign: BenignScore) -> tuple[str, ...]:
    return (f"{benign.blocked:,}", f"{benign.throttled:,}", f"{benign.harmed_per:,.0f}", f"{benign.by_quota:,}")


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"

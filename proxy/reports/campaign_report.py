"""Owns what the report on a campaign says: what an affected lab would be asked, and no content. Pure.

Names of accounts stay out, so that the report can be handed on; `stillgate campaigns show` has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.events.content import Target
from proxy.reports.bars import bars_of
from proxy.reports.document import Block, Bullets, Commands, Document, Paragraph, Plot, Section, Table
from proxy.reports.wording import DAY_US, count, duration, moment, percent, several, share
from proxy.verdict.campaign import Campaign, Level, Word

MOST_BARS = 120
_MOST_MODELS = 12
_CAPABILITIES = {
    Target.REASONING: "reasoning traces: writing out thinking that is otherwise not shown",
    Target.GRADING: "grading: scoring or comparing answers by a rubric",
    Target.CLEANING: "trajectory cleaning: rewriting or translating harvested traces",
    Target.TOOLS: "agentic tool use: tool definitions and tool results",
    Target.CODE: "software engineering",
}
FAMILIES = {
    "content": "what the requests have in common",
    "partition": "one dataset dealt out over accounts",
    "balance": "load spread by a machine",
    "reaction": "refused work picked up by other accounts",
    "replay": "reasoning signatures carried between accounts",
    "infrastructure": "where the accounts come from",
}
_CAVEATS = (
    "A campaign is a cluster of accounts whose traffic belongs together, not an attribution: it names no operator, "
    "no company and no country.",
    "Accounts may be resold, shared or stolen; a member may be a victim, and may have traffic of its own beside this.",
    "Tokens are as the upstream reported them; where it reported none they are missing, so the true figures may be "
    "higher. What the stopped exchanges would have cost is an estimate.",
    "Exchanges before the first sighting, through other providers, or worded differently enough are not in these "
    "figures.",
    "The weights assume that the signals of different families are independent; they rank campaigns better than they "
    "state a probability.",
)
_WORDS = {
    Word.RELEASE: "An operator has released this campaign: nothing is done about it, whatever the evidence.",
    Word.HOLD: "An operator holds this campaign at its level: it is neither raised nor does it expire.",
    Word.CONFIRM: "An operator has confirmed this campaign, whatever the evidence.",
}


def campaign_report(campaign: Campaign) -> Document:
    """The report, ready to be rendered."""
    return Document(
        f"Distillation campaign {campaign.id}: {campaign.level.value}",
        _lead(campaign),
        (
            Section("In figures", tuple(_figures(campaign))),
            Section("Over time", tuple(_time_line(campaign))),
            Section("Models and capabilities", tuple(_aims(campaign))),
            Section("Evidence", tuple(_evidence(campaign))),
            Section("What to do", tuple(_advice(campaign))),
            Section("What this report does not say", (Bullets(_CAVEATS),)),
        ),
    )


def _lead(campaign: Campaign) -> str:
    return (
        f"From {moment(campaign.first_us)} to {moment(campaign.last_us)}, {several(campaign.accounts, 'account')} in "
        f"{several(campaign.networks, 'network')} sent {several(campaign.exchanges_seen, 'exchange')} that belong "
        f"together. {_stopped(campaign)} stopped in real time; {count(campaign.exchanges_admitted)} got out, with "
        f"{count(campaign.input_tokens_admitted)} input tokens and {count(campaign.output_tokens_admitted)} output "
        "tokens."
    )


def _stopped(campaign: Campaign) -> str:
    prevented = campaign.exchanges_prevented
    verb = "was" if prevented == 1 else "were"
    return f"{count(prevented)} ({share(prevented, campaign.exchanges_seen)}) {verb}"


def _figures(campaign: Campaign) -> Iterator[Block]:
    if campaign.word is not None:
        yield Paragraph(_WORDS[campaign.word], loud=True)
    yield Table(("question", "answer"), tuple(_answers(campaign)))


def _answers(campaign: Campaign) -> Iterator[tuple[str, str]]:
    seen, accounts = campaign.exchanges_seen, max(campaign.accounts, 1)
    span_us = campaign.last_us - campaign.first_us if campaign.last_us else 0
    yield "window (UTC)", f"{moment(campaign.first_us)} to {moment(campaign.last_us)}"
    if span_us > 0:
        yield "length of the window", duration(span_us)
    yield (
        f"{campaign.level.value} since (UTC)",
        f"{moment(campaign.detected_us)}, {duration(campaign.detected_us - campaign.first_us)} after the first one",
    )
    yield "accounts", count(campaign.accounts)
    yield "networks", count(campaign.networks)
    yield "exchanges seen", count(seen)
    yield "exchanges per account (mean)", f"{seen / accounts:,.1f}"
    if span_us >= DAY_US:
        yield "exchanges per account and day (mean)", f"{seen / accounts * DAY_US / span_us:,.1f}"
    yield "got out (exchanges)", f"{count(campaign.exchanges_admitted)} ({share(campaign.exchanges_admitted, seen)})"
    yield "got out (input tokens)", count(campaign.input_tokens_admitted)
    yield "got out (output tokens)", count(campaign.output_tokens_admitted)
    yield "stopped (exchanges)", f"{count(campaign.exchanges_prevented)} ({share(campaign.exchanges_prevented, seen)})"
    yield "stopped (output tokens, estimated)", _saved(campaign)


def _saved(campaign: Campaign) -> str:
    if not campaign.exchanges_admitted or not campaign.output_tokens_admitted:
        return "unknown: no admitted exchange tells the usual length of an answer"
    mean = campaign.output_tokens_admitted / campaign.exchanges_admitted
    return (
        f"about {count(round(mean * campaign.exchanges_prevented))}, at {mean:,.0f} an exchange as for those admitted"
    )


def _time_line(campaign: Campaign) -> Iterator[Block]:
    bars = bars_of(campaign, MOST_BARS)
    if bars is None:
        yield Paragraph("No time line is on record.")
        return
    yield Plot(bars, campaign.detected_us, campaign.level.value)
    if campaign.merged:
        yield Paragraph(f"Part of it was known before under other names: {', '.join(campaign.merged)}.")


def _aims(campaign: Campaign) -> Iterator[Block]:
    models = sorted(campaign.models.items(), key=lambda item: (-item[1], item[0]))
    total = sum(campaign.models.values())
    rows = [(model, count(number), percent(number, total)) for model, number in models[:_MOST_MODELS]]
    if rest := models[_MOST_MODELS:]:
        number = sum(number for _, number in rest)
        rows.append((f"{several(len(rest), 'other model')}", count(number), percent(number, total)))
    if rows:
        yield Table(("model", "exchanges", "share (%)"), tuple(rows), frozenset({1, 2}))
    else:
        yield Paragraph("No exchange named a model.")
    targets = sorted(campaign.targets.items(), key=lambda item: (-item[1], item[0]))
    wanted = tuple((_capability(name), percent(portion, 1)) for name, portion in targets if portion > 0)
    if wanted:
        yield Table(("capability that the wording asks for", "share of exchanges (%)"), wanted, frozenset({1}))
        yield Paragraph(
            "One exchange may ask for several. The wording is a weight, never a proof: each has benign uses."
        )
    else:
        yield Paragraph("The wording of the requests points to no capability in particular.")


def _capability(target: str) -> str:
    return _CAPABILITIES[Target(target)] if target in set(Target) else target


def _evidence(campaign: Campaign) -> Iterator[Block]:
    strongest = sorted(campaign.evidence, key=lambda seen: -abs(seen.weight))
    for_it = [seen for seen in strongest if seen.weight > 0]
    against = [seen for seen in strongest if seen.weight <= 0]
    families = len({seen.family for seen in for_it})
    yield Paragraph(
        f"Score: {campaign.score:+.1f} nats, on {several(families, 'independent family', 'independent families')} of "
        "evidence. A weight of w nats says that the signal is e^w times likelier for a campaign than for unrelated "
        "customers; negative weights speak against."
    )
    headers = ("family", "signal", "weight (nats)", "detail")
    for title, signals in (("Speaks for a campaign", for_it), ("Speaks against", against)):
        if not signals:
            yield Paragraph(f"{title}: nothing on record.")
            continue
        rows = tuple((_family(seen.family), seen.signal, f"{seen.weight:+.1f}", seen.detail) for seen in signals)
        yield Paragraph(f"{title}:")
        yield Table(headers, rows, frozenset({2}))


def _family(family: str) -> str:
    return f"{family}: {FAMILIES[family]}" if family in FAMILIES else family


def _advice(campaign: Campaign) -> Iterator[Block]:
    yield Paragraph(_standing(campaign))
    yield Commands(
        (
            (f"stillgate campaigns show {campaign.id}", "members and time line; start with accounts that you know"),
            (f"stillgate campaigns confirm {campaign.id}", "it is one: keep it confirmed, whatever the evidence"),
            (f"stillgate campaigns hold {campaign.id}", "keep it as it is while you look: neither raised nor expired"),
            (f"stillgate campaigns release {campaign.id}", "it is none: do nothing about it, whatever the evidence"),
            (f"stillgate campaigns undo {campaign.id}", "take your word back and let the evidence speak again"),
        )
    )


def _standing(campaign: Campaign) -> str:
    if campaign.word is not None:
        return "An operator's word stands above the evidence until it is taken back."
    ends = f"Without new evidence the verdict expires at {moment(campaign.expires_us)}." if campaign.expires_us else ""
    if campaign.level is Level.CONFIRMED:
        return f"The policy's action for confirmed campaigns holds for all of its matching traffic. {ends}".rstrip()
    return f"The evidence is not enough to confirm it; the policy's action for suspected ones holds. {ends}".rstrip()

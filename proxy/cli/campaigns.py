"""Show the campaigns that were found, report on one, and say what is to be done about it.

stillgate campaigns                      the campaigns of a running proxy, by its admin port
stillgate campaigns show c-3f9           one of them; a beginning of its id that no other has is enough
stillgate campaigns report c-3f9         what an affected lab would be asked, in one HTML or Markdown file
stillgate campaigns release c-3f9        your word above the evidence: release, hold, confirm; undo takes it back
Exit code 0, 1 where there is no such campaign or no answer, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from proxy import settings
from proxy.errors import UsageError

if TYPE_CHECKING:
    from proxy.cli.campaign_source import AdminSource, Source
    from proxy.verdict.campaign import Word

_WORDS = {
    "release": "do nothing about it, whatever the evidence",
    "hold": "keep it at its level: neither raised nor expired",
    "confirm": "it is one: confirmed, whatever the evidence",
    "undo": "take your word back; the evidence speaks again",
}

_FORMS = {".html": "html", ".htm": "html", ".md": "md", "": "md"}
"""Of a report, by the end of its file's name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_source(parser, None)
    _add_json(parser, False)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    listing = actions.add_parser("list", help="all campaigns (default)", allow_abbrev=False)
    show = actions.add_parser("show", help="one campaign: evidence, time line, members", allow_abbrev=False)
    report = actions.add_parser("report", help="a file to hand on, without names of accounts", allow_abbrev=False)
    for action in (listing, show, report):
        _add_source(action, argparse.SUPPRESS)
    for action in (listing, show):
        _add_json(action, argparse.SUPPRESS)
    report.add_argument("--format", choices=("html", "md"), help="default: by the end of --out's name, else md")
    report.add_argument("--out", metavar="FILE", help="default: standard output")
    words = [actions.add_parser(word, help=text, allow_abbrev=False) for word, text in _WORDS.items()]
    for action in words:
        _add_admin(action, argparse.SUPPRESS)
        action.add_argument("--by", metavar="NAME", help="who says so (default: your login name)")
    for action in (show, report, *words):
        action.add_argument("id", metavar="ID", help="a campaign's id, or enough of its beginning")


def run(arguments: argparse.Namespace) -> int:
    from proxy.cli.campaign_source import AdminSource, NoSuchCampaignError, ReportSource, SourceError

    action = arguments.action or "list"
    if action in _WORDS and arguments.source is not None:
        raise UsageError(f"{action} speaks to a running proxy; leave out --from")
    if action not in ("list", "show") and arguments.json:
        raise UsageError(f"--json goes with list and show, not with {action}")
    try:
        if arguments.source is not None:
            if arguments.admin is not None:
                raise UsageError("--admin and --from are two places; give one")
            return _run(action, arguments, ReportSource(Path(arguments.source)))
        given = settings.values_of({"admin": arguments.admin}, os.environ, ("admin",))["admin"]
        admin = AdminSource(given)
        return _say(action, arguments, admin) if action in _WORDS else _run(action, arguments, admin)
    except (SourceError, NoSuchCampaignError) as fault:
        print(f"stillgate campaigns: {fault}", file=sys.stderr)
        return 1


def _run(action: str, arguments: argparse.Namespace, source: Source) -> int:
    if action == "list":
        _list(source, arguments.json)
    elif action == "show":
        _show(source, arguments.id, arguments.json)
    else:
        _report(source, arguments)
    return 0


def _list(source: Source, as_json: bool) -> None:
    from proxy.cli.campaign_tables import show_list
    from proxy.reports.wire import summary

    campaigns = source.all()
    if as_json:
        print(json.dumps([summary(campaign) for campaign in campaigns], indent=2))
    elif campaigns:
        show_list(campaigns)
    else:
        print("No campaign was found.")


def _show(source: Source, beginning: str, as_json: bool) -> None:
    from proxy.cli.campaign_tables import show_one
    from proxy.reports.wire import told

    campaign = source.one(beginning)
    if as_json:
        print(json.dumps(told(campaign), indent=2))
    else:
        show_one(campaign)


def _report(source: Source, arguments: argparse.Namespace) -> None:
    from proxy.reports.campaign_report import campaign_report
    from proxy.reports.html import html
    from proxy.reports.markdown import markdown

    out = Path(arguments.out) if arguments.out else None
    ending = out.suffix.lower() if out is not None else ""
    form = arguments.format or _FORMS.get(ending)
    if form is None:
        raise UsageError(f"--out {out}: name it .html, .htm or .md, or say with --format which of html and md it is")
    document = campaign_report(source.one(arguments.id))
    text = html(document) if form == "html" else markdown(document)
    if out is None:
        sys.stdout.buffer.write(text.encode())  # in UTF-8 wherever it goes, as it says itself
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"--out {out}: cannot be written: {fault.strerror or fault}") from fault
    print(f"wrote {out}", file=sys.stderr)


def _say(action: str, arguments: argparse.Namespace, admin: AdminSource) -> int:
    from proxy.reports.wording import plain
    from proxy.verdict.campaign import Word

    word: Word | None = None if action == "undo" else Word(action)
    by = arguments.by or _login_name()
    campaign = admin.say(admin.one(arguments.id).id, word, by)
    if word is None:
        print(f"{campaign.id}: your word is taken back; by the evidence it is {campaign.level.value}.")
    else:
        print(f"{campaign.id}: {word.value} by {plain(by)}: {_WORDS[word]}.")
        print(f"stillgate campaigns undo {campaign.id} takes it back.")
    return 0


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as fault:
        raise UsageError("your login name is not known here; say who you are with --by NAME") from fault


def _add_source(parser: argparse.ArgumentParser, default: object) -> None:
    _add_admin(parser, default)
    parser.add_argument(
        "--from", dest="source", metavar="REPORT.json", default=default, help="read the report of a replay instead"
    )


def _add_admin(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--admin",
        metavar="URL",
        default=default,
        help="the proxy's admin port, HOST:PORT or URL (default: 127.0.0.1:9464) [STILLGATE_ADMIN]",
    )


def _add_json(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument("--json", action="store_true", default=default, help="as JSON")

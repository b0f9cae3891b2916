"""Run one log under two policies: which accounts, networks and models gain or lose, and when they first part.

Exit code 0, or 1 where a --fail-if condition holds (and at a bad line or policy), 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from proxy.cli.progress import watched
from proxy.reports.wording import plain

if TYPE_CHECKING:
    from proxy.simulate.diff import Difference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "log", metavar="LOG", help="the exchange log, plain or compressed (gzip, zstd); - is standard input"
    )
    parser.add_argument("--old", metavar="PATH", required=True, help="the policy as it is")
    parser.add_argument("--new", metavar="PATH", required=True, help="the policy as it is to be")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    parser.add_argument(
        "--fail-if",
        metavar="CONDITION",
        action="append",
        default=[],
        help="exit with 1 where it holds, as in 'newly_throttled_accounts > 0'; may be given several times",
    )
    parser.add_argument("--skip-bad-lines", action="store_true", help="pass over bad lines")


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.load import load_policy
    from proxy.simulate.diff import Difference, compare, holds
    from proxy.simulate.lines import BadLineError
    from proxy.simulate.replay import spare_the_collector
    from proxy.simulate.source import open_source

    for condition in arguments.fail_if:
        holds(condition, Difference().summary())
    old, new = load_policy(arguments.old), load_policy(arguments.new)
    spare_the_collector()
    try:
        with open_source(arguments.log) as source:
            difference = compare(old, new, watched(source, "diff"), skip_bad_lines=arguments.skip_bad_lines)
    except BadLineError as fault:
        print(f"stillgate diff: {arguments.log}: {fault}; --skip-bad-lines goes on", file=sys.stderr)
        return 1
    if arguments.format == "json":
        print(json.dumps(_as_json(difference), indent=2))
    else:
        _show(difference)
    failed = [condition for condition in arguments.fail_if if holds(condition, difference.summary())]
    for condition in failed:
        print(f"stillgate diff: failed, because {condition}", file=sys.stderr)
    return 1 if failed else 0


def _as_json(difference: Difference) -> dict[str, object]:
    from proxy.simulate.diff import GROUPS

    return {
        "summary": difference.summary(),
        "first_differences": difference.first,
        **{
            f"{group}s": [{group: name, **asdict(change)} for name, change in difference.top(group)] for group in GROUPS
        },
    }


def _show(difference: Difference) -> None:
    from proxy.simulate.diff import GROUPS

    summary = difference.summary()
    print(f"{summary['exchanges']} exchanges under both policies")
    for kind in ("newly_throttled", "newly_blocked", "newly_allowed", "newly_shadowed", "no_longer_shadowed"):
        requests, accounts = summary[f"{kind}_requests"], summary[f"{kind}_accounts"]
        print(f"  {kind.replace('_', ' '):20}{requests:>10} requests{accounts:>12} accounts")
    for kind in ("lost", "gained"):
        requests, tokens = summary[f"{kind}_requests"], summary[f"{kind}_tokens"]
        print(f"  {kind:20}{requests:>10} requests{tokens:>12} tokens")
    if difference.unanswered:
        told = "have no answer in the log, as where they were refused at the time: their tokens are unknown"
        print(f"  {difference.unanswered} of these requests {told}")
    if not difference.first:
        return
    print("\nfirst differences (UTC)")
    for parting in difference.first:
        _show_parting(parting)
    for group in GROUPS:
        print()
        _row(f"{group}, most changed first", "lost requests", "lost tokens", "gained requests", "gained tokens")
        for name, change in difference.top(group):
            _row(
                f"  {plain(name)}",
                change.lost_requests,
                change.lost_tokens,
                change.gained_requests,
                change.gained_tokens,
            )


def _show_parting(parting: dict[str, Any]) -> None:
    at = datetime.fromtimestamp(parting["ts"], UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
    print(f"  {at}  {plain(parting['account']):24} {_said(parting['old'])} -> {_said(parting['new'])}")


def _row(name: str, *columns: object) -> None:
    print(f"{name:34}" + "".join(f"{column!s:>17}" for column in columns))


def _said(decision: dict[str, str | None]) -> str:
    return f"{decision['action']} ({decision['rule']})" if decision["rule"] else str(decision["action"])

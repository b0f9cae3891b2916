"""Check policy files: every problem at once, each with its file, line and column.

Exit code 0 where nothing is wrong, 1 where a policy could not be served, 2 for wrong usage, 3 for warnings where
--strict is given.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.policy.issues import Issue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a policy file, or a folder of them")
    parser.add_argument(
        "--format", choices=("text", "json", "sarif"), default="text", help="how to print (default: %(default)s)"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 3 where there are warnings")
    parser.add_argument("--quiet", action="store_true", help="print problems only")


def run(arguments: argparse.Namespace) -> int:
    from proxy.clock import US_PER_SECOND, SystemClock
    from proxy.policy.issues import has_errors

    today = datetime.fromtimestamp(SystemClock().wall_us() / US_PER_SECOND, UTC).date()
    issues, served = _checked(arguments.paths, today)
    match arguments.format:
        case "json":
            print(json.dumps([_as_json(issue) for issue in issues], indent=2))
        case "sarif":
            from proxy import __version__
            from proxy.policy.sarif import sarif_log

            print(json.dumps(sarif_log(issues, __version__), indent=2))
        case _:
            for line in (*map(str, issues), *(() if arguments.quiet else served)):
                print(line)
    if has_errors(issues):
        return 1
    return 3 if issues and arguments.strict else 0


def _checked(paths: Sequence[str], today: date) -> tuple[list[Issue], list[str]]:
    """Every issue once, though several policies may share a list; and a line for each policy that can be served."""
    from proxy.policy.load import load_all
    from proxy.policy.match import Policy

    issues: dict[Issue, None] = {}
    served = []
    for asked in paths:
        for path, loaded in load_all(asked, today):
            issues |= dict.fromkeys(loaded.warnings if isinstance(loaded, Policy) else loaded)
            if isinstance(loaded, Policy):
                counts = f"{len(loaded.quotas)} quotas, {len(loaded.access)} access rules"
                served.append(f"{path}: ok, {counts} ({loaded.name})")
    return list(issues), served


def _as_json(issue: Issue) -> dict[str, object]:
    return {
        "file": issue.path,
        "line": issue.line,
        "col": issue.col,
        "severity": issue.severity.value,
        "code": issue.code.value,
        "message": issue.message,
    }

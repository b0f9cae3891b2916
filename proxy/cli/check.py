"""Check policy files: every problem at once, each with its file, line and column.

Exit code 0 where nothing is wrong, 1 where a policy could not be served, 2 for wrong usage, 3 for warnings where
--strict is given.
"""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a policy file, or a folder of them")
    parser.add_argument("--strict", action="store_true", help="exit with 3 where there are warnings")
    parser.add_argument("--quiet", action="store_true", help="print problems only")


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.issues import has_errors
    from proxy.policy.load import load_all
    from proxy.policy.match import Policy

    failed = warned = False
    for asked in arguments.paths:
        for path, loaded in load_all(asked):
            issues = loaded.warnings if isinstance(loaded, Policy) else loaded
            failed |= has_errors(issues)
            warned |= bool(issues)
            for issue in issues:
                print(issue, file=sys.stderr if arguments.quiet else sys.stdout)
            if isinstance(loaded, Policy) and not arguments.quiet:
                print(f"{path}: ok, {len(loaded.quotas)} quotas, {len(loaded.access)} access rules ({loaded.name})")
    if failed:
        return 1
    return 3 if warned and arguments.strict else 0

"""Run policy tests: traffic in virtual time, and what the policy is expected to do with it.

PATH is a test file, or a folder in and below which all *.test.yaml are run. Each test begins with full buckets and
runs through the pipeline that serves. Exit code 0 where all tests pass, 1 where one fails, a file is bad or, with
--coverage, a rule is not reached; 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from proxy.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a test file, or a folder of them")
    parser.add_argument("--run", dest="wanted", metavar="REGEX", help="only the tests in whose names it is found")
    parser.add_argument("--coverage", action="store_true", help="list the rules that no test reaches")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML")


def run(arguments: argparse.Namespace) -> int:
    from proxy.simulate.policytest.coverage import Coverage
    from proxy.simulate.policytest.junit import junit
    from proxy.simulate.policytest.run import run_case
    from proxy.simulate.policytest.suite import load_suites, test_files
    from proxy.simulate.policytest.tell import told

    asked = _asked(arguments)
    suites = load_suites(test_files(arguments.paths))
    cases = [(suite, case) for suite in suites.good for case in suite.spec.tests if asked.search(case.name)]
    if not cases and not suites.bad:
        raise UsageError(f"--run {arguments.wanted!r}: no test has that in its name")
    for issue in dict.fromkeys(issue for issues in suites.bad.values() for issue in issues):
        print(issue)
    coverage = Coverage()
    results = []
    for suite, case in cases:
        coverage.tests(suite.policy)
        result = run_case(suite, case, coverage.count)
        results.append(result)
        if not result.passed:
            print(told(result))
    if arguments.junit:
        _write(arguments.junit, junit(results, suites.bad))
    missed = coverage.missed() if arguments.coverage else []
    for line in missed:
        print(line)
    failed = sum(not result.passed for result in results)
    print(_closing(len(results) - failed, failed, len(suites.bad)))
    if arguments.coverage:
        print(f"{coverage.rules() - len(missed)} of {coverage.rules()} rules reached")
    return 1 if failed or suites.bad or missed else 0


def _asked(arguments: argparse.Namespace) -> re.Pattern[str]:
    if arguments.wanted and arguments.coverage:
        raise UsageError("--coverage is of all tests; leave out --run")
    try:
        return re.compile(arguments.wanted or "")
    except re.error as fault:
        raise UsageError(f"--run {arguments.wanted!r} is not a regular expression: {fault}") from fault


def _closing(passed: int, failed: int, bad: int) -> str:
    return f"{passed} passed, {failed} failed" + (f", {bad} bad file{'s' * (bad > 1)}" if bad else "")


def _write(name: str, data: bytes) -> None:
    try:
        Path(name).write_bytes(data)
    except OSError as fault:
        raise UsageError(f"--junit {name}: cannot be written: {fault.strerror or fault}") from fault

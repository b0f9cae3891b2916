"""Owns the JUnit XML that CI systems read: a suite for each test file, a case for each test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree

from proxy.policy.issues import Issue
from proxy.simulate.policytest.run import Result
from proxy.simulate.policytest.tell import told_failure


def junit(results: Sequence[Result], bad: Mapping[str, Sequence[Issue]]) -> bytes:
    """The report. A file that could not be read is a suite with one error."""
    root = ElementTree.Element("testsuites", name="stillgate")
    for path, group in groupby(results, key=lambda result: result.suite.path):
        cases = list(group)
        suite = _suite(root, path, len(cases), failures=sum(not case.passed for case in cases))
        for result in cases:
            _case(suite, path, result)
    for path, issues in bad.items():
        suite = _suite(root, path, 1, errors=1)
        case = ElementTree.SubElement(suite, "testcase", classname=_clean(path), name="the file can be read")
        error = ElementTree.SubElement(case, "error", message=_clean(issues[0].message), type=issues[0].code.value)
        error.text = _clean("\n".join(map(str, issues)))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in root)))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return written + b"\n"


def _suite(root: ElementTree.Element, path: str, tests: int, failures: int = 0, errors: int = 0) -> ElementTree.Element:
    counts = {"tests": tests, "failures": failures, "errors": errors}
    return ElementTree.SubElement(
        root, "testsuite", {"name": _clean(path), **{name: str(count) for name, count in counts.items()}}
    )


def _case(suite: ElementTree.Element, path: str, result: Result) -> None:
    at = result.case.at()
    case = ElementTree.SubElement(
        suite, "testcase", classname=_clean(path), name=_clean(result.case.name), file=_clean(path), line=str(at.line)
    )
    for failure in result.failures:
        parted = "; ".join(
            f"{row.name}: expected {row.expected}, was {row.actual}" for row in failure.rows if not row.holds
        )
        told = ElementTree.SubElement(case, "failure", message=_clean(parted), type="expectation")
        told.text = _clean("\n".join(told_failure(failure)))


def _clean(text: str) -> str:
    """Without what XML cannot hold, such as the surrogates of a file name that is not UTF-8."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)

"""Owns the way from a path to test files that can run, with every issue that was found on it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from yaml.nodes import MappingNode

from proxy.errors import UsageError
from proxy.policy.files import MAX_POLICY_BYTES, FileFaultError, read_file
from proxy.policy.issues import Code, Issue, Position
from proxy.policy.load import Attempt, attempt
from proxy.policy.match import Policy
from proxy.policy.nodes import compose
from proxy.policy.read import _Reader
from proxy.simulate.policytest.language import SuiteSpec
from proxy.simulate.policytest.lint import lint

SUFFIX = ".test.yaml"
_LOST_KEYS = (Code.UNKNOWN_KEY, Code.BAD_KEY, Code.MERGE_KEY, Code.WRONG_TYPE)


@dataclass(frozen=True, slots=True)
class Suite:
    """A test file without a fault, and the policy that it tests."""

    path: str
    spec: SuiteSpec
    policy: Policy


@dataclass(slots=True)
class Suites:
    """What came of loading test files."""

    good: list[Suite] = field(default_factory=list)
    bad: dict[str, tuple[Issue, ...]] = field(default_factory=dict)
    """By the path of the test file; the issues of its policy are among them."""


def test_files(paths: Iterable[str]) -> list[str]:
    """The test files that paths mean: themselves, or all *.test.yaml in and below a folder. UsageError: none."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            below = _below(path)
            if not below:
                raise UsageError(f"{path}: no *{SUFFIX} in or below this folder")
            found += below
        elif os.path.exists(path):
            found.append(path)
        else:
            raise UsageError(f"{path}: there is no such file or folder")
    return list(dict.fromkeys(found))


def load_suites(files: Iterable[str]) -> Suites:
    """Loads test files, and each policy once; never raises, whatever is in them."""
    suites = Suites()
    policies: dict[str, Attempt] = {}
    for file in files:
        loaded = _load(file, policies)
        if isinstance(loaded, Suite):
            suites.good.append(loaded)
        else:
            suites.bad[file] = tuple(sorted(set(loaded)))
    return suites


def _below(folder: str) -> list[str]:
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(where, name) for name in sorted(names) if _is_test(name)]
    return found


def _is_test(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def _load(file: str, policies: dict[str, Attempt]) -> Suite | list[Issue]:
    try:
        content = compose(file, read_file(file, MAX_POLICY_BYTES))
    except FileFaultError as fault:
        return [Issue.error(Position(file), fault.code, fault.message)]
    if not isinstance(content, MappingNode):
        if content.code is Code.WRONG_TYPE:
            content = replace(content, message="a test file is a mapping that begins with `version: 1`")
        return [content]
    reader = _Reader(is_whole=True)
    spec = reader.record(SuiteSpec, content)
    tried = _policy(file, spec, policies)
    is_complete = not any(issue.code in _LOST_KEYS for issue in reader.issues)
    issues = [*reader.issues, *lint(spec, tried.policy, is_complete=is_complete)]
    if tried.policy is not None and not issues:
        return Suite(file, spec, tried.policy)
    return issues if tried.policy is not None else [*issues, *tried.issues]


def _policy(file: str, spec: SuiteSpec, policies: dict[str, Attempt]) -> Attempt:
    if spec.policy is None:
        return Attempt(None, (), ())
    path = os.path.normpath(os.path.join(os.path.dirname(file), spec.policy))
    if path not in policies:
        policies[path] = attempt(path)
    tried = policies[path]
    if tried.policy is None and not os.path.exists(path):
        missing = Issue.error(spec.at("policy"), Code.MISSING_FILE, f"there is no policy {path}")
        return Attempt(None, (missing,), ())
    return tried

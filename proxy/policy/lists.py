"""Owns list files: networks or addresses, one a line, with # comments. Knows not which rule uses them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proxy.policy.files import MAX_LIST_BYTES, FileFaultError, list_file, read_file
from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.nodes import decode
from proxy.policy.prefixes import Prefix
from proxy.policy.scalars import BadValueError, network
from proxy.policy.spec import PolicySpec
from proxy.policy.terms import Matcher

MAX_ISSUES = 20
"""A file of the wrong kind would otherwise be told of line by line."""


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list that was read; `data` is None where it was not."""

    path: str
    data: bytes | None
    prefixes: tuple[Prefix, ...]
    places: tuple[tuple[int, int], ...] = ()
    """Line and column of each prefix."""


ReadList = Callable[[str, str], bytes]
"""Of a folder and a name. FileFaultError where it cannot be read."""
Lists = dict[tuple[str, str], ListFile]
"""By the folder of the policy file that names it, and the name."""


def list_key(matcher: Matcher, index: int) -> tuple[str, str]:
    """Which list the matcher's n-th `network_in` is."""
    return os.path.dirname(matcher.at("network_in", index).path), matcher.network_in[index]


def matchers_of(spec: PolicySpec) -> Iterator[Matcher]:
    """Every matcher of a policy, in order."""
    for rule in spec.access:
        yield from filter(None, (rule.deny, rule.allow, rule.unless))
    for quota in spec.quotas:
        yield from filter(None, (quota.match, quota.unless))
    if spec.campaigns is not None:
        yield from spec.campaigns.exempt


def read_list_file(folder: str, name: str) -> bytes:
    """The bytes of a list that a policy in `folder` names. FileFaultError."""
    return read_file(list_file(folder, name), MAX_LIST_BYTES)


def read_lists(spec: PolicySpec, read: ReadList = read_list_file) -> tuple[Lists, list[Issue]]:
    """Every list that the policy names, each read once, and what is wrong with them."""
    lists: Lists = {}
    issues: list[Issue] = []
    for matcher in matchers_of(spec):
        for index in range(len(matcher.network_in)):
            key = list_key(matcher, index)
            if key not in lists:
                lists[key] = _read(key, matcher.at("network_in", index), issues, read)
    return lists, issues


def _read(key: tuple[str, str], named_at: Position, issues: list[Issue], read: ReadList) -> ListFile:
    folder, name = key
    path = os.path.join(folder, name)
    try:
        data = read(folder, name)
    except FileFaultError as fault:
        code = fault.code if fault.code in (Code.LIST_OUTSIDE_FOLDER, Code.FILE_TOO_BIG) else Code.MISSING_LIST
        issues.append(Issue.error(named_at, code, f"the list {quoted(name)}: {fault.message}"))
        return ListFile(path, None, ())
    return _parse(path, data, issues)


def _parse(path: str, data: bytes, issues: list[Issue]) -> ListFile:
    text = decode(path, data)
    if isinstance(text, Issue):
        issues.append(text)
        return ListFile(path, data, ())
    prefixes: list[Prefix] = []
    places: list[tuple[int, int]] = []
    faults: list[Issue] = []
    for number, line in enumerate(text.split("\n"), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        column = line.index(entry) + 1
        try:
            prefixes.append(network(entry))
            places.append((number, column))
        except BadValueError as error:
            at = Position(path, number, column)
            faults.append(Issue.error(at, Code.BAD_LIST_LINE, error.message))
    issues.extend(faults[:MAX_ISSUES])
    if len(faults) > MAX_ISSUES:
        more = len(faults) - MAX_ISSUES
        issues.append(Issue.error(Position(path), Code.BAD_LIST_LINE, f"{more} more lines are not networks"))
    if not prefixes and not faults:
        issues.append(Issue.warning(Position(path), Code.EMPTY_LIST, "the list is empty, so it matches nobody"))
    return ListFile(path, data, tuple(prefixes), tuple(places))

"""Owns the way from a path to a policy: files > nodes > spec > lint > compile, with every issue that was found.

The only piece that knows the order of these stages; `serve`, `check` and everything else load policies through it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from msgspec import Struct
from yaml.nodes import CollectionNode, MappingNode, ScalarNode

from proxy.policy.beside import beside_others, let_go
from proxy.policy.compile import compile_policy
from proxy.policy.files import MAX_POLICY_BYTES, FileFaultError, policy_files, read_file
from proxy.policy.issues import Code, Issue, PolicyError, Position, Severity, has_errors
from proxy.policy.lint import lint
from proxy.policy.lists import ReadList, read_list_file, read_lists
from proxy.policy.match import Policy
from proxy.policy.merge import unite
from proxy.policy.nodes import compose
from proxy.policy.read import read_policy


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of loading a path: a policy, or the errors that forbid it; warnings either way."""

    policy: Policy | None
    issues: tuple[Issue, ...]
    """In the order of their positions."""
    files: tuple[str, ...]
    """Every file that was read or asked for, there or not: what to watch."""
    source: Source | None = None
    """What the policy was made of."""


class Source(Struct, frozen=True):
    """The bytes that a policy was made of, to make it of again without its files."""

    name: str
    documents: tuple[tuple[str, bytes], ...]
    lists: dict[str, bytes]
    """By their paths."""


@dataclass(frozen=True, slots=True)
class _Document:
    path: str
    data: bytes
    content: MappingNode | Issue

    def is_complete(self) -> bool:
        """Whether it names itself, and so is never united with others."""
        return isinstance(self.content, MappingNode) and any(
            isinstance(key, ScalarNode) and key.value == "name" for key, _ in self.content.value
        )


def load_policy(path: str) -> Policy:
    """The policy at a path, a file or a folder, ready to serve. PolicyError has every issue."""
    tried = attempt(path)
    if tried.policy is None:
        raise PolicyError(tried.issues)
    return tried.policy


@beside_others()
def attempt(path: str, today: date | None = None) -> Attempt:
    """Loads a path for serving; never raises, whatever the path or the bytes in it. For `today` see `lint.lint`."""
    try:
        files = policy_files(path)
    except FileFaultError as fault:
        return _failed([Issue.error(Position(path), fault.code, fault.message)], ())
    documents = [_read(file) for file in files]
    complete = [document.path for document in documents if document.is_complete()]
    if complete and len(documents) > 1:
        message = f"the folder holds complete policies (with a `name`); give one of the files, such as {complete[0]}"
        return _failed([Issue.error(Position(path), Code.SEVERAL_POLICIES, message)], files)
    return _build(_name_of(path), documents, today)


@beside_others()
def remade(source: Source) -> Attempt:
    """The policy that was loaded from `source`, whatever its files hold by now."""
    documents = [_Document(path, data, compose(path, data)) for path, data in source.documents]
    return _build(source.name, documents, None, lambda folder, name: source.lists[os.path.join(folder, name)])


@beside_others()
def load_all(path: str, today: date | None = None) -> list[tuple[str, Policy | tuple[Issue, ...]]]:
    """Everything that a path holds, for checking: one policy, or each file of a folder that holds complete ones."""
    try:
        files = policy_files(path)
    except FileFaultError as fault:
        return [(path, (Issue.error(Position(path), fault.code, fault.message),))]
    documents = [_read(file) for file in files]
    if any(document.is_complete() for document in documents):
        attempts = [(document.path, _build(_name_of(document.path), [document], today)) for document in documents]
    else:
        attempts = [(path, _build(_name_of(path), documents, today))]
    return [(tried_path, tried.policy or tried.issues) for tried_path, tried in attempts]


def digest(files: Sequence[tuple[str, bytes]]) -> str:
    """SHA-256 of one file; of several, that of what `sha256sum` prints for them, in reading order."""
    sums = [(sha256(data).hexdigest(), name) for name, data in files]
    if len(sums) == 1:
        return sums[0][0]
    return sha256("".join(f"{digest_}  {name}\n" for digest_, name in sums).encode("utf-8", "replace")).hexdigest()


def _read(file: str) -> _Document:
    try:
        data = read_file(file, MAX_POLICY_BYTES)
    except FileFaultError as fault:
        return _Document(file, b"", Issue.error(Position(file), fault.code, fault.message))
    return _Document(file, data, compose(file, data))


def _name_of(path: str) -> str:
    return os.path.splitext(os.path.basename(os.path.abspath(path)))[0]


def _build(
    name: str, documents: Sequence[_Document], today: date | None, read_list: ReadList = read_list_file
) -> Attempt:
    files = [document.path for document in documents]
    roots = [document.content for document in documents if isinstance(document.content, MappingNode)]
    issues = [document.content for document in documents if isinstance(document.content, Issue)]
    if not roots:
        return _failed(issues, files)
    tree = unite(roots)
    spec, found = read_policy(tree, is_whole=not issues)
    for root in (tree, *roots):
        for _, value in root.value:
            if isinstance(value, CollectionNode):
                let_go(value.value)
    lists, list_issues = read_lists(spec, read_list)
    if not issues:
        # With a file missing from the whole, what the others name would be told of as unknown.
        issues.extend(lint(spec, lists, today))
    issues += found + list_issues
    listed = sorted({(file.path, file.data) for file in lists.values()}, key=lambda file: file[0])
    files += [path for path, _ in listed]
    if has_errors(issues):
        return _failed(issues, files)
    folder = os.path.dirname(documents[0].path)
    read = [(document.path, document.data) for document in documents]
    read_of_lists = [(path, data) for path, data in listed if data is not None]
    issues.sort()
    policy = compile_policy(
        spec,
        lists,
        name=name,
        sha256=digest([(os.path.relpath(path, folder or "."), data) for path, data in read + read_of_lists]),
        files=tuple(files),
        warnings=[issue for issue in issues if issue.severity is Severity.WARNING],
    )
    overrides = list(spec.overrides)
    del spec
    let_go(overrides)
    return Attempt(policy, tuple(issues), tuple(files), Source(name, tuple(read), dict(read_of_lists)))


def _failed(issues: Sequence[Issue], files: Sequence[str]) -> Attempt:
    return Attempt(None, tuple(sorted(issues)), tuple(files))

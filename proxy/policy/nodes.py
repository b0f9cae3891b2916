"""Owns YAML: from a file's bytes to a tree of nodes with positions, whatever the bytes.

Knows no key of the language. Nesting and the expansion of aliases are bounded while the tree is built, and no value is
guessed from a plain scalar: every scalar is its text. Faults of the text itself end the file: one issue, no tree.

libyaml reads a file without faults, in a twentieth of the time; what it refuses PyYAML reads, and says what is wrong.
"""

from __future__ import annotations

import io
from typing import Any, Protocol

import yaml
from yaml.composer import Composer
from yaml.error import MarkedYAMLError
from yaml.events import AliasEvent, Event, StreamEndEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from proxy.policy.issues import Code, Issue, Position

_FAULTS = (yaml.YAMLError, ValueError, OverflowError, LookupError)
"""PyYAML lets a few of Python's own errors out: escapes beyond Unicode, directives with endless numbers."""
MAX_DEPTH = 24
"""The language itself nests to 7."""
MAX_EXPANSION = 100_000
"""Nodes that aliases may add to those that are written."""


class _Mark(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _RefusedError(Exception):
    def __init__(self, code: Code, event: Event, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.position = _at(event.start_mark)


class _BoundedComposer(Composer):
    """Counts depth and expanded size on the way; PyYAML's own would recurse and expand without end."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._written = 0
        self._expanded = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self.peek_event()  # type: ignore[attr-defined]
        if isinstance(event, AliasEvent):
            self._count_alias(event)
            return super().compose_node(parent, index)
        if self._depth == MAX_DEPTH:
            raise _RefusedError(Code.TOO_DEEP, event, f"nested deeper than {MAX_DEPTH} levels")
        before = self._expanded
        self._depth += 1
        self._written += 1
        self._expanded += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if event.anchor is not None:
            self._sizes[event.anchor] = self._expanded - before
        return node

    def _count_alias(self, event: AliasEvent) -> None:
        anchor = str(event.anchor)
        if anchor in self.anchors and anchor not in self._sizes:
            raise _RefusedError(Code.RECURSIVE_ALIAS, event, f"*{anchor} stands within what it stands for")
        self._expanded += self._sizes.get(anchor, 0)
        if self._expanded - self._written > MAX_EXPANSION:
            raise _RefusedError(Code.ALIAS_BOMB, event, f"aliases expand to more than {MAX_EXPANSION} values")


class _TextResolver(BaseResolver):
    """Leaves every scalar its text: YAML 1.1 would read NO as false and 1:30 as 90."""

    def resolve(self, kind: type[Node], value: object, implicit: object) -> str:
        if kind is ScalarNode:
            return self.DEFAULT_SCALAR_TAG
        return self.DEFAULT_SEQUENCE_TAG if kind is SequenceNode else self.DEFAULT_MAPPING_TAG


class _NamedText(io.StringIO):
    """What libyaml takes the name for its positions from."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text)
        self.name = path


class _FastLoader(_BoundedComposer, _TextResolver):
    """libyaml's events, composed here: its own composer recurses as deep as the text says."""

    def __init__(self, text: str, path: str) -> None:
        _BoundedComposer.__init__(self)
        _TextResolver.__init__(self)
        parser: Any = yaml.CBaseLoader(_NamedText(text, path))
        self.check_event, self.peek_event, self.get_event = parser.check_event, parser.peek_event, parser.get_event


class _Loader(Reader, Scanner, Parser, _BoundedComposer, _TextResolver):
    def __init__(self, text: str, path: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        _BoundedComposer.__init__(self)
        _TextResolver.__init__(self)
        self.name = path


def position(node: Node) -> Position:
    """Where the node begins."""
    return _at(node.start_mark)


def _at(mark: _Mark | None) -> Position:
    assert mark is not None
    return Position(mark.name, mark.line + 1, mark.column + 1)


def compose(path: str, data: bytes) -> MappingNode | Issue:
    """The mapping that a file holds, or what keeps it from being one."""
    text = decode(path, data)
    if isinstance(text, Issue):
        return text
    root = _without_faults(text, path)
    return _told(path, text) if root is None else _mapping(path, root)


def _without_faults(text: str, path: str) -> Node | None:
    """The tree where libyaml can make one; None leaves it to PyYAML, whose words and rules on tabs hold."""
    if not yaml.__with_libyaml__ or "\t" in text or "\ufeff" in text:
        return None
    try:
        return _single_document(_FastLoader(text, path))
    except (_RefusedError, *_FAULTS):
        return None


def _told(path: str, text: str) -> MappingNode | Issue:
    try:
        loader = _Loader(text, path)
    except ReaderError as error:
        return Issue.error(
            _offset(path, text, error.position), Code.YAML_SYNTAX, "holds a character that YAML does not allow"
        )
    try:
        root = _single_document(loader)
    except _RefusedError as refused:
        return Issue.error(refused.position, refused.code, str(refused))
    except MarkedYAMLError as error:
        return _syntax(path, error)
    except _FAULTS:
        return Issue.error(_at(loader.get_mark()), Code.YAML_SYNTAX, "holds an escape or directive that YAML forbids")
    return _mapping(path, root)


def _single_document(loader: _FastLoader | _Loader) -> Node | None:
    if not loader.check_node():
        return None
    root = loader.get_node()
    if not loader.check_event(StreamEndEvent):
        event: Event = loader.peek_event()
        raise _RefusedError(Code.SECOND_DOCUMENT, event, "a second document begins; write it to another file")
    return root


def _mapping(path: str, root: Node | None) -> MappingNode | Issue:
    if root is None or is_null(root):
        return Issue.error(Position(path), Code.EMPTY_FILE, "the file has no content")
    if not isinstance(root, MappingNode):
        return Issue.error(position(root), Code.WRONG_TYPE, "a policy is a mapping that begins with `version: 1`")
    return root


def is_null(node: Node) -> bool:
    """Whether nothing stands there: an empty plain scalar, `~` or `null`."""
    return isinstance(node, ScalarNode) and not node.style and node.value in ("", "~", "null", "Null", "NULL")


def decode(path: str, data: bytes) -> str | Issue:
    """The file's text without a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        return Issue.error(
            _offset(path, before, len(before)), Code.NOT_UTF8, f"byte 0x{data[error.start]:02x} is not UTF-8"
        )


def _offset(path: str, text: str, offset: int) -> Position:
    line_start = text.rfind("\n", 0, offset) + 1
    return Position(path, text.count("\n", 0, offset) + 1, offset - line_start + 1)


def _syntax(path: str, error: MarkedYAMLError) -> Issue:
    mark = error.problem_mark or error.context_mark
    at = _at(mark) if mark else Position(path)
    problem = error.problem or "cannot be read"
    if r"'\t'" in problem:
        return Issue.error(at, Code.YAML_TAB, "a tab cannot stand here; YAML indents with spaces")
    return Issue.error(at, Code.YAML_SYNTAX, ", ".join(filter(None, (error.context, problem))))

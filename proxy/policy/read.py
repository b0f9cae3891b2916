"""Owns the way from a tree of nodes to the spec, driven by the declarations in spec.py.

Finds every fault that one value shows by itself; what needs the whole is lint's. A value that cannot be read is told of
and left at its default, so that the rest is read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver

from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.nodes import is_null, position
from proxy.policy.scalars import BadValueError, did_you_mean
from proxy.policy.shapes import Listing, Mapped, OneOrMore, Place, Record, Scalar, Shape, Spec, WordOr, keys_of
from proxy.policy.spec import PolicySpec

S = TypeVar("S", bound=Spec)
Places = dict[Place, Position]

_UNREADABLE: Final = object()
_PLAIN_TAGS = (BaseResolver.DEFAULT_SCALAR_TAG, BaseResolver.DEFAULT_SEQUENCE_TAG, BaseResolver.DEFAULT_MAPPING_TAG)


def read_policy(root: MappingNode, *, is_whole: bool = True) -> tuple[PolicySpec, list[Issue]]:
    """The policy as it is written, and everything that is wrong with single values.

    Not `is_whole`: some of its files could not be read, so that no key of the top level counts as missing.
    """
    reader = _Reader(is_whole)
    return reader.record(PolicySpec, root), reader.issues


class _Reader:
    def __init__(self, is_whole: bool) -> None:
        self._is_whole = is_whole
        self.issues: list[Issue] = []

    def _error(self, node: Node, code: Code, message: str) -> object:
        self.issues.append(Issue.error(position(node), code, message))
        return _UNREADABLE

    def record(self, spec: type[S], node: MappingNode) -> S:
        keys = keys_of(spec)
        where: Places = {(): position(node)}
        values: dict[str, Any] = {}
        for name, key_node, value_node in self._pairs(node):
            if name not in keys:
                self._error(key_node, Code.UNKNOWN_KEY, f"{quoted(name)} is not known{did_you_mean(name, list(keys))}")
                continue
            where[(name,)] = position(key_node)
            value = self._value(keys[name].shape, value_node, where, (name,))
            if value is not _UNREADABLE:
                values[name] = value
        for key in keys.values() if self._is_whole or spec is not PolicySpec else ():
            if key.required and (key.name,) not in where:
                self._error(node, Code.MISSING_KEY, f"`{key.name}` is missing: {key.doc}")
        return spec(where=where, **values)

    def _pairs(self, node: MappingNode) -> Iterator[tuple[str, Node, Node]]:
        """The mapping's entries under their keys' texts; faulty and repeated ones are told of and left out."""
        seen: dict[str, Position] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or is_null(key):
                self._error(key, Code.BAD_KEY, "a key is a single word")
            elif key.value == "<<" and not key.style:
                self._error(key, Code.MERGE_KEY, Code.MERGE_KEY.explanation)
            elif key.value in seen:
                first = seen[key.value]
                here = position(key).path
                place = f"line {first.line}" if first.path == here else f"{first.path}:{first.line}"
                self._error(key, Code.DUPLICATE_KEY, f"{quoted(key.value)} is given already at {place}")
            elif self._is_untagged(key):
                seen[key.value] = position(key)
                yield key.value, key, value

    def _is_untagged(self, node: Node) -> bool:
        if node.tag in _PLAIN_TAGS:
            return True
        self._error(node, Code.YAML_TAG, f"the tag {quoted(node.tag)} is not part of the language")
        return False

    def _value(self, shape: Shape, node: Node, where: Places, place: Place) -> object:
        if is_null(node):
            return self._error(node, Code.WRONG_TYPE, f"nothing stands here; expected {_expected(shape)}")
        return self._shaped(shape, node, where, place) if self._is_untagged(node) else _UNREADABLE

    def _shaped(self, shape: Shape, node: Node, where: Places, place: Place) -> object:
        match shape, node:
            case Scalar(), ScalarNode():
                return self._scalar(shape, node)
            case OneOrMore(), ScalarNode():
                value = self._scalar(shape.item, node)
                return value if value is _UNREADABLE else (value,)
            case OneOrMore(), SequenceNode():
                return self._scalars(shape, node, where, place)
            case Listing(), SequenceNode():
                items = [self._value(shape.item, item, where, place) for item in node.value]
                return tuple(item for item in items if item is not _UNREADABLE)
            case Mapped(), MappingNode():
                return self._entries(shape, node, where, place)
            case Record(), MappingNode():
                return self.record(shape.of, node)
            case WordOr(), ScalarNode() if node.value == shape.word:
                return shape.word
            case WordOr(), MappingNode():
                return self.record(shape.other.of, node)
            case _:
                return self._error(node, Code.WRONG_TYPE, f"expected {_expected(shape)}, found {_found(node)}")

    def _scalar(self, shape: Scalar, node: ScalarNode) -> object:
        try:
            return shape.parse(node.value)
        except BadValueError as error:
            return self._error(node, error.code, error.message)

    def _scalars(self, shape: OneOrMore, node: SequenceNode, where: Places, place: Place) -> object:
        if not node.value and not shape.may_be_empty:
            return self._error(node, Code.EMPTY_LIST, "an empty list matches nothing; leave the key out to match all")
        values: list[object] = []
        for item in node.value:
            value = self._value(shape.item, item, where, place)
            if value is not _UNREADABLE:
                where[(*place, len(values))] = position(item)
                values.append(value)
        return tuple(values)

    def _entries(self, shape: Mapped, node: MappingNode, where: Places, place: Place) -> object:
        entries = {}
        for name, key_node, value_node in self._pairs(node):
            where[(*place, name)] = position(key_node)
            key = self._scalar(shape.name, key_node) if isinstance(key_node, ScalarNode) else _UNREADABLE
            value = self._value(shape.value, value_node, where, (*place, name))
            if key is not _UNREADABLE and value is not _UNREADABLE:
                entries[key] = value
        return entries


def _expected(shape: Shape) -> str:
    match shape:
        case Scalar():
            return shape.name
        case OneOrMore():
            return f"{shape.item.name} or a list of such"
        case Listing():
            return "a list"
        case Mapped() | Record():
            return "a mapping"
        case WordOr():
            return f"`{shape.word}` or a mapping"


def _found(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return quoted(node.value)
    return "a list" if isinstance(node, SequenceNode) else "a mapping"

"""Owns how the files of a folder become one policy: lists are concatenated, mappings united.

What cannot be united is left standing twice, so that the reader tells of it as a key given twice, with both places.
"""

from __future__ import annotations

from collections.abc import Sequence

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Pair = tuple[Node, Node]


def unite(roots: Sequence[MappingNode]) -> MappingNode:
    """One tree of all the files' top-level keys; each node keeps the position in its own file."""
    pairs: list[Pair] = list(roots[0].value)
    for root in roots[1:]:
        earlier = {key.value: index for index, (key, _) in reversed(list(enumerate(pairs))) if _is_word(key)}
        for key, value in root.value:
            index = earlier.get(key.value) if _is_word(key) else None
            united = None if index is None else _united(pairs[index], value)
            if index is None or united is None:
                pairs.append((key, value))
            else:
                pairs[index] = united
    return MappingNode(roots[0].tag, pairs, roots[0].start_mark, roots[0].end_mark)


def _is_word(key: Node) -> bool:
    return isinstance(key, ScalarNode)


def _united(earlier: Pair, value: Node) -> Pair | None:
    key, first = earlier
    if isinstance(first, SequenceNode) and isinstance(value, SequenceNode):
        return key, SequenceNode(first.tag, [*first.value, *value.value], first.start_mark, first.end_mark)
    if isinstance(first, MappingNode) and isinstance(value, MappingNode):
        return key, MappingNode(first.tag, [*first.value, *value.value], first.start_mark, first.end_mark)
    same_version = key.value == "version" and isinstance(first, ScalarNode) and first.value == value.value
    return earlier if same_version else None

"""What libyaml reads is what PyYAML would read, place by place; and faults are told in PyYAML's words alone."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.scanner import Scanner

from proxy.policy.issues import Code, Issue
from proxy.policy.nodes import compose, is_null, position
from tests.property.test_policy_mutation import EDITS, GOOD, edited


def flat(node: Node) -> list[Any]:
    """The tree in order: what stands where. Of an empty value the two tell places one character apart."""
    if is_null(node):
        return [node.tag, node.value]
    here: list[Any] = [node.tag, position(node)]
    if isinstance(node, ScalarNode):
        return [*here, node.value, node.style or ""]
    assert isinstance(node, MappingNode | SequenceNode)
    pieces = [piece for pair in node.value for piece in (pair if isinstance(node, MappingNode) else (pair,))]
    return [*here, *map(flat, pieces)]


def by_pyyaml(data: bytes) -> MappingNode | Issue:
    with patch.object(yaml, "__with_libyaml__", False):
        return compose("p.yaml", data)


@given(st.sampled_from(GOOD), EDITS)
@settings(max_examples=300)
def test_both_read_the_same_or_the_same_fault_is_told(data: bytes, edits: list[tuple[str, float, int]]) -> None:
    for edit in edits:
        data = edited(data, edit)
    ours, pyyamls = compose("p.yaml", data), by_pyyaml(data)
    if isinstance(ours, Issue):
        assert ours == pyyamls
    elif isinstance(pyyamls, MappingNode):
        assert flat(ours) == flat(pyyamls)
    else:
        # libyaml takes some of YAML 1.2 that PyYAML does not, such as {model: gpt-?}.
        assert pyyamls.code is Code.YAML_SYNTAX


@pytest.mark.parametrize("data", GOOD)
def test_a_file_without_faults_is_read_by_libyaml_alone(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = by_pyyaml(data)
    monkeypatch.delattr(Scanner, "fetch_more_tokens")
    ours = compose("p.yaml", data)
    assert isinstance(ours, MappingNode)
    assert isinstance(theirs, MappingNode)
    assert flat(ours) == flat(theirs)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 100_000, Code.TOO_DEEP),
        ("a: &a [*a]", Code.RECURSIVE_ALIAS),
        ("a: 1\n---\nb: 2", Code.SECOND_DOCUMENT),
        ("quotas:\t[]", Code.YAML_TAB),
        ('a: "\\U00110000"', Code.YAML_SYNTAX),
        ("# nothing", Code.EMPTY_FILE),
    ],
)
def test_a_fault_is_told_as_if_there_were_no_libyaml(text: str, code: Code) -> None:
    ours = compose("p.yaml", text.encode())
    assert isinstance(ours, Issue)
    assert ours.code is code
    assert ours == by_pyyaml(text.encode())

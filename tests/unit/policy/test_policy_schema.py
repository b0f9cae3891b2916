"""The schema for editors: made from the declarations, shipped with the policies, never stricter than the reader."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from proxy.policy.files import policy_files
from proxy.policy.issues import Code
from proxy.policy.load import attempt
from proxy.policy.schema import policy_schema
from tests.property.test_policy_mutation import change_node

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "policy"
SHIPPED = [Path(path) for path in policy_files(str(ROOT / "policies"))]
GOOD = sorted(GOLDEN.glob("*.good.yaml")) + SHIPPED
# What a single value, or the keys beside it, show without the rest of the policy.
SEEN = {
    Code.UNKNOWN_KEY,
    Code.MISSING_KEY,
    Code.WRONG_TYPE,
    Code.UNKNOWN_VALUE,
    Code.UNKNOWN_VERSION,
    Code.BAD_ID,
    Code.BAD_NUMBER,
    Code.BAD_RATE,
    Code.BAD_BUDGET,
    Code.BAD_GLOB,
    Code.BAD_PREFIX,
    Code.BAD_PRINCIPAL,
    Code.BAD_COUNTRY,
    Code.BAD_ASN,
    Code.BAD_ADDRESS,
    Code.EMPTY_LIST,
    Code.NOT_EXACTLY_ONE,
    Code.EMPTY_FILE,
}
BAD = [
    path
    for path in sorted(GOLDEN.glob("*.bad.yaml"))
    if path.read_text("utf-8", "replace").split("\n")[0].split()[-1] in SEEN
    # A list file is no policy; and 010 is eight, ten or a fault, depending on who reads it.
    and path.name not in ("list-that-is-empty.bad.yaml", "burst-octal.bad.yaml")
]
VALIDATOR = Draft202012Validator(policy_schema())


def as_an_editor_reads(path: Path) -> Any:
    """The file's values as YAML 1.2 has them: of plain scalars, numbers, true, false and null are no text."""
    root = yaml.compose(path.read_text("utf-8"), Loader=yaml.BaseLoader)
    return None if root is None else value_of(root)


def value_of(node: Node) -> Any:
    match node:
        case MappingNode():
            return {str(value_of(key)): value_of(value) for key, value in node.value}
        case SequenceNode():
            return [value_of(item) for item in node.value]
        case ScalarNode() if node.style is None:
            return plain(node.value)
        case _:
            return node.value


def plain(text: str) -> Any:
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"0x[0-9a-fA-F]+", text):
        return int(text, 16)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return text


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(policy_schema())


def test_the_shipped_schema_is_what_the_declarations_say() -> None:
    shipped = (ROOT / "policies" / "policy.schema.json").read_text("utf-8")

    assert json.loads(shipped) == policy_schema(), "run: stillgate schema > policies/policy.schema.json"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_policy_names_the_schema_in_its_first_line(path: Path) -> None:
    first, _, _ = path.read_text("utf-8").partition("\n")

    assert first == "# yaml-language-server: $schema=policy.schema.json"
    assert (path.parent / "policy.schema.json").exists()


def test_a_schema_in_a_folder_is_no_policy(tmp_path: Path) -> None:
    for name in ("policy.schema.json", "p.yaml"):
        (tmp_path / name).write_text("version: 1\n")

    assert policy_files(str(tmp_path)) == [str(tmp_path / "p.yaml")]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_what_loads_is_valid(path: Path) -> None:
    assert list(VALIDATOR.iter_errors(as_an_editor_reads(path))) == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".bad.yaml"))
def test_a_fault_that_a_value_shows_by_itself_is_seen_while_it_is_written(path: Path) -> None:
    assert not VALIDATOR.is_valid(as_an_editor_reads(path))


@given(st.sampled_from(GOOD), st.lists(st.sampled_from(["delete", "swap keys", "graft"]), min_size=1), st.data())
@settings(max_examples=200)
def test_whatever_still_loads_is_still_valid(path: Path, kinds: list[str], draw: st.DataObject) -> None:
    root = yaml.compose(path.read_text("utf-8"), Loader=yaml.BaseLoader)
    assert root is not None
    for kind in kinds:
        if root.value:
            change_node(root, kind, draw)
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / "policy.yaml"
        changed.write_text(yaml.serialize(root, allow_unicode=True))
        if attempt(str(changed)).policy is not None:
            assert list(VALIDATOR.iter_errors(as_an_editor_reads(changed))) == []


@pytest.mark.parametrize("text", ["50/min", "0.5/s", "1.5k/h", "1000M/min", "5M/day"])
def test_rates_have_a_pattern(text: str) -> None:
    rate = policy_schema()["$defs"]["Numbers"]["properties"]["rate"]

    assert re.search(rate["pattern"], text)
    assert not re.search(rate["pattern"], text + "s")


def test_keys_have_their_sentences_and_words_their_lists() -> None:
    quota = policy_schema()["$defs"]["Quota"]

    assert quota["required"] == ["id", "key", "unit"]
    assert quota["properties"]["unit"] == {
        "description": "What it counts. Cache reads are not input tokens.",
        "enum": ["requests", "input_tokens", "output_tokens", "total_tokens", "concurrent"],
    }

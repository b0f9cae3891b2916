"""Law 8: any mutation of a good policy file loads, or yields issues with positions, never a traceback."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.issues import has_errors
from proxy.policy.load import attempt

GOOD = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "golden" / "policy").glob("*.good.yaml"))]
# Bytes that mean something to YAML, to the language, or to neither.
SNIPPETS = [
    b"&a ", b"*a", b"<<: ", b"!!int ", b"!x ", b"---\n", b"...\n", b"%YAML 1.1\n", b"\t", b"\r", b"\n", b"[", b"]",
    b"{", b"}", b": ", b"? ", b"- ", b"#", b"|\n", b">\n", b'"', b"'", b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf",
    b"null", b"~", b"0", b"-1", b"1e9", b"9999999999M/s", b"0/day", b"NO", b"\xc2\x85", b"\xe2\x80\xa8",
    b'"\\U00110000"', b"0x1F", b"*", b"..", b"/", b"lists/blocked.txt", b"unlimited", b"concurrent",
    b"budget: 5/day", b"rate: 1/s",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "double", "random"]), st.floats(0, 1), st.integers(0, 2**31)),
    min_size=1,
    max_size=6,
)


def edited(data: bytes, edit: tuple[str, float, int]) -> bytes:
    kind, place, number = edit
    at = int(place * len(data))
    length = number % 40
    match kind:
        case "flip":
            return data[:at] + bytes([byte ^ (1 << number % 8) for byte in data[at : at + 1]]) + data[at + 1 :]
        case "cut":
            return data[:at] + data[at + length :]
        case "insert":
            return data[:at] + SNIPPETS[number % len(SNIPPETS)] + data[at:]
        case "double":
            return data[: at + length] + data[at:]
        case _:
            return data[:at] + number.to_bytes(4, "little") + data[at:]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "lists").mkdir()
        (Path(name) / "lists" / "blocked.txt").write_text("198.51.100.0/24\n")
        yield Path(name)


def assert_loads_or_tells(folder: Path, data: bytes) -> None:
    path = folder / "policy.yaml"
    path.write_bytes(data)

    tried = attempt(str(path))

    assert (tried.policy is None) == has_errors(tried.issues)
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b"\xc2\x85") + data.count(b"\xe2\x80") + 1
    for issue in tried.issues:
        assert Path(issue.path).is_relative_to(folder)
        assert 1 <= issue.line <= lines
        assert issue.col >= 1
        assert str(issue).isprintable()


@given(st.sampled_from(GOOD), EDITS)
@settings(max_examples=300)
def test_any_change_of_bytes_loads_or_tells(folder: Path, data: bytes, edits: list[tuple[str, float, int]]) -> None:
    for edit in edits:
        data = edited(data, edit)

    assert_loads_or_tells(folder, data)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_at_all_load_or_tell(folder: Path, data: bytes) -> None:
    assert_loads_or_tells(folder, data)


def collections(node: yaml.Node) -> Iterator[yaml.CollectionNode]:
    if isinstance(node, yaml.CollectionNode):
        yield node
        for item in node.value:
            for child in item if isinstance(item, tuple) else (item,):
                yield from collections(child)


def values(root: yaml.Node) -> Iterator[yaml.Node]:
    for collection in collections(root):
        for item in collection.value:
            yield item[1] if isinstance(item, tuple) else item


def change_node(root: yaml.Node, kind: str, draw: st.DataObject) -> None:
    collection = draw.draw(st.sampled_from([node for node in collections(root) if node.value]))
    index = draw.draw(st.integers(0, len(collection.value) - 1))
    other = draw.draw(st.integers(0, len(collection.value) - 1))
    match kind:
        case "delete":
            del collection.value[index]
        case "duplicate":
            collection.value.insert(other, collection.value[index])
        case "swap keys":
            one, two = collection.value[index], collection.value[other]
            if isinstance(one, tuple):
                collection.value[index], collection.value[other] = (two[0], one[1]), (one[0], two[1])
        case _:
            # A copy, lest a collection come to stand within itself.
            graft = deepcopy(draw.draw(st.sampled_from(list(values(root)))))
            item = collection.value[index]
            collection.value[index] = (item[0], graft) if isinstance(item, tuple) else graft


@given(
    st.sampled_from(GOOD),
    st.lists(st.sampled_from(["delete", "duplicate", "swap keys", "graft"]), min_size=1, max_size=4),
    st.data(),
)
@settings(max_examples=200)
def test_any_change_of_nodes_loads_or_tells(folder: Path, data: bytes, kinds: list[str], draw: st.DataObject) -> None:
    root = yaml.compose(data, Loader=yaml.SafeLoader)
    assert root is not None
    for kind in kinds:
        if root.value:
            change_node(root, kind, draw)

    assert_loads_or_tells(folder, yaml.serialize(root, allow_unicode=True, encoding="utf-8"))

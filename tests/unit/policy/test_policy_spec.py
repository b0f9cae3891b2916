"""The declarations of the language are complete enough to generate its documentation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proxy.policy.issues import Code
from proxy.policy.shapes import Key, Listing, Mapped, OneOrMore, Record, Scalar, Shape, Spec, WordOr, keys_of
from proxy.policy.spec import Dimension, PolicySpec


def every_key(spec: type[Spec], path: str = "") -> Iterator[tuple[str, Key]]:
    for name, key in keys_of(spec).items():
        yield f"{path}{name}", key
        for record in records_in(key.shape):
            yield from every_key(record, f"{path}{name}.")


def records_in(shape: Shape) -> list[type[Spec]]:
    match shape:
        case Record():
            return [shape.of]
        case Listing():
            return [shape.item.of]
        case Mapped():
            return records_in(shape.value)
        case WordOr():
            return [shape.other.of]
        case Scalar() | OneOrMore():
            return []


KEYS = dict(every_key(PolicySpec))


@pytest.mark.parametrize("path", KEYS)
def test_every_key_has_a_sentence(path: str) -> None:
    doc = KEYS[path].doc

    assert doc.endswith(".")
    assert doc[0].isupper() or doc.startswith(("`", "shadow:"))


def test_the_keys_of_the_language() -> None:
    assert [name for name in KEYS if "." not in name] == [
        "version", "name", "mode", "trusted_proxies", "network_prefix", "tiers", "models", "default_tier", "access",
        "quotas", "overrides", "campaigns", "on_store_failure",
    ]  # fmt: skip
    assert [name for name, key in KEYS.items() if key.required] == [
        "version", "access.id", "quotas.id", "quotas.key", "quotas.unit",
    ]  # fmt: skip


def test_whatever_a_quota_can_be_kept_for_can_be_matched_too() -> None:
    assert {f"quotas.match.{dimension}" for dimension in Dimension} <= set(KEYS)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_kebab_case_and_explained_in_a_line(code: Code) -> None:
    assert code.value == code.name.lower().replace("_", "-")
    assert code.explanation.endswith(".")
    assert "\n" not in code.explanation

"""Owns the JSON Schema of the policy language, generated from the declarations in spec.py. For editors.

It is never stricter than the reader: whatever loads is valid. What needs the whole of a policy it cannot see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from proxy.policy.shapes import Key, Listing, Mapped, OneOrMore, Record, Scalar, Shape, Spec, WordOr, keys_of
from proxy.policy.spec import PolicySpec

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema() -> Schema:
    """The schema of a policy file, as a JSON object."""
    records = dict.fromkeys(_records(PolicySpec))
    return {
        "$schema": DIALECT,
        "title": "stillgate policy",
        **_record(PolicySpec),
        "$defs": {_name(record): _record(record) for record in records if record is not PolicySpec},
    }


def _records(spec: type[Spec]) -> Iterator[type[Spec]]:
    yield spec
    for key in keys_of(spec).values():
        for record in _within(key.shape):
            yield from _records(record)


def _within(shape: Shape) -> list[type[Spec]]:
    match shape:
        case Record():
            return [shape.of]
        case Listing():
            return [shape.item.of]
        case Mapped():
            return _within(shape.value)
        case WordOr():
            return [shape.other.of]
        case Scalar() | OneOrMore():
            return []
    assert_never(shape)


def _name(spec: type[Spec]) -> str:
    return spec.__name__.removesuffix("Spec")


def _record(spec: type[Spec]) -> Schema:
    keys = keys_of(spec)
    schema: Schema = {
        "description": " ".join((spec.__doc__ or "").split()),
        "type": "object",
        "properties": {name: _key(key) for name, key in keys.items()},
        "additionalProperties": False,
    }
    required = [key.name for key in keys.values() if key.required]
    if required:
        schema["required"] = required
    if spec.exactly_one_of:
        schema["oneOf"] = [{"required": [name]} for name in spec.exactly_one_of]
    return schema


def _key(key: Key) -> Schema:
    return {"description": key.doc, **_shape(key.shape)}


def _shape(shape: Shape) -> Schema:
    match shape:
        case Scalar():
            return _scalar(shape)
        case OneOrMore():
            item = _scalar(shape.item)
            many = {"type": "array", "items": item, **({} if shape.may_be_empty else {"minItems": 1})}
            return {"anyOf": [item, many]}
        case Listing():
            return {"type": "array", "items": _shape(shape.item)}
        case Mapped():
            names = {"pattern": _whole(shape.name.pattern)}
            return {"type": "object", "propertyNames": names, "additionalProperties": _shape(shape.value)}
        case Record():
            return {"$ref": f"#/$defs/{_name(shape.of)}"}
        case WordOr():
            return {"anyOf": [{"const": shape.word}, _shape(shape.other)]}
    assert_never(shape)


def _scalar(shape: Scalar) -> Schema:
    if shape.choices:
        return {"enum": _choices(shape)}
    schema: Schema = {"type": shape.types[0] if len(shape.types) == 1 else list(shape.types)}
    if shape.pattern:
        schema["pattern"] = _whole(shape.pattern)
    if shape.range is not None:
        least, most = shape.range
        schema |= {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return schema


def _choices(shape: Scalar) -> list[object]:
    """The words, and what YAML takes them for where they stand without quotes."""
    choices: dict[str, object] = {}
    for word in shape.choices:
        if "integer" in shape.types:
            choices[f"{word} as a number"] = int(word)
        if "boolean" in shape.types:
            choices[f"{word.lower()} as a boolean"] = word.lower() == "true"
        choices[word] = word
    return list(choices.values())


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"

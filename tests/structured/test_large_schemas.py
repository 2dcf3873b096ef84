"""A schema of any size is translated or refused within a second of processor time, with the limit in the message."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mull.structured.compiling import accepts
from mull.structured.reading import from_schema
from mull.structured.unsupported import UnsupportedSchema

SLOWEST = 10.0  # seconds; ten times what is promised, for a slow machine; without the limits: minutes

WORDS = [f"value {number}" for number in range(30_000)]
DOUBLING = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}

REFUSED: dict[str, tuple[Any, str]] = {
    "constants": ({"anyOf": [{"const": word} for word in WORDS]}, "3,000 objects"),
    "choices of objects": ({"oneOf": [{"properties": {word: {}}} for word in WORDS[:5000]]}, "3,000 objects"),
    "properties": ({"properties": {word: {"type": "integer"} for word in WORDS[:5000]}}, "3,000 objects"),
    "first items": ({"prefixItems": [{"minimum": n} for n in range(5000)]}, "3,000 objects"),
    "definitions": ({"$defs": {word: {"type": "string"} for word in WORDS}}, "3,000 objects"),
    "references in a row": (
        {"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"items": {"$ref": f"#/$defs/d{n + 1}"}} for n in range(300)}},
        "100 levels",
    ),
    "enums that are intersected": (
        {"enum": WORDS[:9000], "anyOf": [{"enum": WORDS[n:9000]} for n in range(100)]},
        "200,000 values",
    ),
    "properties in each of many choices": (
        {"properties": {word: {} for word in WORDS[:1400]}, "anyOf": [{"required": [w]} for w in WORDS[:1400]]},
        "too large",
    ),
    "multiples of many numbers": (
        {"allOf": [{"type": "integer", "multipleOf": prime} for prime in (7919, 7907, 7901)]},
        "fuel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_schema_beyond_the_limits_is_refused_at_once(kind: str) -> None:
    schema, limit = REFUSED[kind]
    begun = time.process_time()
    with pytest.raises(UnsupportedSchema, match=limit):
        from_schema(schema)
    assert time.process_time() - begun < SLOWEST


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": WORDS},
        {"type": "string", "minLength": 1, "enum": WORDS[:9900]},
        {"anyOf": [{"const": word} for word in WORDS[:2900]]},
        {"properties": {word: {"type": "string"} for word in WORDS[:900]}},
        {"$defs": {**DOUBLING, "d30": {"type": "null"}}, "allOf": [{"$ref": "#/$defs/d0"}]},
        {"type": "string", "maxLength": 10_000_000},
        {"type": "array", "items": {"type": "integer"}, "minItems": 5, "maxItems": 10**6},
        {"type": "string", "pattern": "^(([a-z]{1,100}x){1,100}y){1,100}$"},
    ],
    ids=[
        "enum",
        "enum of a type",
        "constants",
        "properties",
        "doubled",
        "long text",
        "long list",
        "nested pattern",
    ],
)
def test_a_large_schema_within_the_limits_is_compiled_at_once(schema: Any) -> None:
    begun = time.process_time()
    assert from_schema(schema).grammar
    assert time.process_time() - begun < SLOWEST


def test_an_intersection_of_enums_compares_as_json_schema_does() -> None:
    """1 and 1.0 are one value, 1 and true are two; lists and objects are compared by what they contain."""
    mine = [1, True, [1, {"a": None}], "x", None]
    found = from_schema(
        {"enum": mine, "allOf": [{"enum": [1.0, [1.0, {"a": None}], [True], "y", False]}]}
    ).grammar
    assert [accepts(found, text) for text in ("1", '[1,{"a":null}]')] == [True, True]
    assert not any(accepts(found, text) for text in ("true", '"x"', "null", '"y"', "false", "[true]"))

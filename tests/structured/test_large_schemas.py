"""A schema of any size is translated or refused within a second of processor time, with the limit in the message."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mull.structured.keywords import UnsupportedSchema
from mull.structured.reading import from_schema

SLOWEST = 2.0  # seconds; twice what is promised, for a machine that is busy

WORDS = [f"value {number}" for number in range(30_000)]
DOUBLING = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}

REFUSED: dict[str, tuple[Any, str]] = {
    "a long enum": ({"enum": WORDS}, "10,000 values"),
    "a long enum of a type": ({"type": "string", "maxLength": 20, "enum": WORDS}, "10,000 values"),
    "a long enum of numbers": ({"properties": {"a": {"enum": list(range(200_000))}}}, "10,000 values"),
    "constants": ({"anyOf": [{"const": word} for word in WORDS]}, "3,000 objects"),
    "choices of objects": ({"oneOf": [{"properties": {word: {}}} for word in WORDS[:5000]]}, "3,000 objects"),
    "properties": ({"properties": {word: {"type": "integer"} for word in WORDS[:5000]}}, "3,000 objects"),
    "first items": ({"prefixItems": [{"minimum": n} for n in range(5000)]}, "3,000 objects"),
    "definitions": ({"$defs": {word: {"type": "string"} for word in WORDS}}, "3,000 objects"),
    "references that double": (
        {"$defs": {**DOUBLING, "d30": {"type": "null"}}, "allOf": [{"$ref": "#/$defs/d0"}]},
        "20,000 parts",
    ),
    "an enum in each of many references": (
        {
            "$defs": {"e": {"enum": WORDS[:9000]}},
            "anyOf": [{"$ref": "#/$defs/e", "maxLength": n + 50} for n in range(1000)],
        },
        "20,000 parts",
    ),
    "enums that are intersected": (
        {"enum": WORDS[:9000], "anyOf": [{"enum": WORDS[n:9000]} for n in range(100)]},
        "20,000 parts",
    ),
    "properties in each of many choices": (
        {"properties": {word: {} for word in WORDS[:1400]}, "anyOf": [{"required": [w]} for w in WORDS[:1400]]},
        "20,000 parts",
    ),
    "a long constant in each of many references": (
        {
            "$defs": {"c": {"const": "x" * 1_000_000}},
            "anyOf": [{"$ref": "#/$defs/c", "minLength": n} for n in range(1000)],
        },
        "20,000 parts",
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
        {"enum": WORDS[:9900]},
        {"type": "string", "minLength": 1, "enum": WORDS[:9900]},
        {"anyOf": [{"const": word} for word in WORDS[:2900]]},
        {"properties": {word: {"type": "string"} for word in WORDS[:900]}},
    ],
    ids=["enum", "enum of a type", "constants", "properties"],
)
def test_a_large_schema_within_the_limits_is_translated_at_once(schema: Any) -> None:
    begun = time.process_time()
    assert '99\\""' in from_schema(schema).grammar  # of WORDS[899]; an enum shares beginnings
    assert time.process_time() - begun < SLOWEST


def test_an_intersection_of_enums_compares_as_json_schema_does() -> None:
    """1 and 1.0 are one value, 1 and true are two; lists and objects are compared by what they contain."""
    mine = [1, True, [1, {"a": None}], "x", None]
    found = from_schema({"enum": mine, "allOf": [{"enum": [1.0, [1.0, {"a": None}], [True], "y", False]}]})
    root = found.grammar.splitlines()[0] + found.grammar.splitlines()[1]
    assert '"1"' in root
    assert '[1, {\\"a\\": null}]' in root
    assert all(text not in root for text in ("true", "x", '"null"', "false", "y"))

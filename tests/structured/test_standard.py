"""Keyword by keyword what the standard says (JSON Schema 2020-12, validation and core): which values a schema allows.

Every keyword is either enforced, so that exactly the valid values match, or refused by name. Values are spelled as
json.dumps does it; what mull narrows on purpose (order of properties, types that are meant) is in test_schema.py.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from mull.structured.compiling import accepts
from mull.structured.reading import from_schema
from mull.structured.unsupported import UnsupportedSchema

LETTERS = {"$defs": {"short": {"type": "string", "maxLength": 2}}}
ENFORCED: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "type null": ({"type": "null"}, [None], [0, "", False, [], {}]),
    "type boolean": ({"type": "boolean"}, [True, False], [0, "true", None]),
    "type integer": ({"type": "integer"}, [0, -7, 123], [1.5, "1", None, True]),
    "type number": ({"type": "number"}, [0, -7, 1.5, 1e20, -2.5e-7], ["1", None, True]),
    "type string": ({"type": "string"}, ["", "é\n\"\\", "😀"], [0, None, ["a"]]),
    "type array": ({"type": "array"}, [[], [1, "a", [None]]], [{}, "[]", 0]),
    "type object": ({"type": "object"}, [{}, {"a": {"b": 1}}], [[], "{}", None]),
    "several types": ({"type": ["integer", "string"]}, [1, "1"], [None, 1.5, []]),
    "enum": ({"enum": [1, "a", None, [2], {"b": 3}]}, [1, "a", None, [2], {"b": 3}], [2, "b", [3], {"b": 4}, True]),
    "const": ({"const": {"a": [1, False]}}, [{"a": [1, False]}], [{"a": [1, 0]}, {"a": [1]}, {}]),
    "const null": ({"const": None}, [None], [0, ""]),
    "multipleOf": ({"multipleOf": 3}, [0, 3, -9, 300], [1, 4, 3.5]),
    "multipleOf a fraction": ({"multipleOf": 0.25}, [0, 0.25, 1.75, -2.75], [0.3, 1.1]),
    "maximum": ({"maximum": 3}, [3, 2.5, -100], [3.01, 4]),
    "exclusiveMaximum": ({"exclusiveMaximum": 3}, [2.99, -4], [3, 3.5]),
    "minimum": ({"minimum": -1.5}, [-1.5, 0, 7], [-1.51, -2]),
    "exclusiveMinimum": ({"exclusiveMinimum": 0}, [0.1, 12], [0, -1]),
    "narrow bounds": ({"exclusiveMinimum": 7, "maximum": 7.5}, [7.1, 7.5], [7, 7.0, 7.6]),
    "narrow bounds below zero": ({"minimum": -7.5, "exclusiveMaximum": -7}, [-7.1, -7.5], [-7, -7.0, -6.9]),
    "bounds of integers": ({"type": "integer", "minimum": 9, "maximum": 101}, [9, 10, 99, 100, 101], [8, 102, 9.5]),
    "exclusive bounds of integers": (
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}, [1, 2], [0, 3, 1.5],
    ),
    "maxLength": ({"maxLength": 2}, ["", "ab", "😀é"], ["abc", "😀😀😀"]),
    "minLength": ({"minLength": 2}, ["ab", "😀😀"], ["", "a", "😀"]),
    "pattern": ({"pattern": "a+"}, ["a", "xay", "caab"], ["", "b"]),
    "pattern with anchors": ({"pattern": "^a.c$"}, ["abc", "a-c"], ["xabc", "abcx", "a\nc"]),
    "pattern of classes": ({"pattern": r"^\d\w\s$"}, ["1a ", "0_\t"], ["٣a ", "1- "]),
    "items": ({"items": {"type": "integer"}}, [[], [1, 2]], [["a"], [1, None]]),
    "items false": ({"type": "array", "items": False}, [[]], [[1]]),
    "prefixItems": (
        {"prefixItems": [{"type": "integer"}, {"type": "string"}]},
        [[], [1], [1, "a"], [1, "a", None]], [["a"], [1, 2]],
    ),
    "prefixItems and items": ({"prefixItems": [{"const": 1}], "items": {"const": 2}}, [[1], [1, 2, 2]], [[2], [1, 1]]),
    "minItems": ({"minItems": 2}, [[1, 2], [1, 2, 3]], [[], [1]]),
    "maxItems": ({"maxItems": 2}, [[], [1, 2]], [[1, 2, 3]]),
    "properties": (
        {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "additionalProperties": True},
        [{}, {"a": 1}, {"b": "x"}, {"a": 1, "b": "x", "c": None}], [{"a": "x"}, {"b": 1}],
    ),
    "required": ({"required": ["a"]}, [{"a": None}, {"a": 1, "b": 2}], [{}, {"b": 1}]),
    "additionalProperties": (
        {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
        [{"a": "x", "b": 1}], [{"b": "x"}],
    ),
    "no others": ({"properties": {"a": {}}, "additionalProperties": False}, [{}, {"a": 1}], [{"b": 1}]),
    "patternProperties": (
        {"patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": {"type": "null"}},
        [{"n": 1, "x": None}, {}], [{"n": None}, {"x": 1}],
    ),
    "minProperties": ({"type": "object", "minProperties": 2}, [{"a": 1, "b": 2}], [{}, {"a": 1}]),
    "maxProperties": ({"type": "object", "maxProperties": 1}, [{}, {"a": 1}], [{"a": 1, "b": 2}]),
    "allOf": ({"allOf": [{"minimum": 3}, {"maximum": 5}]}, [3, 5], [2, 6]),
    "anyOf": ({"anyOf": [{"type": "integer"}, {"maxLength": 1}]}, [7, "a"], [1.5, "ab", None]),
    "oneOf": ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, [7, None], ["a", 1.5]),
    "anyOf beside others": (
        {"minimum": 2, "anyOf": [{"type": "integer"}, {"maximum": 3}]}, [2, 7, 2.5], [1, 3.5],
    ),
    "$ref": ({"properties": {"a": {"$ref": "#/$defs/short"}}, **LETTERS}, [{"a": "ab"}], [{"a": "abc"}]),
    "$ref to itself": ({"items": {"$ref": "#"}}, [[], [[], [[]]]], [[1], "a"]),
    "$ref beside others": ({"$ref": "#/$defs/short", "minLength": 2, **LETTERS}, ["ab"], ["a", "abc"]),
    "$ref with escapes": (
        {"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"const": 1}}}, [1], [2],
    ),
    "format date": ({"format": "date"}, ["2024-02-29", "1999-12-31"], ["2024-13-01", "24-1-1", "2024-01-01T"]),
    "format time": ({"format": "time"}, ["10:00:00Z", "23:59:59.5+01:00"], ["24:00:00Z", "10:00"]),
    "format date-time": ({"format": "date-time"}, ["2024-02-29T10:00:00Z"], ["2024-02-29", "2024-02-29 10:00"]),
    "format uuid": ({"format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567", "g23e4567-e89b-12d3"]),
    "format ipv4": ({"format": "ipv4"}, ["1.2.3.4", "255.0.0.1"], ["1.2.3", "256.1.1.1"]),
    "format email": ({"format": "email"}, ["a@b.de"], ["a.b.de", "@b.de"]),
    "annotations": (
        {"title": "t", "default": 1, "examples": [1], "deprecated": True, "x-own": {"not": {}}, "type": "null"},
        [None], [1],
    ),
}  # fmt: skip

REFUSED: dict[str, dict[str, Any]] = {
    "not": {"not": {"type": "null"}},
    "if": {"if": {"type": "null"}, "then": {}},
    "dependentRequired": {"type": "object", "dependentRequired": {"a": ["b"]}},
    "dependentSchemas": {"type": "object", "dependentSchemas": {"a": {}}},
    "propertyNames": {"type": "object", "propertyNames": {"maxLength": 3}},
    "unevaluatedProperties": {"type": "object", "unevaluatedProperties": False},
    "unevaluatedItems": {"type": "array", "unevaluatedItems": False},
    "uniqueItems": {"type": "array", "uniqueItems": True},
    "contains": {"type": "array", "contains": {"const": 1}},
    "minContains": {"type": "array", "minContains": 2},
    "$dynamicRef": {"$dynamicRef": "#a"},
}


@pytest.mark.parametrize("name", ENFORCED)
def test_an_enforced_keyword_allows_exactly_the_valid_values(name: str) -> None:
    schema, valid, invalid = ENFORCED[name]
    found = from_schema(schema).grammar
    checker = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    for value in valid:
        assert checker.is_valid(value)  # else this table is wrong
        assert accepts(found, json.dumps(value, ensure_ascii=False)), value
    for value in invalid:
        assert not accepts(found, json.dumps(value, ensure_ascii=False)), value


@pytest.mark.parametrize("name", REFUSED)
def test_every_other_keyword_is_refused_by_name(name: str) -> None:
    for schema in (REFUSED[name], {"properties": {"deep": REFUSED[name]}}, {"items": REFUSED[name]}):
        with pytest.raises(UnsupportedSchema) as refused:
            from_schema(schema)
        assert f'"{name}"' in refused.value.message
        assert refused.value.exit_code == 5

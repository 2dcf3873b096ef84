"""Schemas constrain a model with random weights: all its output is valid according to the jsonschema library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.request import GrammarSpec
from mull.errors import MullError, UsageError
from mull.settings import EngineSettings, Sampling
from mull.structured.compiling import accepts
from mull.structured.reading import from_schema, read_answer_format, read_schema
from mull.structured.unsupported import UnsupportedSchema
from mull.structured.validate import mismatch
from tests.model_files.random_model import TINY, write_random

Write = Callable[[Any, int], str]

FIELDS = {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer"}}
SCHEMAS: dict[str, Any] = {
    "required": {"type": "object", "properties": FIELDS, "required": ["name", "age"]},
    "optional": {"type": "object", "properties": FIELDS},
    "mixed": {"type": "object", "properties": {**FIELDS, "ok": {"type": "boolean"}}, "required": ["age"]},
    "required, not described": {"type": "object", "properties": FIELDS, "required": ["other"]},
    "nested": {"properties": {"a": {"properties": {"b": {"type": "null"}}, "required": ["b"]}}, "required": ["a"]},
    "others": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "enum": {"enum": ["a\"b\\c", "é\n", 3, None, {"k": [1]}]},
    "enum of a type": {"type": ["string", "null"], "enum": ["a", None, 3]},
    "const": {"const": {"deep": ["日", 1.5, True]}},
    "any of": {"anyOf": [{"type": "integer", "minimum": 3, "maximum": 5}, {"enum": ["x"]}]},
    "one of": {"oneOf": [{"type": "null"}, {"type": "boolean"}]},
    "any of beside properties": {
        "properties": {"kind": {"type": "string"}},
        "required": ["kind"],
        "anyOf": [
            {"properties": {"kind": {"const": "a"}}},
            {"properties": {"kind": {"const": "b"}, "n": {"type": "integer"}}, "required": ["n"]},
        ],
    },
    "all of": {
        "allOf": [
            {"$ref": "#/$defs/x"},
            {"properties": {"x": {"maxLength": 3}, "y": {"type": "integer"}}, "required": ["y"]},
        ],
        "$defs": {"x": {"properties": {"x": {"type": "string", "minLength": 2}}, "required": ["x"]}},
    },
    "list": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 4},
    "list of at most one": {"type": "array", "items": {"type": "boolean"}, "maxItems": 1},
    "empty list": {"type": "array", "items": {"type": "boolean"}, "maxItems": 0},
    "tuple": {"prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": False, "minItems": 2},
    "tuple and more": {"prefixItems": [{"type": "null"}], "items": {"const": 1}, "minItems": 3, "maxItems": 4},
    "old tuple": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"type": "null"}, {"type": "boolean"}],
        "additionalItems": False,
    },
    "from": {"type": "integer", "minimum": 18},
    "to": {"type": "integer", "exclusiveMaximum": -7},
    "between": {"type": "integer", "minimum": -12, "maximum": 1130},
    "fractions as bounds": {"type": "integer", "minimum": 1.5, "maximum": 3.5},
    "number": {"type": "number"},
    "number from": {"type": "number", "minimum": 0.5},
    "number between": {"type": "number", "exclusiveMinimum": -1, "maximum": 1.25},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 20, "maximum": 50},
    "cents": {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 9},
    "keys of a pattern": {"patternProperties": {"^[a-c]$": {"type": "null"}}, "additionalProperties": False},
    "one or two": {"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 2},
    "length": {"type": "string", "minLength": 3, "maxLength": 6},
    "long": {"type": "string", "minLength": 1040, "maxLength": 2090},
    "date": {"type": "string", "format": "time"},
    "uuid": {"type": "string", "format": "uuid"},
    "pattern": {"type": "string", "pattern": r"^[A-Z]{2}-\d+(\.[a-f]|\")?$"},
    "pattern anywhere": {"type": "string", "pattern": "b[^a]"},
    "pattern and length": {"type": "string", "pattern": "^[ab]*$", "minLength": 2, "maxLength": 4},
    "address": {"type": "string", "format": "ipv4"},
    "pattern of ends": {"type": "string", "pattern": "^(a$|b+$)|^c$"},
    "tree": {
        "properties": {"v": {"type": "boolean"}, "left": {"$ref": "#"}, "right": {"$ref": "#"}},
        "required": ["v"],
        "additionalProperties": False,
    },
    "list of itself": {"$ref": "#/$defs/l", "$defs": {"l": {"items": {"$ref": "#/$defs/l"}, "type": "array"}}},
    "counts with a point": {"type": "string", "minLength": 2.0, "maxLength": 3.0},
    "never there": {"properties": {"a": False, "b": {"type": "null"}}, "required": ["b"]},
    "enum beside a reference": {
        "properties": {"a": {"type": "boolean"}},
        "required": ["a"],
        "enum": [{"a": True}, {"a": 3}, {"b": 1}],
        "allOf": [{"properties": {"a": {"$ref": "#/properties/a"}}}],
    },
    "types": {"type": ["integer", "null", "array"], "minimum": 5, "maxItems": 1},
    "annotations": {"title": "t", "type": "boolean", "default": 3, "x-own": {"not": {}}, "uniqueItems": False},
}  # fmt: skip


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory, checked_state: Path) -> Iterator[Write]:
    """Generate with random weights under a schema."""
    path = write_random(tmp_path_factory.mktemp("models") / "tiny.gguf", TINY)
    settings = EngineSettings(threads=1)
    with (
        load(path, settings, state_dir=checked_state, trusted=True) as model,
        Engine(model, settings) as engine,
    ):

        def write_(schema: Any, seed: int) -> str:
            sampling = Sampling(temperature=1.2, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
            generation = engine.generate(Request([20, 30, 40], sampling, max_tokens=2000))
            generation.constrain(
                GrammarSpec(from_schema(schema).grammar, forbidden=list(model.special_tokens.values())[:1])
            )
            said = b"".join(event.data for event in generation if isinstance(event, Piece))
            return said.decode("utf-8", "replace") if generation.complete else ""

        yield write_


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_random_weights_generate_matches_the_schema(write: Write, name: str) -> None:
    schema = SCHEMAS[name]
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    written = [text for seed in range(3) if (text := write(schema, seed))]
    assert written  # some random texts do not end in time
    for text in written:
        validator(schema, format_checker=validator.FORMAT_CHECKER).validate(json.loads(text))
        assert mismatch(text, from_schema(schema)) is None


def test_a_schema_leaves_a_choice(write: Write) -> None:
    """Otherwise a grammar for a single text would pass the test above."""
    for name in ("mixed", "between", "any of beside properties", "types", "pattern"):
        assert len({write(SCHEMAS[name], seed) for seed in range(4)}) > 1


def test_five_hundred_fields(write: Write) -> None:
    kinds = ["string", "integer", "boolean", "number"]
    fields = {f"field_{n}": {"type": kinds[n % 4], "maxLength": 3} for n in range(500)}
    optional = {"type": "object", "properties": fields}
    text = write({**optional, "required": list(fields)[:20]}, 1)
    assert set(list(fields)[:20]) <= set(json.loads(text))


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        ({"properties": {"a": {}}}, '{"a":1}', '{"a":1,"b":2}'),  # none is invented
        ({"properties": {"a": {}}, "additionalProperties": True}, '{"a":1,"b":2}', '{"b":2,"a":1}'),
        ({"properties": {"a": {}}, "required": ["b"]}, '{"a":1,"b":2}', '{"a":1}'),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, '{"a":1,"b":2}', "1"),
        ({"$defs": {"x": {"properties": {"a": {}}}}, "$ref": "#/$defs/x"}, '{"a":1}', '{"b":1}'),
        (
            {"$defs": {"x": {"properties": {"a": {}}}}, "$ref": "#/$defs/x", "required": ["b"]},
            '{"a":1,"b":2}',
            '{"a":1}',
        ),
        (
            {"properties": {'q"': {"const": 1}}, "additionalProperties": {"type": "boolean"}},
            '{"q\\"":1,"b":true}',
            '{"q\\"":1,"q\\"":true}',
        ),
        ({"type": "string", "minLength": 2.0, "maxLength": 3.0}, '"ab"', '"a"'),
        ({"minimum": 5}, "7.5", '"text"'),  # what a keyword is about is meant
        ({"type": "integer"}, "123456789012345", "1234567890123456"),
        ({"type": "integer", "minimum": 10**16}, str(10**16 + 2), "10"),
        ({}, '{\n  "a": [1, 2]\n}', '{"a":  1}'),  # white space is short
        ({"type": "string"}, '"\\u0007é\\n"', '"\\ud800"'),
        ({"type": "string", "pattern": "^\\p{Lu}$"}, '"É"', '"é"'),
        ({"x-guidance": {"lenient": True}, "type": "null"}, "null", "1"),
    ],
)
def test_what_a_schema_lets_through(schema: Any, fits: str, does_not: str) -> None:
    found = from_schema(schema).grammar
    assert (accepts(found, fits), accepts(found, does_not)) == (True, False)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"not": {"type": "null"}}, "not"),
        ({"if": {}, "then": {}}, "if"),
        ({"type": "object", "dependentSchemas": {"a": {}}}, "dependentSchemas"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames"),
        ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "contains": {"const": 1}}, "contains"),
        ({"type": "string", "format": "phone"}, "Unknown format: phone"),
        ({"type": "string", "pattern": "^(?!a)b"}, 'look-around, "(?!"'),
        ({"type": "string", "pattern": r"(a)\1"}, "back-reference"),
        ({"type": "string", "pattern": r"\bword"}, "a word boundary"),
        ({"$ref": "https://example.org/schema"}, "not a path inside the schema"),
        ({"$ref": "other.json#/a"}, "not a path inside the schema"),
        ({"$ref": "#/$defs/nothing"}, "does not exist"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"allOf": [{"$ref": "#"}]}, "leads back to itself"),
        ({"anyOf": [{"$ref": "#"}, {"type": "integer"}]}, "leads back to itself"),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "endless reference"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "minimum (5) is greater"),
        ({"type": "array", "minItems": 3, "maxItems": 1}, "minItems (3) is greater"),
        ({"type": "string", "enum": [1, 2]}, "incompatible types"),
        ({"properties": {"a": False}, "required": ["a"]}, "no value satisfies it"),
        ({"type": "string", "pattern": "^a{5}$", "maxLength": 3}, "no text has its pattern"),
        ({"type": "integer", "minimum": 2**64, "maximum": 2**64 + 5}, "a bound beyond"),
        ({"type": "integer", "minimum": -(2**70), "maximum": -(2**64)}, "a bound beyond"),
        ({"const": float("inf")}, "beyond the range of floats"),
        ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, "$schema below the top"),
        ({"type": "integer", "multipleOf": 1000003}, "multipleOf"),
        ({"properties": {"a": {}}, "minProperties": 2}, "min/maxProperties"),
        ({"type": "string", "pattern": "[a"}, 'unclosed character class, "["'),
        ({"type": "object", "patternProperties": {"(": {}}}, 'unclosed group, "("'),
        (
            {
                "$defs": {
                    f"d{n}": {"type": ["integer", "null"], "anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2}
                    for n in range(40)
                }
                | {"d40": {"type": "integer"}},
                "$ref": "#/$defs/d0",
            },
            "too large",
        ),
    ],
)  # fmt: skip
def test_an_unsupported_schema_is_rejected_with_an_error_naming_the_keyword(schema: Any, named: str) -> None:
    with pytest.raises(UnsupportedSchema) as refused:
        from_schema(schema)
    assert named in refused.value.message
    assert refused.value.exit_code == 5


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"type": "text"}', "at #/type"),
        ('{"properties": {"a": {"minLength": -1}}}', "at #/properties/a/minLength"),
        ('{"required": "name"}', "at #/required"),
        ('{"type": ', "line 1, column 9"),
        ("{" * 100_000, "not valid JSON"),
        ('{"items": ' * 100_000, "schema"),
        ("name, age number", '"age number"'),
        ("name, name", "twice"),
        (",,", "no field"),
        ("[]", '"[]"'),
    ],
)
def test_malformed_input_is_an_error_with_its_place(text: str, named: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_answer_format(schema=text)
    assert named in refused.value.message
    assert refused.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_a_failure() -> None:
    with pytest.raises(MullError) as refused:
        read_answer_format(schema="missing.json")
    assert "missing.json cannot be read" in refused.value.message
    assert refused.value.exit_code == 1


def test_the_short_form() -> None:
    found = read_schema("name, age int, tags[], scores float[], ok bool: is it?")
    assert found["required"] == ["name", "age", "tags", "scores", "ok"]
    assert found["additionalProperties"] is False
    assert found["properties"] == {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "scores": {"type": "array", "items": {"type": "number"}},
        "ok": {"type": "boolean", "description": "is it?"},
    }
    assert read_schema("a: one, two\nb int\n")["properties"]["a"] == {
        "type": "string",
        "description": "one, two",
    }


def test_a_schema_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.json").write_text('\ufeff{"type": "null"}', encoding="utf-8")
    (tmp_path / "person").write_text('{"type": "boolean"}')
    assert read_schema(str(tmp_path / "s.json")) == {"type": "null"}
    monkeypatch.chdir(tmp_path)
    assert read_schema("person") == {"type": "boolean"}


def test_only_one_format_at_a_time() -> None:
    with pytest.raises(UsageError):
        read_answer_format(schema="a", json_only=True)
    with pytest.raises(UsageError):
        read_answer_format(schema="a", grammar="g")
    assert read_answer_format() is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"name": "a", "age": 1}', None),
        ('{"name": "a"}', "'age' is a required property"),
        ('{"name": "a", "age": "x"}', "at /age"),
        ('{"name": "a", "age"', "not valid JSON"),
        ("", "it is empty"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_the_finished_answer_is_validated(answer: str, reason: str | None) -> None:
    found = mismatch(answer, from_schema(SCHEMAS["required"]))
    assert found is None if reason is None else found is not None and reason in found


@pytest.mark.parametrize(
    ("schema", "answer", "reason"),
    [
        ({"pattern": "b"}, '"abc"', None),
        ({"pattern": r"^\d+$"}, '"12"', None),
        ({"pattern": r"^\d+$"}, '"12\\n"', "does not match"),
        ({"pattern": r"^[^x]*$"}, json.dumps("\x00\x1f\x7f\"\\/é\u2028🙂"), None),
        ({"pattern": "a", "type": ["string", "integer"]}, "7", None),
        ({"patternProperties": {"^n": {"type": "integer"}}}, '{"n1": 1, "m": "x"}', None),
        ({"patternProperties": {"^n": {"type": "integer"}}}, '{"n1": "x"}', "at /n1"),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, '{"n1": 1, "m": 2}', "'m' was unexpected"),
        ({"patternProperties": {"^n": {}}, "additionalProperties": {"type": "null"}}, '{"n": 1, "m": null}', None),
        ({"patternProperties": {"^n": {}}, "additionalProperties": {"type": "null"}}, '{"m": 2}', "at /m"),
    ],
)  # fmt: skip
def test_expressions_are_checked_in_the_finished_answer(schema: Any, answer: str, reason: str | None) -> None:
    kind = "string" if "pattern" in schema else "object"
    found = mismatch(answer, from_schema({"type": kind, **schema}))
    assert found is None if reason is None else found is not None and reason in found


def test_no_expression_takes_exponential_time() -> None:
    """With Python's `re` each of these would take longer than the universe has."""
    wrong = "a" * 300 + "b"
    expressions = {"anyOf": [{"pattern": "^(a+)+$"}, {"pattern": "^(a|aa)+c$"}], "type": "string"}
    found = mismatch(json.dumps(wrong), from_schema(expressions))
    assert found is not None
    assert "not valid under any of the given schemas" in found
    names = {"type": "object", "patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}
    found = mismatch(json.dumps({wrong[-61:]: 1}), from_schema(names))
    assert found is not None
    assert "unexpected" in found


def test_no_schema_causes_a_traceback() -> None:
    for odd in (
        {"type": []},
        {"enum": []},
        {"anyOf": []},
        {"const": float("inf")},
        {"minimum": 1e400},
        {"": {}},
    ):
        try:
            from_schema(odd)
        except MullError as error:
            assert error.message  # noqa: PT017 - both are right: accepted, or rejected with a message


def test_a_validation_that_would_take_hours_is_given_up() -> None:
    """Each level applies the next one twice to the same value."""
    levels: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    found = mismatch("5", from_schema({"$ref": "#/$defs/d0", "$defs": levels | {"d40": {"type": "integer"}}}))
    assert found is not None
    assert "steps" in found

"""Supported keywords of JSON Schema, and the merging of two schemas that both apply.

In: schemas as dictionaries. Out: merged schemas; or `UnsupportedSchema`, which names a keyword and its place. A keyword
that is not listed here is an annotation, as the standard requires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mull.errors import ExitCode, MullError

Schema = Mapping[str, Any]

REJECTED = {
    *("not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies"),
    *("patternProperties", "propertyNames", "minProperties", "maxProperties"),
    *("uniqueItems", "contains", "minContains", "maxContains", "multipleOf"),
    *("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"),
    *("contentSchema",),
}
NO_EFFECT: Mapping[str, Any] = {"uniqueItems": False, "minProperties": 0, "minContains": 0}
"""Rejected keywords with the value at which they have no effect."""

OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "prefixItems", "additionalItems", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
COMBINING = ("$ref", "allOf", "anyOf", "oneOf")
CONSTRAINTS = frozenset(
    {"type", "enum", "const", *COMBINING, *(name for names in OF_TYPE.values() for name in names)}
)


class UnsupportedSchema(MullError):
    """The schema is valid, but mull cannot constrain an answer to it (exit 5)."""

    def __init__(self, what: str, place: str) -> None:
        super().__init__(
            "schema_unsupported",
            f"This schema is not supported: it uses {what} at {place}.",
            "Remove that, and check the answer for it yourself.",
            exit_code=ExitCode.SCHEMA,
        )


def constraints(schema: Schema, place: str) -> dict[str, Any]:
    """The constraining keywords of a schema. Raises UnsupportedSchema for one that would be ignored otherwise."""
    for name in schema:
        if name in REJECTED and NO_EFFECT.get(name, schema) != schema[name]:
            raise UnsupportedSchema(f'"{name}"', place)
    if isinstance(schema.get("$id"), str) and place != "#":
        raise UnsupportedSchema("$id below the top", place)
    return {name: value for name, value in schema.items() if name in CONSTRAINTS}


def types(schema: Schema) -> list[str]:
    """The types that a schema without enum, const and combinations allows; empty: any."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared]
    if declared is not None:
        return list(declared)
    return [kind for kind, names in OF_TYPE.items() if any(name in schema for name in names)]


def merged(one: Schema, other: Schema, place: str) -> dict[str, Any]:
    """A schema that is satisfied where both are. Raises UnsupportedSchema where none can be expressed."""
    result = dict(one)
    for name, value in other.items():
        if name not in result or result[name] == value:
            result[name] = value
        elif name in _MERGE:
            result[name] = _MERGE[name](result[name], value)
        elif name == "properties":
            result[name] = _properties(result[name], value)
        else:
            raise UnsupportedSchema(f"{name} in two parts of a combination", place)
    if "additionalProperties" in result:
        known = [set(part.get("properties", ())) for part in (one, other)]
        closed = [part.get("additionalProperties", True) is not True for part in (one, other)]
        if (closed[0] and known[1] - known[0]) or (closed[1] and known[0] - known[1]):
            raise UnsupportedSchema("additionalProperties in one part of a combination", place)
    return result


def _properties(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for name, schema in other.items():
        both[name] = schema if name not in both or both[name] == schema else {"allOf": [both[name], schema]}
    return both


def _common(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    theirs = set(map(_hashable, other))
    return [value for value in one if _hashable(value) in theirs]


def _hashable(value: Any) -> Any:
    """Equal where JSON Schema takes two values for equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, Mapping):
        return frozenset((name, _hashable(each)) for name, each in value.items())
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return (type(value), value) if isinstance(value, bool) else value


def _types(one: Any, other: Any) -> list[str]:
    mine, theirs = ([declared] if isinstance(declared, str) else list(declared) for declared in (one, other))
    wide = [*theirs, *(["integer"] if "number" in theirs else [])]
    found = [kind for kind in mine if kind in wide]
    return found + [kind for kind in theirs if kind == "integer" and "number" in mine and kind not in found]


_MERGE: Mapping[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "enum": _common,
    "allOf": lambda one, other: [*one, *other],
    **dict.fromkeys(("minLength", "minItems", "minimum", "exclusiveMinimum"), max),
    **dict.fromkeys(("maxLength", "maxItems", "maximum", "exclusiveMaximum"), min),
}

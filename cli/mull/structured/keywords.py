"""Check that every keyword of a JSON Schema can be enforced, and that a value can end.

In: a valid schema. Out: nothing, or `UnsupportedSchema`, which names a keyword and its place. Only what applies to the
answer is checked: definitions count when they are referred to. A keyword that is not listed here is an annotation, as
the standard requires.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeGuard
from urllib.parse import unquote

from mull.structured.unsupported import UnsupportedSchema, unsatisfiable

Schema = Mapping[str, Any]

_REJECTED = {
    *("not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies"),
    *("propertyNames", "uniqueItems", "contains", "minContains", "maxContains"),
    *("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"),
    "contentSchema",
}
NO_EFFECT: Mapping[str, Any] = {"uniqueItems": False, "minContains": 0}
"""Rejected keywords with the value at which they have no effect."""

_IN_LISTS = ("prefixItems", "allOf", "anyOf", "oneOf")
_IN_MAPS = ("properties", "patternProperties")
_IN_PLACE = ("items", "additionalItems", "additionalProperties")
_DEFINITIONS = ("$defs", "definitions")

_DEEPEST = 100  # nested schemas
_UNTANGLE = 'Let it end, as in {"anyOf": [{"type": "null"}, …]}, below a property or in a list.'
_MOST_PARTS = 20_000  # schemas that apply, references followed
_FARTHEST = 2**63 - 1  # of a bound that keeps numbers away from 0: llguidance's integers have 64 bits
_LARGEST_FACTOR = 20_000  # of `multipleOf`, without its point: compiling takes 6 µs for each (1 M: 6 s)


def check(schema: Schema) -> None:
    """Raises UnsupportedSchema."""
    found = _Applying(schema)
    found.visit(schema, "#", 0)
    if found.has_loop():
        raise UnsupportedSchema("it has a reference that leads back to itself", hint=_UNTANGLE)
    if not found.can_end(schema):
        if found.refers_nowhere:
            raise unsatisfiable()
        raise UnsupportedSchema("it has an endless reference to itself", hint=_UNTANGLE)


def parts(schema: Schema, *, definitions: bool = False) -> Iterator[tuple[str, str | int | None, Any]]:
    """The schemas inside: the keyword, the name or number there (None: the keyword's value itself), and the schema."""
    for name in _IN_LISTS:
        yield from ((name, number, part) for number, part in enumerate(schema.get(name, ())))
    for name in (*_IN_MAPS, *(_DEFINITIONS if definitions else ())):
        yield from ((name, key, part) for key, part in schema.get(name, {}).items())
    for name in _IN_PLACE:
        value = schema.get(name)
        if isinstance(value, list):  # of older drafts
            yield from ((name, number, part) for number, part in enumerate(value))
        elif value is not None:
            yield name, None, value


def steps(reference: str) -> tuple[str, ...]:
    """The names on the path of a reference such as #/$defs/age."""
    return tuple(unquote(step).replace("~1", "/").replace("~0", "~") for step in reference.split("/")[1:])


class _Applying:
    """The schemas that apply to the answer. `_targets`: those that a reference leads to."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._targets: dict[str, Any] = {}
        self._parts = 0

    def visit(self, schema: Any, place: str, depth: int) -> None:
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            limit = f"{_DEEPEST} levels" if depth > _DEEPEST else f"{_MOST_PARTS:,} parts"
            raise UnsupportedSchema(f"it has more than {limit}")
        if not isinstance(schema, Mapping):
            return
        _check_keywords(schema, place)
        if "$ref" in schema and schema["$ref"] not in self._targets:
            reference = schema["$ref"]
            self._targets[reference] = target = self._resolved(reference, place)
            self.visit(target, reference, depth + 1)
        for name, key, part in parts(schema):
            below = f"{place}/{name}" if key is None else f"{place}/{name}/{key}"
            self.visit(part, below, depth + 1)

    def _resolved(self, reference: str, place: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise UnsupportedSchema(
                f"it uses $ref to {reference}, which is not a path inside the schema,", place
            )
        found: Any = self._root
        for step in steps(reference):
            try:
                found = found[int(step)] if isinstance(found, list) else found[step]
            except (KeyError, ValueError, IndexError, TypeError):
                raise UnsupportedSchema(
                    f"it uses $ref to {reference}, which does not exist,", place
                ) from None
        return found

    @property
    def refers_nowhere(self) -> bool:
        return not self._targets

    def has_loop(self) -> bool:
        """Whether a reference leads to itself without a property or an item between, so that checking never ends."""
        rest = {name: set(_at_once(target)) for name, target in self._targets.items()}
        while ready := [name for name, needs in rest.items() if not needs & rest.keys()]:
            for name in ready:
                del rest[name]
        return bool(rest)

    def can_end(self, schema: Schema) -> bool:
        """Whether some value of finite length satisfies it, as far as references decide that."""
        ending: set[str] = set()
        while True:
            more = {name for name, target in self._targets.items() if _ends(target, ending)} - ending
            if not more:
                return _ends(schema, ending)
            ending |= more


def _at_once(schema: Any) -> Iterator[str]:
    """The references that apply to the same value as the schema."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"]
        for name in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(name, ()):
                yield from _at_once(part)


def _ends(schema: Any, ending: set[str]) -> bool:
    """Whether a value can end if the references in `ending` can."""
    if not isinstance(schema, Mapping):
        return schema is not False
    if "const" in schema or "enum" in schema:
        return True
    if "$ref" in schema and schema["$ref"] not in ending:
        return False
    if not all(_ends(part, ending) for part in schema.get("allOf", ())):
        return False
    for name in ("anyOf", "oneOf"):
        if schema.get(name) and not any(_ends(part, ending) for part in schema[name]):
            return False
    kinds = types(schema)
    if not kinds or set(kinds) - {"object", "array"}:
        return True
    return ("object" in kinds and _object_ends(schema, ending)) or (
        "array" in kinds and _array_ends(schema, ending)
    )


def _object_ends(schema: Schema, ending: set[str]) -> bool:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    return all(_ends(properties.get(name, others), ending) for name in schema.get("required", ()))


def _array_ends(schema: Schema, ending: set[str]) -> bool:
    least = int(schema.get("minItems", 0))
    first, rest = schema.get("prefixItems", []), schema.get("items", True)
    if isinstance(rest, list):
        first, rest = rest, schema.get("additionalItems", True)
    needed = [*first[:least], *([rest] if least > len(first) else [])]
    return all(_ends(part, ending) for part in needed)


def types(schema: Schema) -> list[str]:
    """The types that a schema is meant for: those that it declares, else those that its keywords are about."""
    declared = schema.get("type")
    if declared is not None:
        return [declared] if isinstance(declared, str) else list(declared)
    return [kind for kind, names in _OF_TYPE.items() if any(name in schema for name in names)]


_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "object": (
        *("properties", "required", "additionalProperties"),
        *("patternProperties", "minProperties", "maxProperties"),
    ),
    "array": ("items", "prefixItems", "additionalItems", "minItems", "maxItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def _check_keywords(schema: Schema, place: str) -> None:
    for name in schema:
        if name in _REJECTED and NO_EFFECT.get(name, schema) != schema[name]:
            raise UnsupportedSchema(f'it uses "{name}"', place)
    for name in ("$id", "$schema"):
        if isinstance(schema.get(name), str) and place != "#":
            raise UnsupportedSchema(f"it uses {name} below the top", place)
    factor = schema.get("multipleOf")
    if factor is not None and _digits(factor) > _LARGEST_FACTOR:
        raise UnsupportedSchema(f"it uses a multipleOf with more digits than {_LARGEST_FACTOR:,} has", place)
    low = [schema.get(name) for name in ("minimum", "exclusiveMinimum")]
    high = [schema.get(name) for name in ("maximum", "exclusiveMaximum")]
    if any(
        is_number(bound) and bound > _FARTHEST for bound in (*low, *(-one for one in high if is_number(one)))
    ):
        raise UnsupportedSchema(f"it uses a bound beyond {_FARTHEST:,}", place)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a number; True and False, as in draft 4's `exclusiveMinimum`, are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _digits(factor: float) -> int:
    """The digits of a number without its point: 25 for 0.25."""
    _, digits, exponent = Decimal(str(factor)).as_tuple()
    whole = int("".join(map(str, digits)))
    return whole * 10 ** min(int(exponent), 20) if isinstance(exponent, int) and exponent > 0 else whole

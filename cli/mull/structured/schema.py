"""A JSON Schema as a grammar for llguidance.

In: a valid schema. Out: the grammar, which matches only JSON that satisfies the schema, though not all of it:
properties come in the schema's order, none are invented, white space is short, integers without bounds have at most 15
digits. A keyword that cannot be enforced raises `UnsupportedSchema`. `oneOf` is treated as `anyOf`, so the finished
answer has to be validated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mull.structured.compiling import GrammarFault, checked, from_schema
from mull.structured.keywords import NO_EFFECT, Schema, check, is_number, parts, steps, types
from mull.structured.unsupported import UnsupportedSchema, unsatisfiable

_OPTIONS = {"whitespace_pattern": r" |\n[ \t]{0,20}", "coerce_one_of": True}
_LARGEST = 10**15 - 1  # of integers without a bound: exact as a float; longer ones are runaway output
_LEAST = 1e-9
_MOST_COUNTED = 2**32 - 1  # of a length or a number of items: llguidance takes no more
_UNSATISFIABLE = "Unsatisfiable schema: "
_EMPTY = f"{_UNSATISFIABLE}Regex is empty"
_COUNTS = {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}

_Place = tuple[str, ...]


def grammar(schema: Schema) -> str:
    """Raises UnsupportedSchema."""
    check(schema)
    made = _Meant(schema).schema()
    try:
        return checked(from_schema({**made, "x-guidance": _OPTIONS}))
    except GrammarFault as fault:
        raise _refusal(str(fault)) from fault


def _refusal(fault: str) -> UnsupportedSchema:
    """llguidance's message as an error."""
    if fault.startswith("expected value"):  # JSON cannot hold it, so llguidance cannot read it
        return UnsupportedSchema("it has a number beyond the range of floats")
    if fault.startswith(_EMPTY):
        return unsatisfiable("no text has its pattern, format and length")
    if fault.startswith(_UNSATISFIABLE):
        return unsatisfiable(fault.removeprefix(_UNSATISFIABLE))
    return UnsupportedSchema(fault)


def any_json() -> str:
    """Any JSON value."""
    return grammar({})


class _Meant:
    """A schema as its author means it for an answer: the types of its keywords, no properties but those it lists.

    An object is left open where another schema applies to it as well, since each would forbid the other's properties.
    """

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._combined: set[_Place] = set()  # targets of references that such a schema applies to
        before = -1
        while len(self._combined) > before:
            before = len(self._combined)
            self._made(root, (), combined=False)

    def schema(self) -> dict[str, Any]:
        made: dict[str, Any] = self._made(self._root, (), combined=False)
        return made

    def _made(self, schema: Any, place: _Place, *, combined: bool) -> Any:
        if not isinstance(schema, Mapping):
            return schema
        combined = combined or place in self._combined
        beside = (
            combined or bool(types(schema)) or len({"$ref", "allOf", "anyOf", "oneOf"} & schema.keys()) > 1
        )
        if beside and "$ref" in schema:
            self._combined.add(steps(schema["$ref"]))
        made = {name: value for name, value in schema.items() if NO_EFFECT.get(name, schema) != value}
        for name in _COUNTS & made.keys():
            made[name] = min(int(made[name]), _MOST_COUNTED)  # the standard allows 3.0
        for name, key, part in parts(schema, definitions=True):
            inside = (*place, name) if key is None else (*place, name, str(key))
            also = name == "allOf" or (name in ("anyOf", "oneOf") and beside)
            new = self._made(part, inside, combined=also)
            if key is None:
                made[name] = new
            else:
                if made[name] is schema[name]:
                    made[name] = schema[name].copy()
                made[name][key] = new
        if "enum" not in made and "const" not in made:
            _narrow(made, alone=not combined and not {"$ref", "allOf", "anyOf", "oneOf"} & made.keys())
        return made


def _narrow(made: dict[str, Any], *, alone: bool) -> None:
    kinds = types(made)
    if kinds:
        made["type"] = kinds
    if "object" in kinds and alone and "properties" in made and not _open(made):
        others = [name for name in made.get("required", ()) if name not in made["properties"]]
        made["properties"] = {**made["properties"], **dict.fromkeys(others, True)}
        made["additionalProperties"] = False
    if "integer" in kinds and "number" not in kinds:
        _bound(made)
    elif "number" in kinds:
        _exclude(made)


def _open(made: Schema) -> bool:
    """Whether properties that are not listed belong to it."""
    return any(name in made for name in ("additionalProperties", "patternProperties", "minProperties"))


def _bound(made: dict[str, Any]) -> None:
    """Bounds on the sides where there are none, if they leave room."""
    lows = [made[name] for name in ("minimum", "exclusiveMinimum") if is_number(made.get(name))]
    highs = [made[name] for name in ("maximum", "exclusiveMaximum") if is_number(made.get(name))]
    if not highs and all(low < _LARGEST for low in lows):
        made["maximum"] = _LARGEST
    if not lows and all(high > -_LARGEST for high in highs):
        made["minimum"] = -_LARGEST


def _exclude(made: dict[str, Any]) -> None:
    """Move a whole exclusive bound by a billionth where the other bound is less than one away.

    llguidance 1.9 lets 7 through where 7 < x < 7.5 is wanted, and -7 where -7.5 < x < -7 is.
    """
    low: Any = made.get("exclusiveMinimum")
    high: Any = made.get("exclusiveMaximum")
    above = [made[name] for name in ("maximum", "exclusiveMaximum") if is_number(made.get(name))]
    below = [made[name] for name in ("minimum", "exclusiveMinimum") if is_number(made.get(name))]
    if is_number(low) and low >= 0 and any(bound < low + 1 for bound in above):
        made["exclusiveMinimum"] = low + _LEAST
    if is_number(high) and high <= 0 and any(bound > high - 1 for bound in below):
        made["exclusiveMaximum"] = high - _LEAST

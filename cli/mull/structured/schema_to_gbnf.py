"""Translate a JSON Schema to a grammar for llama.cpp.

In: a valid schema. Out: GBNF that matches only JSON that satisfies the schema, though not all of it: properties come in
the schema's order, none are invented, white space is short. A keyword that a grammar cannot express raises
`UnsupportedSchema`; none is ignored. `oneOf` is treated as `anyOf`, so the finished answer has to be validated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from mull.structured import text
from mull.structured.gbnf import MOST_ALTERNATIVES, GrammarError
from mull.structured.gbnf_check import check
from mull.structured.keywords import OF_TYPE, Schema, UnsupportedSchema, constraints, merged, types
from mull.structured.pattern import UnsupportedPattern, pattern, whole_numbers

_DEEPEST = 100  # nested schemas
_BLOCK = 1000  # llama.cpp allows 2000 repetitions; more are made of blocks
_DIGITS = 64  # of a bound
_MOST_PARTS = (
    20_000  # schemas, values and properties that are translated: combinations and references multiply them
)
_MOST_CHARACTERS = 4_000_000  # of the rules

_BUILT_IN = {
    "ws": r'| " " | "\n" [ \t]{0,20}',
    "char": text.CHAR,
    "string": r'"\"" char* "\""',
    "int": '"0" | [1-9] [0-9]{0,15}',
    "integer": '"0" | "-"? [1-9] [0-9]{0,15}',
    "number": '"-"? int ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "array": '"[" ws (value ("," ws value)*)? ws "]"',
    "object": r'"{" ws (member ("," ws member)*)? ws "}"',
    "member": r'string ":" ws value',
    "value": "object | array | string | number | boolean | null",
    "date": r'[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])',
    "time": r'([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? zone',
    "zone": r'"Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]',
    "date-time": 'date "T" time',
    "uuid": '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
}
_LISTS = ("enum", "properties", "required")  # keywords whose values are merged one by one
_FORMATS = ("date", "time", "date-time", "uuid")


def grammar(schema: Schema) -> str:
    """GBNF with a rule `root`. Raises UnsupportedSchema."""
    writer = _Writer(schema)
    try:
        rules = {"root": writer.visit(schema, "#"), **writer.rules, **_BUILT_IN}
        found = "".join(f"{name} ::= {body}\n" for name, body in rules.items())
        check(found)
    except GrammarError as wrong:
        what = "an endless reference to itself" if wrong.endless else f"too many parts ({wrong.message})"
        raise UnsupportedSchema(what, "#") from wrong
    return found


def any_json() -> str:
    """GBNF for any JSON value."""
    return "".join(f"{name} ::= {body}\n" for name, body in {"root": "value", **_BUILT_IN}.items())


class _Writer:
    """Collects rules. `visit` returns an expression that needs no brackets, mostly a rule's name."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._targets: dict[str, str] = {}
        self._names = 0
        self._parts = 0
        self._characters = 0
        self.rules: dict[str, str] = {}

    def visit(self, schema: Schema | bool, place: str, depth: int = 0) -> str:
        self._count(1, place)
        if depth > _DEEPEST:
            raise UnsupportedSchema(f"more than {_DEEPEST} levels", place)
        if isinstance(schema, Mapping) and set(constraints(schema, place)) == {"$ref"}:
            return self._target(schema["$ref"], place, depth)
        declared = self._flat(schema, place, depth)
        for name in ("anyOf", "oneOf"):
            if name in declared:
                rest = {key: value for key, value in declared.items() if key != name}
                parts = [{**rest, "allOf": [part]} if rest else part for part in declared[name]]
                return self._choices(parts, f"{place}/{name}", depth)
        if "enum" in declared or "const" in declared:
            return self._values(declared, place)
        kinds = types(declared)
        if len(kinds) > 1:
            return self._choices([{**declared, "type": kind} for kind in kinds], place, depth)
        return self._typed(kinds[0], declared, place, depth) if kinds else "value"

    def _flat(self, schema: Schema | bool, place: str, depth: int) -> dict[str, Any]:
        """A schema's keywords, with $ref and allOf merged in."""
        if depth > _DEEPEST:
            raise UnsupportedSchema("an endless reference to itself", place)
        if isinstance(schema, bool):
            if not schema:
                raise UnsupportedSchema("false, which nothing satisfies,", place)
            return {}
        declared = constraints(schema, place)
        parts = [self._resolved(declared.pop("$ref"), place)] if "$ref" in declared else []
        for part in [*parts, *declared.pop("allOf", [])]:
            other = self._flat(part, place, depth + 1)
            self._count(
                1 + sum(len(side.get(name, ())) for side in (declared, other) for name in _LISTS), place
            )
            declared = merged(declared, other, place)
        return declared

    def _choices(self, schemas: Sequence[Schema | bool], place: str, depth: int) -> str:
        found = [self.visit(schema, f"{place}/{number}", depth + 1) for number, schema in enumerate(schemas)]
        return self._rule(" | ".join(dict.fromkeys(found)))

    def _typed(self, kind: str, declared: Schema, place: str, depth: int) -> str:
        if kind == "object":
            return self._object(declared, place, depth)
        if kind == "array":
            return self._array(declared, place, depth)
        if kind == "string":
            return self._string(declared, place)
        if kind == "integer":
            return self._integer(declared, place)
        if kind == "number":
            for name in OF_TYPE["number"]:
                if name in declared:
                    raise UnsupportedSchema(f"{name} for a number that is not an integer", place)
        return kind

    def _target(self, reference: str, place: str, depth: int) -> str:
        name = self._targets.get(reference)
        if name is None:
            name = self._targets[reference] = self._name()
            self.rules[name] = ""  # reserve the name for recursive references
            self.rules[name] = self.visit(self._resolved(reference, place), reference, depth + 1)
        return name

    def _resolved(self, reference: str, place: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise UnsupportedSchema(f"$ref to {reference}, which is not a path inside the schema,", place)
        found: Any = self._root
        for escaped in reference.split("/")[1:]:
            step = unquote(escaped).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(step)] if isinstance(found, list) else found[step]
            except (KeyError, ValueError, IndexError, TypeError):
                raise UnsupportedSchema(f"$ref to {reference}, which does not exist,", place) from None
        return found

    # values

    def _values(self, declared: Schema, place: str) -> str:
        values = [declared["const"]] if "const" in declared else declared["enum"]
        rest = {
            key: value
            for key, value in declared.items()
            if key != ("const" if "const" in declared else "enum")
        }
        if len(values) > MOST_ALTERNATIVES:
            raise UnsupportedSchema(f"an enum with more than {MOST_ALTERNATIVES:,} values", place)
        self._count(len(values), place)
        if rest:
            from mull.structured.validate import fitting

            values = fitting(values, rest, self._root)
        if not values:
            raise UnsupportedSchema("an enum without a valid value", place)
        return self._rule(text.one_value(values))

    def _string(self, declared: Schema, place: str) -> str:
        least, most = _counts(declared, "minLength", "maxLength")
        shapes = [name for name in ("pattern", "format") if name in declared]
        if len(shapes) > 1 or (shapes and (least or most is not None)):
            raise UnsupportedSchema(f"{' and '.join(shapes)} together with other limits of a string", place)
        if "format" in declared:
            if declared["format"] not in _FORMATS:
                raise UnsupportedSchema(f"the format {declared['format']}", place)
            return self._rule(rf'"\"" {declared["format"]} "\""')
        if "pattern" in declared:
            try:
                return self._rule(rf'"\"" {pattern(declared["pattern"], self._repeat)} "\""')
            except UnsupportedPattern as reason:
                raise UnsupportedSchema(f"the pattern {declared['pattern']} with {reason}", place) from reason
        if not least and most is None:
            return "string"
        self._check_bounds(least, most, "characters", place)
        return self._rule(rf'"\"" {self._repeat("char", least, most)} "\""')

    def _integer(self, declared: Schema, place: str) -> str:
        least, greatest = _bounds(declared)
        if least is None and greatest is None:
            return "integer"
        if any(bound is not None and abs(bound) >= 10**_DIGITS for bound in (least, greatest)):
            raise UnsupportedSchema(f"a bound of more than {_DIGITS} digits", place)
        try:
            return self._rule(whole_numbers(least, greatest))
        except ValueError:
            raise UnsupportedSchema("bounds without an integer between them", place) from None

    def _array(self, declared: Schema, place: str, depth: int) -> str:
        first, rest = declared.get("prefixItems", []), declared.get("items", True)
        if isinstance(rest, list):  # older drafts
            first, rest = rest, declared.get("additionalItems", True)
        least, most = _counts(declared, "minItems", "maxItems")
        self._check_bounds(least, most, "items", place)
        first = first if most is None else first[:most]
        if not first and rest is True and not least and most is None:
            return "array"
        items = [self.visit(item, f"{place}/prefixItems/{i}", depth + 1) for i, item in enumerate(first)]
        body = ' "," ws '.join(items)
        more, limit = max(0, least - len(items)), None if most is None else most - len(items)
        if rest is False and more:
            raise UnsupportedSchema("more items than allowed", place)
        if limit != 0 and rest is not False and (more or rest is not True or not items):
            item = self.visit(rest, f"{place}/items", depth + 1)
            following = self._rule(f'"," ws {item}')
            if items:
                body += f" {self._repeat(following, more, limit)}"
            else:
                tail = self._repeat(following, max(0, more - 1), None if limit is None else limit - 1)
                body = f"{item} {tail}" if more else f"({item} {tail})?"
        return self._rule(f'"[" ws {body} ws "]"')

    def _object(self, declared: Schema, place: str, depth: int) -> str:
        """Properties in the schema's order, then others where `additionalProperties` explicitly allows them."""
        properties = dict(declared.get("properties", {}))
        required = set(declared.get("required", ()))
        others = declared.get("additionalProperties")
        for name in declared.get("required", ()):
            if name not in properties:
                properties[name] = True if others is None else others
        if not properties and others in (None, True):
            return "object"
        members = [
            (self._member(name, schema, f"{place}/properties/{name}", depth), name in required)
            for name, schema in properties.items()
            if schema is not False or name in required
        ]
        last = '""'
        if others not in (None, False):
            last = self._others(others, list(properties), f"{place}/additionalProperties", depth)
        return self._rule(f'"{{" ws {self._members(members, last)} ws "}}"')

    def _member(self, name: str, schema: Schema | bool, place: str, depth: int) -> str:
        return self._rule(f'{text.value(name)} ":" ws {self.visit(schema, place, depth + 1)}')

    def _members(self, members: Sequence[tuple[str, bool]], others: str) -> str:
        """Rules for "from this member on", after a comma or as the first member, built from the last member back."""
        after = self._rule(f'("," ws {others})*') if others != '""' else others
        begin = self._rule(f'({others} ("," ws {others})*)?') if others != '""' else others
        for member, needed in reversed(members):
            begin = self._rule(f"{member} {after}" if needed else f"{member} {after} | {begin}")
            after = self._rule(f'"," ws {member} {after}' if needed else f'("," ws {member})? {after}')
        return begin

    def _others(self, schema: Schema | bool, names: list[str], place: str, depth: int) -> str:
        value = self.visit(schema, place, depth + 1)
        if not names:
            return self._rule(f'string ":" ws {value}')
        key = self._name()
        self.rules.update(text.other_keys(names, key))
        return self._rule(rf'"\"" {key} "\"" ":" ws {value}')

    # rules

    def _count(self, parts: int, place: str) -> None:
        self._parts += parts
        if self._parts > _MOST_PARTS or self._characters > _MOST_CHARACTERS:
            raise UnsupportedSchema(
                f"combinations or references with more than {_MOST_PARTS:,} parts in all", place
            )

    def _repeat(self, expression: str, least: int, most: int | None) -> str:
        """Repeat an expression that needs no brackets."""
        if (least, most) in ((0, None), (1, None), (0, 1)):
            return f"({expression}){'?' if most else '+' if least else '*'}"
        if max(least, most or 0) <= _BLOCK:
            return f"({expression}){{{least},{'' if most is None else most}}}"
        block = self._rule(f"({expression}){{{_BLOCK}}}")
        whole_blocks, rest = divmod(least, _BLOCK)
        parts = [f"{block}{{{whole_blocks}}}"] if whole_blocks else []
        parts += [f"({expression}){{{rest}}}"] if rest else []
        if most is None:
            return f"({' '.join(parts)} ({expression})*)"
        whole_blocks, rest = divmod(most - least, _BLOCK)
        last = f"({expression}){{0,{rest}}}"
        if whole_blocks:  # all blocks and the rest, or fewer blocks and part of another one
            fewer = f"{block}{{0,{whole_blocks - 1}}} ({expression}){{0,{_BLOCK - 1}}}"
            last = f"({block}{{{whole_blocks}}} {last} | {fewer})"
        parts.append(last)
        return f"({' '.join(parts)})"

    def _check_bounds(self, least: int, most: int | None, what: str, place: str) -> None:
        if max(least, most or 0) > _BLOCK * _BLOCK:
            raise UnsupportedSchema(f"more than a million {what}", place)
        if most is not None and most < least:
            raise UnsupportedSchema(f"a minimum number of {what} above the maximum", place)

    def _rule(self, body: str) -> str:
        name = self._name()
        self.rules[name] = body
        self._characters += len(body)
        return name

    def _name(self) -> str:
        self._names += 1
        return f"r{self._names}"


def _counts(declared: Schema, least: str, most: str) -> tuple[int, int | None]:
    """Minimum and maximum count; JSON may write them as 3.0."""
    return int(declared.get(least, 0)), None if declared.get(most) is None else int(declared[most])


def _bounds(declared: Schema) -> tuple[int | None, int | None]:
    """The least and the greatest integer, in the notation of any draft of the standard."""
    least, greatest = declared.get("minimum"), declared.get("maximum")
    above, below = declared.get("exclusiveMinimum"), declared.get("exclusiveMaximum")
    if isinstance(above, bool):
        above = least if above else None
    if isinstance(below, bool):
        below = greatest if below else None
    lows = [math.ceil(least)] if least is not None and math.isfinite(least) else []
    lows += [math.floor(above) + 1] if above is not None and math.isfinite(above) else []
    highs = [math.floor(greatest)] if greatest is not None and math.isfinite(greatest) else []
    highs += [math.ceil(below) - 1] if below is not None and math.isfinite(below) else []
    return max(lows, default=None), min(highs, default=None)

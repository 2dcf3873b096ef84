"""Keywords of a schema that have regular expressions, checked in a finished answer by llguidance.

In: the keywords of a `jsonschema` validator. Out: those that replace some. Python's `re` takes exponential time for an
expression such as `^(a+)+$`, and nothing can end it but the end of the process. llguidance takes time linear in the
text, and reads the expression as it did while the model answered: as ECMA 262 does, where `\\d` is 0 to 9 and `$` the
very end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from mull.structured.compiling import from_schema, whole_matcher

Check = Callable[..., Any]


def with_patterns(keywords: Mapping[str, Check]) -> dict[str, Check]:
    """The keywords, for one thread."""
    from jsonschema import ValidationError

    @cache
    def compiled(expression: str) -> Callable[[str], bool]:
        return whole_matcher(from_schema({"type": "string", "pattern": expression}))

    def finds(expression: str, text: str) -> bool:
        return compiled(expression)(_in_json(text))

    def pattern(validator: Any, expression: str, instance: Any, _: Any) -> Iterator[Any]:
        if validator.is_type(instance, "string") and not finds(expression, instance):
            yield ValidationError(f"{instance!r} does not match {expression!r}")

    def pattern_properties(validator: Any, schemas: Any, instance: Any, _: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        for expression, schema in schemas.items():
            for name, value in instance.items():
                if finds(expression, name):
                    yield from validator.descend(value, schema, path=name, schema_path=expression)

    def additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[Any]:
        expressions = schema.get("patternProperties", ())
        if expressions and validator.is_type(instance, "object"):
            instance = {
                name: value
                for name, value in instance.items()
                if not any(finds(expression, name) for expression in expressions)
            }
            schema = {name: value for name, value in schema.items() if name != "patternProperties"}
        yield from keywords["additionalProperties"](validator, allowed, instance, schema) or ()

    return {
        **keywords,
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
    }


def _in_json(text: str) -> str:
    """The text as llguidance lets a model write it: it has U+007F escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

"""The short form of a schema: "name, age int, tags[], bio: a few words".

In: fields between commas, or, where the text has line breaks, one on each line. A field is a name, perhaps `[]` for a
list, perhaps a type (str, int, float, bool; str where none is named), perhaps a colon and what the field is for.
Out: the JSON Schema of an object with exactly these fields, all of them required.
"""

from __future__ import annotations

import re
from typing import Any

from mull.errors import UsageError

TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_FIELD = re.compile(
    r"(?P<name>[^\s\[\]:,]+)(?P<list>\[\])?(?:\s+(?P<type>[a-z]+)(?P<list2>\[\])?)?\s*(?::(?P<about>.*))?"
)


def short_schema(text: str) -> dict[str, Any]:
    """Raises UsageError (schema) with the field that is not understood."""
    properties: dict[str, Any] = {}
    for part in text.split("\n" if "\n" in text.strip() else ","):
        field = part.strip()
        if not field:
            continue
        match = _FIELD.fullmatch(field)
        if match is None or (match["type"] is not None and match["type"] not in TYPES):
            raise UsageError(
                "schema",
                f"“{field}” is no field of a short schema.",
                "Write for example: name, age int, tags[], note: what it is. Types are str, int, float, bool.",
            )
        if match["name"] in properties:
            raise UsageError("schema", f"The schema names “{match['name']}” twice.", "Name each field once.")
        kind: dict[str, Any] = {"type": TYPES[match["type"] or "str"]}
        if match["list"] or match["list2"]:
            kind = {"type": "array", "items": kind}
        if match["about"] and match["about"].strip():
            kind["description"] = match["about"].strip()
        properties[match["name"]] = kind
    if not properties:
        raise UsageError(
            "schema", "The schema names no field.", 'For example: --schema "name, age int, tags[]"'
        )
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }

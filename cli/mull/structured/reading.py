"""Read the requested format of an answer from the command line.

In: a schema (file, JSON, or short form), a grammar file, a regular expression, choices, or `--format json`. Out: an
`AnswerFormat`: what was asked for, and a checked grammar. All errors are found before a model is loaded: UsageError
(exit 2) for malformed input, `UnsupportedSchema` (exit 5) for a valid schema that cannot be enforced.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mull.errors import MullError, UsageError
from mull.fs.json_cache import JsonCache
from mull.fs.json_text import parse_json
from mull.fs.os_failures import not_utf8
from mull.fs.paths import cache_dir
from mull.fs.text import TooLongError, is_unicode, read_utf8, reason
from mull.settings import AnswerFormat
from mull.structured import gbnf_to_lark, text_format
from mull.structured import lark as larks
from mull.structured import schema as schemas
from mull.structured.unsupported import UnsupportedSchema

_LONGEST = 2_000_000  # bytes of a schema or grammar
_MOST_OBJECTS = 3_000  # of a schema; checking that they are valid takes 0.2 ms for each
_MOST_VALUES = 200_000  # of a schema, those of enumerations too; the compiler takes 3 µs for each
_SHORT_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_SHORT_FIELD = re.compile(
    r"(?P<name>(?=\S*\w)[^\s\[\]:,]+)(?P<list>\[\])?(?:\s+(?P<type>[a-z]+)(?P<list2>\[\])?)?\s*(?::(?P<about>.*))?"
)


def read_answer_format(
    *,
    schema: str | None = None,
    grammar: str | None = None,
    lark: str | None = None,
    regex: str | None = None,
    choice: str | None = None,
    json_only: bool = False,
) -> AnswerFormat | None:
    """The format that the flags of these names request; None without any. `grammar` and `lark` are paths."""
    asked = {
        "--schema": schema is not None,
        "--regex": regex is not None,
        "--choice": choice is not None,
        "--grammar": grammar is not None,
        "--lark": lark is not None,
        "--format json": json_only,
    }
    given = [flag for flag, is_given in asked.items() if is_given]
    if len(given) > 1:
        raise UsageError(
            "conflicting_options", f"{' and '.join(given)} contradict each other.", "Give one of them."
        )
    if schema is not None:
        return from_schema(read_schema(schema), valid=_is_short(schema))
    if regex is not None:
        return from_regex(regex)
    if choice is not None:
        return from_choices(text_format.read_choices(choice))
    if grammar is not None:
        return from_gbnf(_file(Path(grammar), "grammar"))
    if lark is not None:
        return from_lark(_file(Path(lark), "grammar"))
    return any_json() if json_only else None


def read_schema(text: str) -> Any:
    """A schema as data: JSON if the text begins with a brace, a file if it exists, else the short form."""
    written = text.strip()
    if written.startswith("{"):
        return read_schema_text(written)
    if not is_unicode(written) and not _is_file(Path(written)):
        raise not_utf8(written)
    if names_a_file(written):
        return _json(_file(Path(written), "schema"), written)
    return short_schema(written)


def read_schema_text(text: str) -> Any:
    """A schema as data, from JSON."""
    return _json(text, "The schema")


def names_a_file(text: str) -> bool:
    """Whether a schema is given as the path of a file: it looks like one, or a file of that name exists."""
    written = text.strip()
    if written.startswith("{"):
        return False
    path = Path(written)
    return (
        path.suffix.lower() == ".json"
        or "/" in written
        or "\\" in written
        or ("\n" not in written and _is_file(path))
    )


def _is_short(text: str) -> bool:
    """Whether `read_schema` takes a text for the short form, which it makes a valid schema of."""
    return not text.strip().startswith("{") and not names_a_file(text)


def short_schema(text: str) -> dict[str, Any]:
    """The short form of a schema: "name, age int, tags[], bio: a few words".

    Fields stand between commas or, where the text has line breaks, one on each line. A field is a name, optionally `[]`
    for a list, optionally a type (str, int, float, bool; default str), optionally a colon and what the field is for.
    Returns the JSON Schema of an object with exactly these fields, all required. Raises UsageError (schema) with the
    field that is not understood.
    """
    properties: dict[str, Any] = {}
    for part in text.split("\n" if "\n" in text.strip() else ","):
        field = part.strip()
        if not field:
            continue
        match = _SHORT_FIELD.fullmatch(field)
        if match is None or (match["type"] is not None and match["type"] not in _SHORT_TYPES):
            raise UsageError(
                "invalid_schema",
                f'"{field}" is not a field of a short schema.',
                "For example: name, age int, tags[], note: what it is. Types are str, int, float, bool.",
            )
        if match["name"] in properties:
            raise UsageError(
                "invalid_schema", f'The schema names "{match["name"]}" twice.', "Name each field once."
            )
        kind: dict[str, Any] = {"type": _SHORT_TYPES[match["type"] or "str"]}
        if match["list"] or match["list2"]:
            kind = {"type": "array", "items": kind}
        if match["about"] and match["about"].strip():
            kind["description"] = match["about"].strip()
        properties[match["name"]] = kind
    if not properties:
        raise UsageError(
            "invalid_schema", "The schema has no fields.", 'For example: --schema "name, age int, tags[]"'
        )
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def from_schema(schema: Any, *, valid: bool = False) -> AnswerFormat:
    """JSON that satisfies a JSON Schema. `valid`: it is one for certain, which takes 0.03 s to find out."""
    if not isinstance(schema, Mapping):
        raise UsageError(
            "invalid_schema", "A schema must be a JSON object.", 'For example: {"type": "object"}'
        )
    _count(schema)
    if not valid:
        _check(schema)
    return AnswerFormat("schema", schema, schemas.grammar(schema))


def any_json() -> AnswerFormat:
    """JSON of any kind."""
    return AnswerFormat("json", "", schemas.any_json())


def from_regex(expression: str) -> AnswerFormat:
    """Text that a regular expression matches as a whole."""
    return AnswerFormat("regex", expression, text_format.regex(_valid(expression)))


def from_choices(choices: Sequence[str]) -> AnswerFormat:
    """Exactly one of these texts."""
    return AnswerFormat("choice", tuple(choices), text_format.choice([_valid(each) for each in choices]))


def from_gbnf(text: str) -> AnswerFormat:
    """A grammar in llama.cpp's notation."""
    return AnswerFormat("gbnf", text, gbnf_to_lark.grammar(_valid(text)))


def from_lark(text: str) -> AnswerFormat:
    """A grammar in Lark's notation."""
    return AnswerFormat("lark", text, larks.grammar(_valid(text)))


def _valid(text: str) -> str:
    if not is_unicode(text):
        raise not_utf8(text)
    return text


def _count(schema: Any) -> None:
    level, objects, values = [schema], 0, 0
    while level:
        objects += sum(isinstance(part, Mapping) for part in level)
        values += sum(map(len, level))
        if objects > _MOST_OBJECTS:
            raise UnsupportedSchema(f"it has more than {_MOST_OBJECTS:,} objects")
        if values > _MOST_VALUES:
            raise UnsupportedSchema(f"it has more than {_MOST_VALUES:,} values")
        wholes = [part.values() if isinstance(part, Mapping) else part for part in level]
        level = [part for whole in wholes for part in whole if isinstance(part, Mapping | list)]


def _check(schema: Mapping[str, Any]) -> None:
    """Raise UsageError for what is no JSON Schema. Those that are valid are remembered in the cache folder: importing
    the validator takes 0.03 s, 0.1 s on a busy machine, and a script asks with the same schema again and again.
    """
    known = JsonCache(cache_dir() / "schemas.json")
    try:
        key = _digest(schema)
        if known.get(key) is not None:
            return
        import jsonschema

        checker = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        error = jsonschema.exceptions.best_match(checker(checker.META_SCHEMA).iter_errors(schema))
    except RecursionError:
        raise UsageError(
            "invalid_schema", "The schema is nested too deeply.", "Move parts of it to $defs."
        ) from None
    if error is not None:
        place = "#" + "".join(f"/{step}" for step in error.absolute_path)
        message = " ".join(error.message.split())[:200]
        raise UsageError(
            "invalid_schema", f"The schema is not valid at {place}: {message}.", "See json-schema.org."
        )
    known.put(key, {"valid": True})


def _digest(schema: Mapping[str, Any]) -> str:
    text = json.dumps(schema, sort_keys=True, default=repr)  # TOML has dates
    return hashlib.sha256(text.encode()).hexdigest()


def _json(text: str, name: str) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as wrong:
        raise UsageError(
            "invalid_schema",
            f"{name} is not valid JSON: {wrong.msg} (line {wrong.lineno}, column {wrong.colno}).",
            "Correct it there.",
        ) from wrong
    except ValueError as wrong:
        raise UsageError("invalid_schema", f"{name} cannot be read: {wrong}.", "Simplify it.") from wrong


def _file(path: Path, what: str) -> str:
    try:
        return read_utf8(path, most=_LONGEST, pipes=True)
    except UnicodeDecodeError as wrong:
        raise UsageError("binary_input", f"{path} is not UTF-8 text.", f"A {what} file is text.") from wrong
    except TooLongError as wrong:
        raise UsageError(
            "file_too_long", f"{path} is longer than {_LONGEST:,} bytes.", "Simplify it."
        ) from wrong
    except OSError as wrong:
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason(wrong)}.", f"Give the path of a {what} file."
        ) from wrong


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False

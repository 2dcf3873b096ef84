"""The format of the answer as fields of a request, and back.

A schema is OpenAI's `response_format`, a grammar llama-server's `grammar`, an expression and choices are vLLM's
`structured_outputs`. The spellings of other servers and of earlier versions are read as well. All of them constrain the
answer alone, never the thinking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mull.api import checks
from mull.api.errors import InvalidRequest
from mull.settings import AnswerFormat, FormatKind

_LARK = "%llguidance {}\n"  # how llama-server tells Lark's notation from its own

_ALIASES: Mapping[str, str] = {
    **{name: name for name in ("regex", "choice", "lark", "grammar", "json_schema")},
    "ebnf": "grammar",
    "guided_json": "json_schema",
    "guided_regex": "regex",
    "guided_choice": "choice",
    "guided_grammar": "grammar",
}
"""Fields of a request, and what they mean."""
_STRUCTURED: Mapping[str, str] = {
    "json": "json_schema",
    "json_object": "json_object",
    **{name: name for name in ("regex", "choice", "grammar", "lark")},
}
"""Keys of `structured_outputs`."""
FIELDS = ("response_format", "structured_outputs", *_ALIASES)
"""Every field that `take_format` reads."""


def format_fields(answer_format: AnswerFormat | None) -> dict[str, Any]:
    """The fields that constrain the answer."""
    if answer_format is None:
        return {}
    source = answer_format.source
    spelled: Mapping[FormatKind, dict[str, Any]] = {
        "json": {"response_format": {"type": "json_object"}},
        "schema": {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": source, "strict": True},
            }
        },
        "gbnf": {"grammar": source},
        "lark": {"grammar": f"{_LARK}{source}"},
        "regex": {"structured_outputs": {"regex": source}},
        "choice": {
            "structured_outputs": {"choice": source if answer_format.kind != "choice" else list(source)}
        },
    }
    return spelled[answer_format.kind]


def take_format(request: dict[str, Any]) -> AnswerFormat | None:
    """The answer's format, checked. Raises InvalidRequest, and what `structured.reading` raises."""
    given = _response_format(request.pop("response_format", None) or {"type": "text"})
    for name, meaning in _ALIASES.items():
        if (value := request.pop(name, None)) not in (None, ""):
            given[name] = (meaning, value)
    structured = dict(checks.mapping("structured_outputs", request.pop("structured_outputs", None) or {}))
    for key, value in structured.items():
        if value is not None and value is not False:
            if key not in _STRUCTURED:
                raise InvalidRequest(
                    f'"structured_outputs" has no key {key!r} here.',
                    f"Known are {', '.join(_STRUCTURED)}.",
                    param="structured_outputs",
                )
            given[f"structured_outputs.{key}"] = (_STRUCTURED[key], value)
    if given.keys() == {"response_format", "json_schema"} and given["response_format"][0] == "json_object":
        del given["response_format"]
    if len(given) > 1:
        first, second = list(given)[:2]
        raise InvalidRequest(f'"{second}" and "{first}" exclude each other.', param=second)
    for name, (meaning, value) in given.items():
        return _READERS[meaning](name, value)
    return None


def _response_format(value: Any) -> dict[str, tuple[str, Any]]:
    form = checks.mapping("response_format", value)
    kind = checks.choice("response_format.type", form.get("type"), ("text", "json_object", "json_schema"))
    if kind == "text":
        return {}
    if kind == "json_object":  # with a schema in llama-server's dialect
        schema = form.get("schema")
        return {"response_format": ("json_object", True) if schema is None else ("json_schema", schema)}
    schema = checks.mapping("response_format.json_schema", form.get("json_schema")).get("schema")
    return {"response_format": ("json_schema", checks.mapping("response_format.json_schema.schema", schema))}


def _schema(_name: str, value: Any) -> AnswerFormat:
    from mull.structured import reading  # only constrained answers need it

    if isinstance(value, str):
        return reading.from_schema(reading.read_schema_text(value))
    return reading.from_schema(value)


def _json(_name: str, _value: Any) -> AnswerFormat:
    from mull.structured import reading

    return reading.any_json()


def _grammar(name: str, value: Any) -> AnswerFormat:
    from mull.structured import reading

    text = checks.text(name, value)
    if text.startswith("%llguidance"):
        return reading.from_lark(text.removeprefix(_LARK))
    return reading.from_gbnf(text)


def _lark(name: str, value: Any) -> AnswerFormat:
    from mull.structured import reading

    return reading.from_lark(checks.text(name, value))


def _regex(name: str, value: Any) -> AnswerFormat:
    from mull.structured import reading

    return reading.from_regex(checks.text(name, value))


def _choice(name: str, value: Any) -> AnswerFormat:
    from mull.structured import reading

    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidRequest(f'"{name}" has to be a list of texts.', param=name)
    return reading.from_choices(value)


_READERS: Mapping[str, Callable[[str, Any], AnswerFormat]] = {
    "json_schema": _schema,
    "json_object": _json,
    "grammar": _grammar,
    "lark": _lark,
    "regex": _regex,
    "choice": _choice,
}

"""The format of the answer, in the dialect of a kind of server.

In: a format that the kind's `Capabilities` declare. Out: the fields of a request. OpenAI's `response_format` is common
to all; the rest each server spells in its own way.
"""

from __future__ import annotations

from typing import Any

from mull.api import formats
from mull.endpoints.kind import ServerKind
from mull.settings import AnswerFormat


def format_fields(kind: ServerKind, wanted: AnswerFormat | None) -> dict[str, Any]:
    """The fields that constrain the answer; none without a format."""
    if wanted is None:
        return {}
    if kind == "llama_cpp.server" and wanted.is_json:  # it knows no schemas in OpenAI's form
        schema = {} if wanted.schema is None else {"schema": wanted.schema}
        return {"response_format": {"type": "json_object", **schema}}
    if kind in ("llama-server", "llama_cpp.server") and wanted.kind == "choice":
        from mull.structured.text_format import choices_as_gbnf

        return {"grammar": choices_as_gbnf(wanted.source)}
    if kind == "vLLM" and wanted.kind in ("gbnf", "lark"):
        return {"structured_outputs": {"grammar": wanted.source}}
    if kind == "SGLang" and wanted.kind == "gbnf":
        return {"ebnf": wanted.source}
    if kind == "SGLang" and wanted.kind == "regex":
        return {"regex": wanted.source}
    if kind == "SGLang" and wanted.kind == "choice":
        from mull.structured.text_format import choices_as_regex

        return {"regex": choices_as_regex(wanted.source)}
    return formats.format_fields(wanted)

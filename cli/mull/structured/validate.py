"""Validate a finished answer against the requested format.

In: an answer's text and its format. Out: None, or the reason for a mismatch in a few words, with the place. Uses the
`jsonschema` library, which also checks what a grammar cannot express (`oneOf`, real dates). Fetches nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Literal

from mull.errors import ExitCode, MullError
from mull.events import Limit
from mull.fs.json_text import parse_json
from mull.settings import AnswerFormat, FormatKind

Cut = Limit | Literal["loop"]
"""What cut an answer: a limit, or the loop guard."""

_MOST_STEPS = 300_000  # of a validation, 2 s; an answer of 20,000 characters needs 4,300
_LONGEST = 160  # characters of a reason
FORMAT_NAMES: Mapping[FormatKind, str] = {
    "json": "format",
    "schema": "schema",
    "regex": "regular expression",
    "choice": "choices",
    "gbnf": "grammar",
    "lark": "grammar",
}


def mismatch(answer: str, answer_format: AnswerFormat) -> str | None:
    """Why the answer does not match; None if it does, or if the format is not JSON."""
    if not answer_format.is_json:
        return None
    try:
        data = parse_json(answer)
    except json.JSONDecodeError as wrong:
        return f"it is not valid JSON ({wrong})" if answer.strip() else "it is empty"
    except ValueError as wrong:
        return str(wrong)
    if answer_format.schema is None:
        return None
    return _first_error(data, answer_format.schema)


def text_mismatch(answer: str, answer_format: AnswerFormat) -> str | None:
    """The same for a server's answer, which nothing else vouches for; a grammar of the server's notation is trusted."""
    if answer_format.kind not in ("regex", "choice"):
        return mismatch(answer, answer_format)
    from mull.structured.compiling import accepts

    fits = any(accepts(answer_format.grammar, text) for text in (answer, answer.strip(), f"{answer}\n"))
    return None if fits else f'it is "{shortened(answer)}"' if answer.strip() else "it is empty"


def mismatch_error(reason: str, answer_format: AnswerFormat, *, cut: Cut | None, more: str = "") -> MullError:
    """The error for a mismatch (exit 5). `cut`: what cut the answer; `more`: what lets it be longer."""
    what = FORMAT_NAMES[answer_format.kind]
    if cut:
        looped = cut == "loop"
        return MullError(
            "schema_cut",
            f"The answer was cut{' as it repeated itself' if looped else ''}, and the part so far does not match the "
            f"{what}: {reason}.",
            "--no-loop-guard lets it go on." if looped else more,
            exit_code=ExitCode.SCHEMA,
        )
    return MullError(
        "schema_misfit",
        f"The answer does not match the {what}: {reason}.",
        "Ask again, or ask for less.",
        exit_code=ExitCode.SCHEMA,
    )


class _TooManySteps(Exception):
    pass


def _first_error(data: Any, schema: Mapping[str, Any]) -> str | None:
    import jsonschema

    try:
        error = jsonschema.exceptions.best_match(_checker(schema).iter_errors(data))
    except RecursionError:
        return "it is nested too deeply to be checked"
    except _TooManySteps:
        return f"checking it takes more than {_MOST_STEPS:,} steps"
    if error is None:
        return None
    place = "".join(f"/{step}" for step in error.absolute_path)
    value = repr(error.instance)
    text = shortened(error.message.replace(value, shortened(value, _LONGEST // 2)))
    return f"{text} (at {place})" if place else text


def shortened(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, cut at its end."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _checker(schema: Mapping[str, Any]) -> Any:
    """A validator that counts its steps: two parts of an `allOf` for each of 30 levels take a thousand million."""
    import jsonschema

    from mull.structured.patterns import with_patterns

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    steps = count(1)

    def counted(check: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            if next(steps) > _MOST_STEPS:
                raise _TooManySteps
            return check(*given)

        return run

    keywords = {name: counted(check) for name, check in with_patterns(kind.VALIDATORS).items()}
    kind = jsonschema.validators.extend(kind, keywords)  # type: ignore[no-untyped-call]
    # Not its $schema, which would bring a validator of its own.
    known = {name: value for name, value in schema.items() if name != "$schema"}
    return kind(known, format_checker=kind.FORMAT_CHECKER)

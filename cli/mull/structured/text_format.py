"""Answers of a few words: a regular expression, and one of some choices.

In: what --regex and --choice take. Out: grammars in llguidance's form; UsageError for what cannot be used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mull.errors import UsageError
from mull.fs.json_text import parse_json
from mull.structured import bindings
from mull.structured.compiling import GrammarFault, checked, from_lark
from mull.structured.regular import literal

_LONGEST = (
    4_000  # characters of an expression: compiling "x?" that often takes 0.1 s, and time grows quadratically
)
_MOST_CHOICES = 10_000
_MOST_CHARACTERS = 1_000_000  # of all choices
_CHOICE_HINT = 'Write them as yes,no or, if one has a comma, as a JSON list: ["yes, please", "no"].'


def regex(expression: str) -> str:
    """The grammar for a regular expression that the whole answer matches. Raises UsageError."""
    hint = (
        "Its notation is that of Rust's regex: no look-around, no word boundaries, no back-references, "
        "anchors only at its ends."
    )
    if len(expression) > _LONGEST:
        raise UsageError(
            "invalid_regex", f"The regular expression has more than {_LONGEST:,} characters.", hint
        )
    if not expression:
        raise UsageError("invalid_regex", "The regular expression is empty.", hint)
    if re.search(r"(?<!\\)(\\\\)*\\\Z", expression):
        raise UsageError("invalid_regex", "The regular expression ends with a single backslash.", hint)
    try:
        return _terminal(_quoted(expression))
    except GrammarFault as fault:
        raise UsageError("invalid_regex", f"The regular expression cannot be used: {fault}.", hint) from fault


def choice(choices: Sequence[str]) -> str:
    """The grammar for exactly one of these texts. Raises UsageError."""
    if not choices:
        raise UsageError("invalid_choice", "There is nothing to choose from.", _CHOICE_HINT)
    if any(not each for each in choices):
        raise UsageError("invalid_choice", "One of the choices is empty.", _CHOICE_HINT)
    if len(choices) > _MOST_CHOICES or sum(map(len, choices)) > _MOST_CHARACTERS:
        raise UsageError(
            "invalid_choice",
            f"More than {_MOST_CHOICES:,} choices, or more than {_MOST_CHARACTERS:,} characters in all.",
            "Give fewer or shorter ones.",
        )
    if len(set(choices)) < len(choices):
        twice = next(each for number, each in enumerate(choices) if each in choices[:number])
        raise UsageError("invalid_choice", f'"{twice}" is given twice.', "Give each choice once.")
    return _terminal(f"/{'|'.join(map(literal, choices))}/")


def choices_as_regex(choices: Sequence[str]) -> str:
    """A regular expression for servers: any parser of them reads it."""
    return f"({'|'.join(map(re.escape, choices))})"


def choices_as_gbnf(choices: Sequence[str]) -> str:
    """A grammar in llama.cpp's notation, for servers."""
    return f"root ::= {' | '.join(map(_gbnf_literal, choices))}\n"


def _gbnf_literal(text: str) -> str:
    return '"' + "".join(map(_in_gbnf, text)) + '"'


def _in_gbnf(letter: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter)
    return named or (letter if letter.isprintable() else f"\\U{ord(letter):08x}")


def read_choices(text: str) -> tuple[str, ...]:
    """The choices: texts between commas, without the spaces around them, or a JSON list. Raises UsageError."""
    if not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split(","))
    try:
        found = parse_json(text)
    except ValueError as wrong:
        raise UsageError("invalid_choice", f"The choices are no JSON list: {wrong}.", _CHOICE_HINT) from wrong
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise UsageError("invalid_choice", "The choices are not a list of texts.", _CHOICE_HINT)
    return tuple(found)


def _terminal(expression: str) -> str:
    """The grammar of one terminal; a rule of several would match each of them as long as it goes on."""
    return checked(from_lark(f"start: ANSWER\nANSWER: {expression}"))


def _quoted(expression: str) -> str:
    in_lark = bindings.llguidance().regex_to_lark(expression, "d")
    return f"/{in_lark}/"  # d: \\d is 0 to 9, not a digit of any script

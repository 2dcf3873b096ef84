"""Check a grammar in Lark's notation, as llguidance reads it.

In: its text. Out: the grammar in llguidance's form, or a GrammarError that names the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mull.structured.compiling import GrammarFault, checked, from_lark
from mull.structured.grammar_error import LARK, GrammarError

_MOST = 200_000  # characters
_DEEPEST = (
    500  # names that refer to each other: the compiler follows them recursively, and 3,000 end its stack
)
_PART = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\\n])*"|/(?![/*])(?:\\.|[^/\\\n])+/)|(?P<comment>//[^\n]*|\#[^\n]*|%[^\n]*)"""
    r"""|(?P<name>[A-Za-z_][\w-]*)(?P<defined>(?:\[[^\]\n]*\])?(?:\.\d+)?[ \t]*:)?""",
    re.VERBOSE,
)


def grammar(text: str) -> str:
    """Raises GrammarError."""
    try:
        return compiled(text)
    except GrammarFault as fault:
        raise GrammarError(fault.line, str(fault), LARK) from fault


def compiled(text: str) -> str:
    """The same. Raises GrammarFault."""
    if len(text) > _MOST:
        raise GrammarFault(f"it has more than {_MOST:,} characters")
    if _chain(_references(text)) > _DEEPEST:
        raise GrammarFault(f"more than {_DEEPEST} rules refer to each other in a row")
    return checked(from_lark(text))


def _references(text: str) -> dict[str, list[str]]:
    """The names in the definition of each name."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for part in _PART.finditer(text):
        if part["defined"]:
            current = found.setdefault(part["name"], [])
        elif part["name"]:
            current.append(part["name"])
    return found


def _chain(references: Mapping[str, Sequence[str]]) -> int:
    """How deep the compiler follows names: each is followed once, where it is met first."""
    seen: set[str] = set()
    deepest = 0
    for start in ("start", *references):
        stack = [iter((start,))]
        while stack:
            deepest = max(deepest, len(stack))
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
            elif name not in seen:
                seen.add(name)
                stack.append(iter(references.get(name, ())))
    return deepest

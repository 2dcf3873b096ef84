"""llguidance's compiler: check grammars before a model is loaded, and match finished texts.

In: a grammar in llguidance's form (JSON). Out: the same, or a `GrammarFault`. No grammar can
hang: its compiler and its steps have limits, and so has the time that is waited for the compiler.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mull.structured import bindings, regex_faults

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_SECONDS = 15.0  # for the compiler, also on a busy machine; a schema of 20 fields takes a millisecond
_PLACE = re.compile(r"(?:at )?(\d+)\(\d+\): ")


# Otherwise llguidance asks how the model would tokenize what a grammar leaves no choice about, and allows only that.
_OPTIONS = '%llguidance {"no_forcing": true}\n'


class GrammarFault(Exception):
    """A grammar that llguidance rejects. `line` counts from 1; 0 where it has none."""

    def __init__(self, text: str) -> None:
        place = _PLACE.match(text)
        self.line = int(place[1]) if place else 0
        super().__init__(_sentence(text[place.end() :] if place else text))


def from_lark(text: str) -> str:
    """llguidance's form of a grammar in Lark's notation, not yet checked."""
    return json.dumps({"grammars": [{"lark_grammar": f"{text}\n{_OPTIONS}"}]})


def from_schema(schema: Mapping[str, Any]) -> str:
    """llguidance's form of a JSON Schema, not yet checked. `x-guidance` in it has the options."""
    top = {"lark_grammar": f"start: @answer\n{_OPTIONS}"}
    return json.dumps({"grammars": [top, {"name": "answer", "json_schema": schema}]})


def checked(grammar: str) -> str:
    """The grammar. Raises GrammarFault where it has an error, or matches nothing."""
    found: list[str] = []
    # In a thread: the compiler is deaf to Ctrl+C, and a few grammars of the allowed size would take minutes.
    work = threading.Thread(target=lambda: found.append(_fault(grammar)), name="compile-grammar", daemon=True)
    work.start()
    work.join(_SECONDS)
    if not found:
        raise GrammarFault(f"it takes more than {_SECONDS:.0f} seconds to compile")
    if found[0]:
        raise GrammarFault(found[0])
    return grammar


def accepts(grammar: str, text: str) -> bool:
    """Whether a text matches as a whole."""
    return whole_matcher(grammar)(text)


def whole_matcher(grammar: str) -> Callable[[str], bool]:
    """Whether texts match as a whole; for one thread."""
    matcher = _matcher(grammar)

    def matches(text: str) -> bool:
        data = list(text.encode("utf-8", "replace"))
        matcher.reset()
        return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()

    return matches


def allows(grammar: str, text: str) -> bool:
    """Whether a text that matches begins with this one."""
    data = list(text.encode("utf-8", "replace"))
    return _matcher(grammar).try_consume_tokens(data) == len(data)


def _fault(grammar: str) -> str:
    """What is wrong with the grammar; empty for nothing."""
    try:
        matcher = _matcher(grammar)
        if not matcher.is_error():
            matcher.compute_bitmask()
        error = matcher.get_error()
    except Exception as failure:  # noqa: BLE001 - of any kind, from another language
        return str(failure)
    return "nothing matches it" if error.startswith("NoExtension") else error


def _matcher(grammar: str) -> LLMatcher:
    llguidance = bindings.llguidance()
    limits = llguidance.LLParserLimits(verbose_errors=False)
    matcher: LLMatcher = llguidance.LLMatcher(_bytes(), grammar, log_level=0, limits=limits)
    return matcher


@cache
def _bytes() -> LLTokenizer:
    """A vocabulary in which every byte is a token."""
    made: LLTokenizer = bindings.llguidance().LLTokenizer("byte", slices=[])
    return made


def _sentence(text: str) -> str:
    """The message without the excerpt of the grammar and the place that follow it."""
    if (words := regex_faults.in_words(text)) is not None:
        return words
    first = text.strip().partition("\n")[0].strip() or "unknown"
    return re.sub(r" \(at \".*|; following special tokens.*", "", first).rstrip(".:")[:300]

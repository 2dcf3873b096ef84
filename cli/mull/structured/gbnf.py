"""Parse llama.cpp's grammar notation (GBNF) before llama.cpp does.

In: a grammar's text. Out: its rules, with brackets and repetitions as rules of their own, or a GrammarError that names
the line. llama.cpp's parser prints to the screen, recurses without limit and treats a repetition beyond its limit as
unlimited. Only syntax is checked here; `gbnf_check.py` checks what the rules mean.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from mull.errors import UsageError

MOST_REPEATED = 2000  # llama-grammar.cpp, MAX_REPETITION_THRESHOLD
_DEEPEST = 100  # nested brackets
MOST_ALTERNATIVES = 10_000  # llama.cpp's setup takes time quadratic in them: some 3 s, deaf to Ctrl+C
_MOST_ELEMENTS = 400_000  # characters, classes and references with repetitions expanded: some 10 MB

_NAME = re.compile(r"[a-zA-Z0-9-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_REPEAT = re.compile(r"\{\s*(\d+)\s*(,\s*(\d*)\s*)?\}")
_HEX = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}

CHARACTER = None  # in a production: one character is consumed
Production = list[str | None]  # names of rules and CHARACTER


class GrammarError(UsageError):
    """A grammar that cannot be used. `line` counts from 1; `endless`: the error is in its recursion."""

    def __init__(self, line: int, what: str, *, endless: bool = False) -> None:
        super().__init__(
            "invalid_grammar",
            f"The grammar has an error in line {line}: {what}.",
            "Grammars are written in GBNF, llama.cpp's notation.",
        )
        self.line = line
        self.endless = endless


@dataclass(slots=True)
class Rule:
    """A rule's alternatives. Names of brackets and repetitions contain a space, unlike names in the text."""

    line: int
    choices: list[Production]


def read(text: str) -> dict[str, Rule]:
    """The rules by name. Raises GrammarError."""
    if "\0" in text:
        raise GrammarError(text.count("\n", 0, text.index("\0")) + 1, "it contains a NUL character")
    return _Reader(text).rules()


class _Reader:
    """A recursive-descent parser. `_symbols` counts the rules that llama.cpp will make of the text so far."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._at = 0
        self._depth = 0
        self._rules: dict[str, Rule] = {}
        self._symbols = 0
        self._seen: set[str] = set()
        self._alternatives = 0
        self._elements = 0

    def rules(self) -> dict[str, Rule]:
        self._skip(_SPACE_AND_LINES)
        while self._next:
            line = self._line
            name = self._name()
            if name in self._rules:
                raise GrammarError(line, f'the rule "{name}" is defined twice')
            self._skip(_SPACE)
            if not self._text.startswith("::=", self._at):
                raise self._error('"::=" is missing after the name of the rule')
            self._at += 3
            self._skip(_SPACE_AND_LINES)
            self._rules[name] = Rule(line, self._choices())
            if self._next and self._next not in "\r\n":
                raise self._error(f"unexpected {self._next!r}")
            self._skip(_SPACE_AND_LINES)
        return self._rules

    def _choices(self) -> list[Production]:
        choices = [self._sequence()]
        while self._next == "|":
            self._at += 1
            self._alternatives += 1
            if self._alternatives > MOST_ALTERNATIVES:
                raise self._error(f"the grammar has more than {MOST_ALTERNATIVES:,} alternatives")
            self._skip(_SPACE_AND_LINES)
            choices.append(self._sequence())
        return choices

    def _sequence(self) -> Production:
        production: Production = []
        item: Production | None = None  # the last item, to which a repetition applies
        weight, made = 1, 1  # its elements, and the rules it needs
        while character := self._next:
            before = self._symbols
            elements = self._elements
            if character in "*+?{":
                if not item:
                    raise self._error(f"there is nothing to repeat before {character!r}")
                item, times = self._repeated(item, made)
                made *= times
                self._elements += weight * (times - 1)
                weight *= times
            else:
                if item is not None:
                    production += item
                item = self._item(character)
                if item is None:
                    return production
                made = max(1, self._symbols - before) if character == "(" else 1
                weight = (
                    1 if character == "(" else max(1, self._elements - elements)
                )  # a bracket becomes one rule
            if self._elements > _MOST_ELEMENTS:
                raise self._error("with its repetitions expanded, the grammar is too long")
            self._skip(_SPACE_AND_LINES if self._depth else _SPACE)
        return production if item is None else production + item

    def _item(self, character: str) -> Production | None:
        if character == '"':
            return self._literal()
        if character == "[":
            return self._class()
        if character == ".":
            self._at += 1
            self._elements += 1
            return [CHARACTER]
        if character == "(":
            return [self._bracket()]
        if character in "<!":
            raise self._error("single tokens are not supported, only text")
        if not _NAME.match(character):
            return None
        name = self._name()
        self._symbols += name not in self._seen
        self._seen.add(name)
        self._elements += 1
        return [name]

    def _bracket(self) -> str:
        line = self._line
        self._at += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} nested brackets")
        self._symbols += 1
        self._skip(_SPACE_AND_LINES)
        choices = self._choices()
        if not self._next:
            raise GrammarError(line, 'a "(" is not closed')
        if self._next != ")":
            raise self._error(f"unexpected {self._next!r}")
        self._at += 1
        self._depth -= 1
        return self._own(line, choices)

    def _repeated(self, item: Production, made: int) -> tuple[Production, int]:
        """The item as a rule that repeats it, and how many times llama.cpp expands it."""
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._next, (0, 0))
        line = self._line
        if self._next == "{":
            match = _REPEAT.match(self._text, self._at)
            if match is None:
                raise self._error("a number of repetitions is written {2}, {2,} or {2,5}")
            least = int(match[1])
            most = least if match[2] is None else int(match[3]) if match[3] else None
            if most is not None and most < least:
                raise self._error("the maximum number of repetitions is smaller than the minimum")
            self._at = match.end()
        else:
            self._at += 1
        times = most or max(least, 1)
        if max(least, most or 0) > MOST_REPEATED or made * times > MOST_REPEATED:
            raise self._error(f"more than {MOST_REPEATED} repetitions, nested ones multiplied")
        self._symbols += 1 if most is None else most - least
        if most is None:
            again = self._own(line, [[], []])
            self._rules[again].choices[0] += [*item, again]
            return ([again] if least == 0 else [*item, again]), times
        if most == 0:
            return [], times
        return (item if least else [self._own(line, [item, []])]), times

    def _own(self, line: int, choices: list[Production]) -> str:
        name = f"bracket {len(self._rules)}"
        self._rules[name] = Rule(line, choices)
        return name

    def _literal(self) -> Production:
        line = self._line
        self._at += 1
        found: Production = []
        while self._next != '"':
            if not self._next:
                raise GrammarError(line, "a '\"' is not closed")
            self._character()
            found = [CHARACTER]
            self._elements += 1
        self._at += 1
        return found

    def _class(self) -> Production:
        line = self._line
        self._at += 2 if self._text.startswith("[^", self._at) else 1
        if self._next == "]":
            raise self._error("an empty character class")
        while self._next != "]":
            if not self._next:
                raise GrammarError(line, 'a "[" is not closed')
            first = self._character()
            if self._next == "-" and not self._text.startswith("-]", self._at):
                self._at += 1
                if self._next and self._character() < first:
                    raise self._error("a character range is reversed")
            self._elements += 1
        self._at += 1
        return [CHARACTER]

    def _character(self) -> str:
        character = self._next
        self._at += 1
        if character != "\\":
            return character
        escape = self._next
        self._at += 1
        if (count := _HEX.get(escape)) is not None:
            digits = self._text[self._at : self._at + count]
            if not re.fullmatch(f"[0-9a-fA-F]{{{count}}}", digits) or int(digits, 16) > 0x10FFFF:
                raise self._error(f"\\{escape} needs {count} hexadecimal digits")
            self._at += count
            return chr(int(digits, 16))
        if escape not in _ESCAPES:
            raise self._error(f"\\{escape} is not an escape")
        return _ESCAPES[escape]

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            raise self._error(f"expected the name of a rule, not {self._next!r}")
        self._at = match.end()
        return match.group()

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    @property
    def _line(self) -> int:
        return bisect_left(self._newlines, self._at) + 1

    def _skip(self, space: re.Pattern[str]) -> None:
        if match := space.match(self._text, self._at):
            self._at = match.end()

    def _error(self, what: str) -> GrammarError:
        return GrammarError(self._line, what)

"""Parse llama.cpp's grammar notation (GBNF).

In: a grammar's text. Out: its rules, with each bracket as a rule of its own, or a GrammarError that names the line.
`gbnf_to_lark.py` translates them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace

from mull.dataclass import dataclass
from mull.structured import regular
from mull.structured.grammar_error import GrammarError

_DEEPEST = 100  # nested brackets
_MOST_ALTERNATIVES = 100_000
_MOST_REPEATED = 1_000_000

_NAME = re.compile(r"[a-zA-Z0-9-]+")
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_REPEAT = re.compile(r"\{\s*(\d{1,9})\s*(,\s*(\d{1,9})?\s*)?\}")
_HEX = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "[": "[", "]": "]", "-": "-"}


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a rule, repeated: a regular expression, or with `is_rule` the name of a rule. `most` None: no limit."""

    text: str
    is_rule: bool = False
    least: int = 1
    most: int | None = 1


Production = list[Item]


@dataclass(slots=True)
class Rule:
    """A rule's alternatives. Names of brackets contain a space, unlike names in the text."""

    line: int
    choices: list[Production]


def read(text: str) -> dict[str, Rule]:
    """The rules by name. Raises GrammarError."""
    if "\0" in text:
        raise GrammarError(text.count("\n", 0, text.index("\0")) + 1, "it contains a NUL character")
    return _Reader(text).rules()


class _Reader:
    """A recursive-descent parser."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._at = 0
        self._depth = 0
        self._alternatives = 0
        self._rules: dict[str, Rule] = {}

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
            if self._alternatives > _MOST_ALTERNATIVES:
                raise self._error(f"the grammar has more than {_MOST_ALTERNATIVES:,} alternatives")
            self._skip(_SPACE_AND_LINES)
            choices.append(self._sequence())
        return choices

    def _sequence(self) -> Production:
        production: Production = []
        repeatable = False
        while character := self._next:
            if character in "*+?{":
                if not repeatable:
                    raise self._error(f"there is nothing to repeat before {character!r}")
                production[-1] = self._repeated(production[-1])
            else:
                item = self._item(character)
                if item is None:
                    break
                repeatable = item.text != ""
                production.append(item)
            self._skip(_SPACE_AND_LINES if self._depth else _SPACE)
        return production

    def _item(self, character: str) -> Item | None:
        if character == '"':
            return Item(self._literal())
        if character == "[":
            return Item(self._class())
        if character == ".":
            self._at += 1
            return Item("(?s:.)")
        if character == "(":
            return self._bracket()
        if character in "<!":
            raise self._error("single tokens are not supported, only text")
        return Item(self._name(), is_rule=True) if _NAME.match(character) else None

    def _bracket(self) -> Item:
        line = self._line
        self._at += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} nested brackets")
        self._skip(_SPACE_AND_LINES)
        choices = self._choices()
        if not self._next:
            raise GrammarError(line, 'a "(" is not closed')
        if self._next != ")":
            raise self._error(f"unexpected {self._next!r}")
        self._at += 1
        self._depth -= 1
        return self._own(line, choices)

    def _repeated(self, item: Item) -> Item:
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
            if max(least, most or 0) > _MOST_REPEATED:
                raise self._error(f"more than {_MOST_REPEATED:,} repetitions")
            self._at = match.end()
        else:
            self._at += 1
        if (item.least, item.most) != (1, 1):
            item = self._own(line, [[item]])
        return replace(item, least=least, most=most)

    def _own(self, line: int, choices: list[Production]) -> Item:
        name = f"bracket {len(self._rules)}"
        self._rules[name] = Rule(line, choices)
        return Item(name, is_rule=True)

    def _literal(self) -> str:
        line = self._line
        self._at += 1
        found = ""
        while self._next != '"':
            if not self._next:
                raise GrammarError(line, "a '\"' is not closed")
            found += self._character()
        self._at += 1
        return f"(?:{found})" if found else ""

    def _class(self) -> str:
        line = self._line
        negated = self._text.startswith("[^", self._at)
        self._at += 2 if negated else 1
        if self._next == "]":
            raise self._error("an empty character class")
        found = ""
        while self._next != "]":
            if not self._next:
                raise GrammarError(line, 'a "[" is not closed')
            first = self._character()
            found += first
            if self._next == "-" and not self._text.startswith("-]", self._at):
                self._at += 1
                last = self._character() if self._next else first
                if _code(last) < _code(first):
                    raise self._error("a character range is reversed")
                found += f"-{last}"
        self._at += 1
        return f"[{'^' if negated else ''}{found}]"

    def _character(self) -> str:
        """One character, as a regular expression writes it."""
        character = self._next
        self._at += 1
        if character == "\\":
            character = self._escaped()
        if "\ud800" <= character <= "\udfff":
            raise self._error("half a surrogate pair is no character")
        return regular.character(character)

    def _escaped(self) -> str:
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


def _code(character: str) -> int:
    return ord(character) if len(character) == 1 else int(character[3:-1], 16)

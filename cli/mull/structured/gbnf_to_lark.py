"""Translate llama.cpp's grammar notation (GBNF) to Lark's, which llguidance compiles.

In: the rules parsed by `gbnf.py`. Out: Lark, or a GrammarError for a rule that does not exist or never ends. A rule
that does not refer to itself becomes a terminal, and so does each run of such rules and characters elsewhere:
llguidance matches a terminal as one regular expression, as long as it goes on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from mull.structured import lark
from mull.structured.compiling import GrammarFault
from mull.structured.gbnf import Item, Production, Rule, read
from mull.structured.grammar_error import GrammarError

_ROOT = "root"


def grammar(text: str) -> str:
    """The grammar in llguidance's form, checked. Raises GrammarError."""
    try:
        return lark.compiled(to_lark(text))
    except GrammarFault as fault:
        raise GrammarError(0, str(fault)) from fault


def to_lark(text: str) -> str:
    """The grammar in Lark's notation. Raises GrammarError."""
    rules = read(text)
    if _ROOT not in rules:
        raise GrammarError(1, f'there is no rule "{_ROOT}", which the answer starts with')
    for rule in rules.values():
        for item in _items(rule):
            if item.is_rule and item.text not in rules:
                raise GrammarError(rule.line, f'there is no rule "{item.text}"')
    ending = _closure((name, _needed(choice)) for name, rule in rules.items() for choice in rule.choices)
    for name, rule in rules.items():
        if name not in ending:
            raise GrammarError(rule.line, f"{_called(name)} never terminates")
    return _Writer(rules).text()


def _items(rule: Rule) -> Iterable[Item]:
    return (item for choice in rule.choices for item in choice)


def _needed(choice: Production) -> set[str]:
    return {item.text for item in choice if item.is_rule and item.least}


def _closure(implications: Iterable[tuple[str, set[str]]]) -> set[str]:
    """The names that follow: each implication is a name, and the names that it needs."""
    waiting: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
    ready = deque[str]()
    for name, needed in implications:
        left = [len(needed)]
        for part in needed:
            waiting[part].append((name, left))
        if not needed:
            ready.append(name)
    found: set[str] = set()
    while ready:
        name = ready.popleft()
        if name in found:
            continue
        found.add(name)
        for other, left in waiting[name]:
            left[0] -= 1
            if left[0] == 0:
                ready.append(other)
    return found


class _Writer:
    """Terminals are named T1, T2, … and rules r1, r2, …, after their order in the text."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules
        regular = _closure(
            (name, {item.text for item in _items(rule) if item.is_rule}) for name, rule in rules.items()
        )
        self._names = {
            name: f"{'T' if name in regular else 'r'}{number}" for number, name in enumerate(rules, start=1)
        }
        self._lines: list[str] = []

    def text(self) -> str:
        self._lines = [f"start: {self._names[_ROOT]}"]
        for name, rule in self._rules.items():
            own = self._names[name]
            write = self._terminal if own.startswith("T") else self._rule
            self._lines.append(f"{own}: {' | '.join(map(write, rule.choices))}")
        return "\n".join(self._lines) + "\n"

    def _terminal(self, items: Sequence[Item]) -> str:
        return " ".join(map(self._item, items)) or '""'

    def _rule(self, choice: Production) -> str:
        parts = []
        for regular, group in groupby(choice, self._is_regular):
            items = list(group)
            parts.append(self._run(items) if regular else self._terminal(items))
        return " ".join(parts) or '""'

    def _run(self, items: Sequence[Item]) -> str:
        name = f"U{len(self._lines)}"
        self._lines.append(f"{name}: {self._terminal(items)}")
        return name

    def _is_regular(self, item: Item) -> bool:
        return not item.is_rule or self._names[item.text].startswith("T")

    def _item(self, item: Item) -> str:
        if item.most == 0 or not item.text:
            return '""'
        one = self._names[item.text] if item.is_rule else f"/{item.text}/"
        if (item.least, item.most) == (1, 1):
            return one
        return f"{one}{{{item.least},{'' if item.most is None else item.most}}}"


def _called(name: str) -> str:
    return "a part in brackets" if " " in name else f'the rule "{name}"'

"""Check what a grammar's rules mean before llama.cpp uses them.

In: the rules parsed by `gbnf.py`. Out: nothing, or a GrammarError. llama.cpp would hang or exhaust memory on a left-
recursive rule (it detects only the simplest ones), and could never end an answer with a rule that cannot terminate.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

from mull.structured.gbnf import CHARACTER, GrammarError, Rule, read

ROOT = "root"
_LONGEST_CHAIN = 3000  # rules that begin with each other: llama.cpp follows the chain recursively


def check(text: str) -> None:
    """Check that this grammar is safe for llama.cpp. Raises GrammarError."""
    rules = read(text)
    if ROOT not in rules:
        raise GrammarError(1, f'there is no rule "{ROOT}", which the answer starts with')
    for rule in rules.values():
        for production in rule.choices:
            for name in production:
                if name is not CHARACTER and name not in rules:
                    raise GrammarError(rule.line, f'there is no rule "{name}"')
    ending = _derivable(rules, consuming=True)
    for name, rule in rules.items():
        if name not in ending:
            raise GrammarError(rule.line, f"{_called(name)} never terminates", endless=True)
    _check_beginnings(rules, _derivable(rules, consuming=False))


def _derivable(rules: Mapping[str, Rule], *, consuming: bool) -> set[str]:
    """The rules that can terminate; with `consuming` False, those that can match the empty text."""
    waiting: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
    found: set[str] = set()
    ready = deque[str]()
    for name, rule in rules.items():
        for production in rule.choices:
            if CHARACTER in production and not consuming:
                continue
            needed = {part for part in production if part is not CHARACTER}
            left = [len(needed)]
            for part in needed:
                waiting[part].append((name, left))
            if not needed:
                ready.append(name)
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


def _check_beginnings(rules: Mapping[str, Rule], empty: set[str]) -> None:
    """Reject left recursion, and chains of first rules that are too long."""
    depth: dict[str, int] = {}  # of the longest chain from here; 0 while it is being followed
    for start in rules:
        stack = [start] if start not in depth else []
        while stack:
            name = stack[-1]
            if name not in depth:
                depth[name] = 0
                for other in _beginnings(rules[name], empty):
                    if depth.get(other) == 0:
                        raise GrammarError(
                            rules[name].line,
                            f"{_called(name)} refers to itself before it consumes a character",
                            endless=True,
                        )
                    if other not in depth:
                        stack.append(other)
                continue
            stack.pop()
            if depth[name] == 0:
                depth[name] = 1 + max((depth[o] for o in _beginnings(rules[name], empty)), default=0)
                if depth[name] > _LONGEST_CHAIN:
                    raise GrammarError(rules[name].line, "too many rules begin with each other")


def _beginnings(rule: Rule, empty: set[str]) -> list[str]:
    """The rules that this one can begin with."""
    found = []
    for production in rule.choices:
        for part in production:
            if part is CHARACTER:
                break
            found.append(part)
            if part not in empty:
                break
    return found


def _called(name: str) -> str:
    return "a repetition" if " " in name else f'the rule "{name}"'

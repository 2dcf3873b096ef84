"""What a grammar's rules mean, judged before llama.cpp runs them.

In: the rules that `gbnf.py` read. Out: nothing, or a GrammarError. llama.cpp would hang or fill the memory on a rule
that meets itself before anything is consumed (it finds only the plainest of them), and could never end an answer in
which a rule has no end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

from mull.structured.gbnf import CHARACTER, GrammarError, Rule, read

ROOT = "root"
_LONGEST_CHAIN = 3000  # rules that begin with each other: llama.cpp follows them on the stack


def check(text: str) -> None:
    """Whether llama.cpp can be trusted with this grammar. Raises GrammarError."""
    rules = read(text)
    if ROOT not in rules:
        raise GrammarError(1, f'there is no rule "{ROOT}", with which the answer begins')
    for rule in rules.values():
        for production in rule.choices:
            for name in production:
                if name is not CHARACTER and name not in rules:
                    raise GrammarError(rule.line, f'there is no rule "{name}"')
    ending = _derivable(rules, consuming=True)
    for name, rule in rules.items():
        if name not in ending:
            raise GrammarError(rule.line, f"{_called(name)} has no end", endless=True)
    _check_beginnings(rules, _derivable(rules, consuming=False))


def _derivable(rules: Mapping[str, Rule], *, consuming: bool) -> set[str]:
    """The rules that have an end; or, without consuming any character, those that may be empty."""
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
    """No rule may come round to itself at its beginning, nor begin with a chain of rules beyond measure."""
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
                            f"{_called(name)} comes back to itself before it has consumed anything",
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
    """The rules that can stand first in this one."""
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

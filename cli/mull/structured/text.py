"""JSON strings in a grammar: literals, characters inside quotes, and keys other than given ones.

Every function returns a piece of GBNF. Quotes, backslashes and control characters appear as JSON escapes; a character
class matches only those control characters that have a short escape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

UNESCAPED = r"[^\"\\\x00-\x1f\x7f]"
CHAR = UNESCAPED + r' | "\\" (["\\/bfnrt] | "u" ([0-9a-cefA-CEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))'
"""One character of a JSON string. Surrogates are excluded: each match is one code point."""

Ranges = Sequence[tuple[int, int]]  # of code points, both ends included
EVERYTHING: Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))
_ESCAPED: Ranges = ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F))
_FEW = 64  # values that are written as they are
_DEEPEST = 32  # parentheses within each other
_SHORT = tuple(map(ord, '"\\\b\f\n\r\t'))  # characters with a two-character escape


def literal(text: str) -> str:
    """Exactly this text."""
    return '"' + "".join(map(_in_literal, text)) + '"'


def value(data: object) -> str:
    """Exactly this JSON value, as json.dumps writes it."""
    return literal(_json(data))


def one_value(data: Iterable[object]) -> str:
    """Any one of these JSON values. Where they are many, each common beginning is written once: llama.cpp follows all
    alternatives that fit what was generated."""
    return _one_text(list(dict.fromkeys(map(_json, data))), 0)


def _one_text(texts: Sequence[str], depth: int) -> str:
    if len(texts) <= _FEW or depth == _DEEPEST:
        return " | ".join(map(literal, texts))
    least, most = min(texts), max(texts)  # what these two share, all share
    shared = next((at for at, letter in enumerate(least) if most[at : at + 1] != letter), len(least))
    groups: dict[str, list[str]] = {}
    for each in texts:
        groups.setdefault(each[shared : shared + 1], []).append(each[shared:])
    choices = [
        literal(group[0]) if len(group) == 1 else f"({_one_text(group, depth + 1)})"
        for group in groups.values()
    ]
    return f"{literal(texts[0][:shared])} ({' | '.join(choices)})" if shared else " | ".join(choices)


def _json(data: object) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half.group()):04x}", text)


def character(code: int) -> str:
    """One character, as written between the quotes of a JSON string."""
    return literal(json.dumps(chr(code), ensure_ascii=not 0x20 <= code < 0xD800)[1:-1])


def one_of(ranges: Ranges) -> str:
    """Any one of these characters, as written between the quotes of a JSON string; "" if there are none."""
    plain = _without(ranges, _ESCAPED)
    choices = [f"[{''.join(map(_range, plain))}]"] if plain else []
    choices += [character(code) for code in _SHORT if any(low <= code <= high for low, high in ranges)]
    if len(choices) <= 1:
        return "".join(choices)
    return f"({' | '.join(choices)})"


def complement(ranges: Ranges) -> Ranges:
    """Every other character."""
    return _without(EVERYTHING, ranges)


def other_keys(names: Iterable[str], name_rule: str) -> list[tuple[str, str]]:
    """Rules for the inside of any key except these. The first one is named `name_rule`; they use the rule "char"."""
    tree: dict[str, object] = {}
    for name in names:
        node = tree
        for letter in name:
            node = node.setdefault(letter, {})  # type: ignore[assignment]
        node[""] = {}
    rules: list[tuple[str, str]] = []
    todo = [(name_rule, tree)]
    while todo:
        rule, node = todo.pop()
        choices = [] if "" in node else ['""']
        avoided = [(ord(letter), ord(letter)) for letter in node if letter]
        choices.append(f"{one_of(_without(complement(avoided), _ESCAPED))} char*")
        for letter, below in node.items():
            if letter:
                under = f"{name_rule}-{len(rules) + len(todo) + 1}"
                choices.append(f"{character(ord(letter))} {under}")
                todo.append((under, below))  # type: ignore[arg-type]
        rules.append((rule, " | ".join(choices)))
    return rules


def _without(ranges: Ranges, others: Ranges) -> Ranges:
    found = list(ranges)
    for low, high in others:
        found = [
            part
            for start, end in found
            for part in ((start, min(end, low - 1)), (max(start, high + 1), end))
            if part[0] <= part[1]
        ]
    return sorted(set(found))


def _in_literal(letter: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(letter)
    return named or (letter if letter.isprintable() else f"\\U{ord(letter):08x}")


def _range(pair: tuple[int, int]) -> str:
    low, high = pair
    return _in_class(low) if low == high else f"{_in_class(low)}-{_in_class(high)}"


def _in_class(code: int) -> str:
    letter = chr(code)
    return letter if letter.isascii() and letter.isalnum() else f"\\U{code:08x}"

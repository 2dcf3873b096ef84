"""Mathematics in LaTeX as a line of Unicode text, where that says the same.

In: a formula without its signs. Out: its rows as text, or None where something in it has no truthful text; then its
source is shown. A fraction is `a/b` with the parentheses that it needs, a matrix `(a, b; c, d)`. pylatexenc parses the
source and knows the symbols; it is imported with the first formula.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from mull.terminal.markdown.math_symbols import (
    ACCENTS,
    ALPHABETS,
    BRACKETS,
    DROPPED,
    NAMES,
    RELATIONS,
    ROWS,
    SIGNS,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    TEXTS,
)

LONGEST = 4_000  # characters of a formula that is parsed
_DEEPEST = 30  # braces within braces
_ATOM = re.compile(
    r"√?\d+(\.\d+)?|(√|∂|d(?=\w))?[^\W\d_][\u0300-\u036f\u20d0-\u20ff]*[′″]?"
)  # one number or letter
# What LaTeX needs no sign for: private characters, which no formula has, until everything around them is known.
_OPEN, _SHUT = "\ue001", "\ue002"  # around a fraction or a root
_APPLIES = "\ue003"  # after a function's name
_SOFT = "\ue004"  # a space that only ended a macro's name: it stays before an operator
_LAST_BREAK = re.compile(r"(\\\\\s*)+$")  # pylatexenc wants something after it
_PRIVATE = re.compile("[\ue000-\uf8ff]")


class _Unsupported(Exception):
    """The formula has something that text cannot say."""


@lru_cache(maxsize=256)
def unicode_math(source: str) -> tuple[str, ...] | None:
    """The rows of the formula, separated by `\\\\` in it; None where it must be shown as it is."""
    if len(source) > LONGEST or _depth(source) > _DEEPEST or _PRIVATE.search(source):
        return None
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerError

    try:
        walker = LatexWalker(_LAST_BREAK.sub("", source), latex_context=_grammar(), tolerant_parsing=False)
        nodes, _, _ = walker.get_latex_nodes()
        rows = [" ".join(row) for row in _table(_inside(nodes))]
    except (_Unsupported, LatexWalkerError, RecursionError):
        return None
    rows = [_tidy(row) for row in rows]
    while rows and not rows[-1]:
        rows.pop()
    return tuple(rows) if any(rows) else None


def _inside(nodes: Any) -> Any:
    """The rows of an environment such as `align`, if it is all there is."""
    shown = [node for node in nodes if type(node).__name__ != "LatexCharsNode" or node.chars.strip()]
    if len(shown) == 1 and getattr(shown[0], "environmentname", "").rstrip("*") in ROWS:
        return shown[0].nodelist
    return nodes


def _depth(source: str) -> int:
    deepest = depth = 0
    for char in source:
        depth += (char == "{") - (char == "}")
        deepest = max(deepest, depth)
    return deepest + source.count("\\begin")


@cache
def _grammar() -> Any:
    """pylatexenc's macros, and those that it does not know the arguments of."""
    from pylatexenc.latexwalker import get_default_latex_context_db
    from pylatexenc.macrospec import MacroSpec

    context = get_default_latex_context_db()
    two = [MacroSpec(name, "{{") for name in ("frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom", "tbinom")]
    one = [
        MacroSpec(name, "*{" if name == "operatorname" else "{")
        for name in (*TEXTS, *ACCENTS, *ALPHABETS, "boxed", "pmod", "tag", "not")
    ]
    context.add_context_category("mull", macros=[*two, *one], prepend=True)
    return context


@lru_cache(maxsize=512)
def _symbol(name: str) -> str | None:
    """The text of a macro without arguments."""
    found = NAMES.get(name)
    if found is None:
        from pylatexenc.latex2text import get_default_latex_context_db

        known = get_default_latex_context_db().get_macro_spec(name)
        found = getattr(known, "simplify_repl", None)
    return found if isinstance(found, str) and found and "%s" not in found and "%(" not in found else None


def _table(nodes: Any) -> list[list[str]]:
    """Rows of cells: `\\\\` ends a row, `&` a cell."""
    rows: list[list[Any]] = [[[]]]
    for node in nodes:
        kind = type(node).__name__
        if kind == "LatexMacroNode" and node.macroname in {"\\", "newline", "cr"}:
            rows.append([[]])
        elif kind == "LatexSpecialsNode" and node.specials_chars == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(node)
    return [[cell for cell in (_tidy(_sequence(cell)) for cell in row) if cell] for row in rows]


def _sequence(nodes: Any) -> str:
    """Nodes side by side, with scripts where they belong."""
    written = sign = ""
    signs = ""  # of the scripts directly before
    for kind, value in _atoms(nodes):
        if kind == "script":
            if sign or value in signs:
                raise _Unsupported
            sign = value
        elif not sign:
            if value.strip():
                signs = ""
            written += _space(written, kind, value) + value
        elif value.strip():
            base = written.rstrip(f" {_SOFT}{_APPLIES}")
            applies = _APPLIES if _APPLIES in written[len(base) :] else ""
            written = base + _script(sign, value) + applies
            sign, signs = "", signs + sign
    if sign:
        raise _Unsupported
    return _settled(written)


def _space(written: str, kind: str, value: str) -> str:
    """A space before a function's name, and after a raised letter that Unicode cannot raise."""
    follows = written[-1:].isalnum() if kind == "name" else written[-2:-1] in {"^", "_"}
    return " " if follows and value[:1].isalnum() else ""


def _settled(text: str) -> str:
    """Parentheses around a fraction or a root, unless its surroundings leave no doubt about where it ends."""
    while _OPEN in text:
        end = text.index(_SHUT)
        start = text.rindex(_OPEN, 0, end)
        inside, after, before = (
            text[start + 1 : end],
            text[end + 1 :].lstrip(f" {_SOFT}"),
            text[:start].rstrip(f" {_SOFT}"),
        )
        clear = not after or after[0] in f"+-−=<>,.;:)]}}|{_SHUT}" or after[0] in RELATIONS
        if not inside.startswith("√"):
            clear = clear and not (before[-1:].isalnum() or before.endswith(("/", _APPLIES)))
        text = text[:start] + (inside if clear else f"({inside})") + text[end + 1 :]
    return text


def _atoms(nodes: Any) -> list[tuple[str, str]]:
    """(kind, text) of what stands side by side: characters, groups, macros. A script's sign is a kind of its own."""
    atoms: list[tuple[str, str]] = []
    drops_dot = False  # after \left and \right, a dot is a bracket that is not shown
    for node in nodes:
        match type(node).__name__:
            case "LatexCharsNode":
                chars = node.chars[1:] if drops_dot and node.chars.startswith(".") else node.chars
                atoms += [("script" if char in "^_" else "char", _char(char)) for char in chars]
            case "LatexGroupNode":
                atoms.append(("group", _sequence(node.nodelist)))
            case "LatexMacroNode":
                atoms.append(_macro(node))
            case "LatexSpecialsNode":
                if node.specials_chars not in SIGNS:
                    raise _Unsupported
                atoms.append(("char", SIGNS[node.specials_chars]))
            case "LatexEnvironmentNode":
                atoms.append(("group", _environment(node)))
            case "LatexMathNode":  # inside \text{…}
                atoms.append(("group", _sequence(node.nodelist)))
            case _:
                raise _Unsupported
        drops_dot = getattr(node, "macroname", "") in {"left", "right"}
    return atoms


def _char(char: str) -> str:
    if char in "#$%":
        raise _Unsupported
    return {"\n": " ", "\t": " ", "'": "′"}.get(char, f" {char} " if char in "=<>" else char)


def _macro(node: Any) -> tuple[str, str]:
    name = node.macroname
    given = [
        argument for argument in (node.nodeargd.argnlist if node.nodeargd else []) if argument is not None
    ]
    if name in DROPPED:
        return "char", " " if name in {"quad", "qquad", " ", ";", ":", ","} else ""
    if name in TEXTS and given:
        text = _sequence_of(given[-1], spaced=True)
        return "name", f"{text}{_APPLIES}" if len(text) > 1 and name == "operatorname" else text
    if name in ALPHABETS and given:
        return "char", "".join(_letter(ALPHABETS[name], char) for char in _sequence_of(given[0]))
    if name in ACCENTS and given:
        return "char", _accented(_sequence_of(given[0]), name)
    if given:
        return _applied(name, [_sequence_of(one) for one in given])
    symbol = _symbol(name)
    if symbol is None:
        raise _Unsupported
    space = (_SOFT if symbol.isalpha() or symbol in "∂∞" else " ") if node.macro_post_space else ""
    if name.isalpha() and symbol.isascii() and symbol[:1].isalpha():
        return "name", f"{symbol}{_APPLIES} "
    return "char", f" {symbol} " if symbol in RELATIONS else f"{symbol}{space}"


def _applied(name: str, given: list[str]) -> tuple[str, str]:
    """A macro with its arguments."""
    match name, given:
        case (("frac" | "dfrac" | "tfrac" | "cfrac"), [above, below]):
            whole = f"{_grouped(above, _is_product(above))}/{_grouped(below, _is_atom(below))}"
            return "char", f"{_OPEN}{whole}{_SHUT}"
        case (("binom" | "dbinom" | "tbinom"), [above, below]):
            return "name", f"binom({above}, {below})"
        case "sqrt", [*degree, under]:
            sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get("".join(degree))
            if sign is None:
                raise _Unsupported
            return "char", f"{_OPEN}{sign}{under}{_SHUT}" if _ATOM.fullmatch(under) else f"{sign}({under})"
        case "boxed", [inside]:
            return "group", inside
        case "pmod", [inside]:
            return "name", f" (mod {inside})"
        case "tag", [inside]:
            return "char", f"   ({inside})"
        case "not", [inside] if len(inside.strip()) == 1:
            return "char", f" {unicodedata.normalize('NFC', inside.strip() + chr(0x338))} "
    raise _Unsupported


def _sequence_of(node: Any, *, spaced: bool = False) -> str:
    """One argument, in braces or not. `spaced`: it is text, whose spaces count."""
    nodes = node.nodelist if type(node).__name__ == "LatexGroupNode" else [node]
    if spaced and all(type(one).__name__ == "LatexCharsNode" for one in nodes):
        return "".join(one.chars for one in nodes)
    text = _sequence(nodes)
    return text if spaced else _tidy(text)


def _grouped(text: str, simple: bool) -> str:
    return text if simple or _is_bracketed(text) else f"({text})"


def _is_atom(text: str) -> bool:
    """One number or letter, perhaps with scripts, which bind closer than anything else."""
    scripts = {*SUPERSCRIPTS.values(), *SUBSCRIPTS.values()} - {"′"}
    return _ATOM.fullmatch("".join(char for char in text if char not in scripts)) is not None


def _is_product(text: str) -> bool:
    """Factors without an operator or a space between them, outside parentheses."""
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if depth == 0 and not (char.isalnum() or unicodedata.combining(char) or char in "∂)]′″!"):
            return False
    return True


def _is_bracketed(text: str) -> bool:
    """Is all of it inside one pair of parentheses?"""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return index == len(text) - 1
    return False


def _script(sign: str, text: str) -> str:
    """Raised or lowered, where Unicode has all of its characters; else after its sign."""
    text = "".join(_tidy(text).split()) if not re.search(r"[^\W\d_]{2}", text) else _tidy(text)
    if sign == "^" and text in {"∘", "°"}:
        return "°"
    if sign == "^" and text and set(text) <= {"′"}:
        return text
    table = SUPERSCRIPTS if sign == "^" else SUBSCRIPTS
    if text and all(char in table for char in text):
        return "".join(table[char] for char in text)
    if not text:
        raise _Unsupported
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})"


def _letter(alphabet: tuple[str, ...], char: str) -> str:
    """A letter or a digit of an alphabet such as double-struck; other characters stay."""
    case = "DIGIT" if char.isdecimal() else "CAPITAL" if char.isupper() else "SMALL"
    for name in alphabet:
        try:
            return unicodedata.lookup(f"{name} {case} {unicodedata.name(char).rpartition(' ')[2]}")
        except (KeyError, ValueError):
            continue
    if char.isalnum() and char.isascii():
        raise _Unsupported
    return char


def _accented(text: str, name: str) -> str:
    mark, everywhere = ACCENTS[name]
    if not text or (len(text) > 1 and not everywhere) or " " in text:
        raise _Unsupported
    return "".join(unicodedata.normalize("NFC", char + mark) for char in text)


def _environment(node: Any) -> str:
    name = node.environmentname.rstrip("*")
    if name in ROWS:
        return " ; ".join(" ".join(row) for row in _table(node.nodelist) if row)
    if name not in BRACKETS:
        raise _Unsupported
    opening, closing = BRACKETS[name]
    return opening + "; ".join(", ".join(row) for row in _table(node.nodelist) if row) + closing


def _tidy(text: str) -> str:
    """One space between words, and none where LaTeX has none."""
    text = re.sub(f"{_SOFT}(?=[\\w∂√({{\\[]|$)", "", text).replace(_SOFT, " ")
    text = re.sub(f"{_APPLIES} *(?=[(\\[,;)\\]^_]|$)", "", text).replace(_APPLIES, " ")
    return re.sub(r" (?=[,;)\]])|(?<=[(\[]) ", "", " ".join(text.split()))

"""Syntax highlighting of source code, in chunks that do not change when more code follows.

In: the lines of a code block and its language's name. Out: a line of spans for each. A chunk is lexed by itself: it
ends at a blank line after a few lines, or after many lines, so that a long block is highlighted in linear time while it
streams. pygments is imported with the first block that names a language.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mull.terminal.console.code_styles import CODE
from mull.terminal.markdown.spans import Line

SHORT_CHUNK, LONG_CHUNK = 12, 40  # lines
LONGEST_CHUNK = 5_000  # characters; some lexers take quadratic time, 21 s for a line of 40,000 in Perl


def chunk_end(lines: Sequence[str], start: int) -> int:
    """The end of the chunk that begins at line `start`; `len(lines)` if later lines could belong to it."""
    for index in range(start, len(lines) - 1):
        size = index + 1 - start
        ends = (size >= SHORT_CHUNK and not lines[index].strip()) or size >= LONG_CHUNK
        if ends and lines[index + 1].strip():
            return index + 1
    return len(lines)


def highlight(lines: Sequence[str], language: str) -> list[Line]:
    """Each of `lines` as spans; unstyled where the language is unknown."""
    words = language.split()
    lexer = _lexer(words[0].strip("{}.").lower()) if words else None
    if lexer is None:
        return [[(line, "")] for line in lines]
    styled: list[Line] = []
    start = 0
    while start < len(lines):
        end = chunk_end(lines, start)
        styled += _colour("\n".join(lines[start:end]), lexer)
        start = end
    return styled


@lru_cache(maxsize=16)
def _colour(code: str, lexer: Any) -> tuple[Line, ...]:
    """Cached, since a block that is painted again mostly has the same chunks."""
    lines = code.split("\n")
    plain: tuple[Line, ...] = tuple([(line, "")] for line in lines)
    if len(code) > LONGEST_CHUNK:
        return plain
    styled: list[Line] = [[]]
    for kind, text in lexer.get_tokens(code):
        style = _style(kind)
        first, *rest = text.split("\n")
        if first:
            styled[-1].append((first, style))
        styled.extend([(piece, style)] if piece else [] for piece in rest)
    # A lexer may add or drop a line end; then the lines stay unstyled.
    return tuple(styled) if ["".join(text for text, _ in line) for line in styled] == lines else plain


@lru_cache(maxsize=256)
def _style(kind: Any) -> str:
    """The palette's name of the style for a type of token."""
    from pygments.token import STANDARD_TYPES  # type: ignore[import-untyped,unused-ignore]

    while kind not in STANDARD_TYPES:
        kind = kind.parent
    return f"{CODE}{STANDARD_TYPES[kind]}"


@lru_cache(maxsize=32)
def _lexer(language: str) -> Any:
    """The lexer for a language's name or alias; None if there is none, or nothing to highlight."""
    if language in {"text", "plain", "plaintext", "txt", "output", "none"}:
        return None
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped,unused-ignore]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped,unused-ignore]

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None

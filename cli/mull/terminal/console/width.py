"""Text width on a terminal, in cells, and line breaking.

In: sanitized text. Out: widths in cells, and lines that fit. `width` counts as today's terminals draw: a flag, a family
or an emoji with a skin tone takes two cells (the library wcwidth). Older terminals draw the parts one by one; `most` is
the upper bound for them. Breaking is greedy: when more text follows, only the last line changes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

TAB = 4
_WIDE = (
    "\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff"
    "\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
)
# Chinese and Japanese text breaks between any two characters, but not before a closing mark.
_TOKEN = rf"[ ]+|[{_WIDE}][、。，．・：；？！」』）】〕》〉”’….,:;?!)]*|[^ {_WIDE}]+"
# One cell each, and none of them joins its neighbours: the Latin letters, and the signs that mull itself draws.
_SINGLE = re.compile(
    "[ -~\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u2319\u2500-\u25fc\u2800-\u28ff]*"
)
_VARIATION_16 = "\ufe0f"


def width(text: str) -> int:
    """Cells that `text` takes. It must have no control characters."""
    return len(text) if _is_single(text) else sum(map(_cluster_width, _clusters(text)))


def most(text: str) -> int:
    """Cells that `text` takes on a terminal that draws the parts of a sequence one by one: never less than `width`."""
    return len(text) if _is_single(text) else sum(map(_most_of, _clusters(text)))


def longest_word(text: str) -> int:
    """Cells of the widest piece that `breaks` keeps together where it fits."""
    return max((width(token) for token in re.findall(_TOKEN, text) if token[0] != " "), default=0)


def clip(text: str, columns: int, ellipsis: str = "…") -> str:
    """`text` cut to `columns` cells, with an ellipsis if it was cut."""
    if width(text) <= columns:
        return text
    end = fit(text, 0, max(0, columns - width(ellipsis)))
    return (text[:end] + ellipsis) if columns > 0 else ""


def fitting(parts: Iterable[str], columns: int, separator: str, *, clipped: bool = True) -> str:
    """As many of `parts`, from the first on, as fit together; empty ones are skipped.

    If not even the first fits, it is `clipped` or left out.
    """
    line = ""
    for part in filter(None, parts):
        longer = f"{line}{separator}{part}" if line else part
        if width(longer) > columns:
            return line or (clip(part, columns) if clipped else "")
        line = longer
    return line


def breaks(text: str, columns: int, first: int | None = None) -> list[tuple[int, int]]:
    """The lines of `text` (one logical line, tabs expanded) as half-open ranges of it, each at most `columns`
    cells wide.

    `first` is the width of the first line, if it differs. Spaces at a break belong to neither line.
    A character wider than the line still gets a line. There is at least one range.
    """
    columns = max(1, columns)
    room = columns if first is None else first
    lines: list[tuple[int, int]] = []
    start = end = 0  # the current line so far: text[start:end]
    used = 0
    for token in re.finditer(_TOKEN, text):
        at, stop = token.span()
        size = width(text[at:stop])
        if text[at] == " ":
            if at == start:  # indentation stays, up to half of the line
                keep = min(size, room // 2)
                start, end, used = at + size - keep, stop, keep
            continue
        gap = at - end
        if used + gap + size <= room:
            end, used = stop, used + gap + size
            continue
        if end > start or room < columns:
            lines.append((start, end))
            room = columns
        while size > room:
            cut = fit_some(text, at, room)
            lines.append((at, cut))
            at, room = cut, columns
            size = width(text[at:stop])
        start, end, used = at, stop, size
    lines.append((start, max(start, end)))
    return lines


def wrap(text: str, columns: int) -> list[str]:
    """`text` (newlines and tabs allowed) as lines of at most `columns` cells."""
    return [
        line[start:end].rstrip(" ")
        for line in text.expandtabs(TAB).split("\n")
        for start, end in breaks(line, columns)
    ]


def fit(text: str, start: int, columns: int) -> int:
    """The end of the longest piece of `text` from `start` that takes at most `columns` cells.

    What a terminal draws as one character is never divided.
    """
    if _is_single(text):
        return min(len(text), start + max(0, columns))
    used, end = 0, start
    for cluster in _clusters(text, start):
        used += _cluster_width(cluster)
        if used > columns:
            break
        end += len(cluster)
    return end


def fit_some(text: str, start: int, columns: int) -> int:
    """The same, but one character at least."""
    end = fit(text, start, columns)
    return end if end > start or start >= len(text) else start + len(next(_clusters(text, start)))


def _is_single(text: str) -> bool:
    return text.isascii() or _SINGLE.fullmatch(text) is not None


def _clusters(text: str, start: int = 0) -> Iterator[str]:
    """What a reader takes for one character each. wcwidth is imported with the first text that needs it."""
    from wcwidth import iter_graphemes

    return iter_graphemes(text, start)


@lru_cache(maxsize=8192)
def _cluster_width(cluster: str) -> int:
    from wcwidth import wcswidth

    cells = wcswidth(cluster)
    return cells if cells >= 0 else _most_of(cluster)


@lru_cache(maxsize=8192)
def _most_of(cluster: str) -> int:
    from wcwidth import wcswidth

    return max(wcswidth(cluster), sum(map(_char_width, cluster)))


@lru_cache(maxsize=8192)
def _char_width(char: str) -> int:
    """Cells of one character: 0, 1 or 2; the larger number where terminals disagree."""
    if char == _VARIATION_16:
        return 1  # selects the wide, coloured form of the character before it
    if unicodedata.east_asian_width(char) in "WF" or "\U0001f000" <= char <= "\U0001faff":
        return 2
    return 0 if unicodedata.category(char) in {"Mn", "Me"} or char in "\u200b\u200c\u200d\u200e\u200f" else 1

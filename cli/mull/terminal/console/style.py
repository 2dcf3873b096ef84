"""Named styles as SGR codes.

In: text and style names separated by spaces ("dim", "heading code"). Out: the text between the codes that
switch them on and off. `color` off keeps bold, dim and the like (NO_COLOR is about colour); `plain` writes no
codes. Colours are the terminal's own sixteen, so that every theme, dark or light, stays readable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_ATTRIBUTES = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "strike": "9",
    "heading": "1",
    "title": "1;4",
}
_COLORS = {
    "heading": "35",
    "title": "35",
    "code": "36",
    "math": "32",
    "link": "34",
    "url": "2;34",
    "accent": "36",
    "good": "32",
    "warning": "33",
    "error": "1;31",
    "keyword": "35",
    "string": "32",
    "number": "36",
    "comment": "2",
    "name": "34",
    "deleted": "31",
    "inserted": "32",
}
RESET = "\x1b[0m"


@lru_cache(maxsize=1024)
def _codes(style: str, color: bool) -> str:
    """The SGR sequence that begins `style`; empty if nothing of it can be shown."""
    names = style.split()
    wanted = [_ATTRIBUTES[name] for name in names if name in _ATTRIBUTES]
    if color:
        wanted += [_COLORS[name] for name in names if name in _COLORS]
    return f"\x1b[{';'.join(wanted)}m" if wanted else ""


@dataclass(frozen=True, slots=True)
class Style:
    """The styles of one stream."""

    color: bool = True
    plain: bool = False

    def __call__(self, text: str, style: str) -> str:
        """`text` in `style`; it must have no newline, since a style must not extend past its line."""
        codes = "" if self.plain or not style else _codes(style, self.color)
        return f"{codes}{text}{RESET}" if codes and text else text

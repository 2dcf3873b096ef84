"""Named styles as SGR codes, for text that is written without rich.

In: text and style names separated by spaces ("muted", "heading code"). Out: the text between the codes that switch them
on and off. The names are those of the theme (`theme.py`) and attributes such as "bold". `color` off keeps the
attributes (NO_COLOR is about colour); `plain` writes no codes; `links` says that the terminal opens links. rich is
imported with the first style of the theme.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from mull.dataclass import dataclass
from mull.terminal.console.palette import Palette

_ATTRIBUTES = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "strike": "9"}
_MESSAGES = {"error": "1;31", "muted": "2"}  # messages look like this until something is drawn
RESET = "\x1b[0m"


@lru_cache(maxsize=64)
def _attributes(style: str) -> str | None:
    """The codes of a style that has attributes only; None for any other."""
    names = style.split()
    if not all(name in _ATTRIBUTES for name in names):
        return None
    return f"\x1b[{';'.join(_ATTRIBUTES[name] for name in names)}m"


@dataclass(frozen=True, slots=True)
class Style:
    """The styles of one stream."""

    color: bool = True
    plain: bool = False
    palette: Palette = field(default_factory=Palette, compare=False)
    links: bool = False

    def __call__(self, text: str, style: str) -> str:
        """`text` in `style`; it must have no newline, since a style must not extend past its line."""
        if self.plain or not style or not text:
            return text
        codes = _attributes(style)
        if codes is None:
            codes = self.palette.codes(style, color=self.color)
        return f"{codes}{text}{RESET}" if codes else text

    def linked(self, text: str, target: str) -> str:
        """`text` that leads to an address of printable ASCII. Lines of one link have the same id, so that a terminal
        takes them for one."""
        if self.plain or not self.links or not text:
            return text
        return f"\x1b]8;id={crc32(target.encode()):x};{target}\x1b\\{text}\x1b]8;;\x1b\\"

    def message(self, text: str, style: str) -> str:
        """The same for an error or a notice: it does not import rich, which a failing command never needs."""
        if self.palette.ready or style not in _MESSAGES:
            return self(text, style)
        codes = _MESSAGES[style] if self.color else "1" if style == "error" else "2"
        return text if self.plain or not text else f"\x1b[{codes}m{text}{RESET}"


class Styled(NamedTuple):
    """A text and the names of its style. `mark`: one character to stand before it on a terminal; a space aligns the
    texts that have none."""

    text: str
    style: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return self.text

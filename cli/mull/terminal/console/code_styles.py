"""The styles of source code: those of the theme, or of a theme of Pygments that the user names.

In: pygments' short names of token types ("kn", "s1"), which highlighted spans carry after `CODE`. Out: rich styles.
Raises MullError (invalid_config) for a theme that Pygments does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mull.errors import MullError
from mull.suggest import did_you_mean, nearest

if TYPE_CHECKING:
    from rich.style import Style as RichStyle
    from rich.syntax import SyntaxTheme

CODE = "code."
# The longest prefix of a short name wins.
_STYLES = {
    "k": "keyword",
    "kt": "name",
    "s": "string",
    "m": "number",
    "c": "comment",
    "nf": "name",
    "nc": "name",
    "nb": "name",
    "nt": "keyword",
    "na": "name",
    "ow": "keyword",
    "gd": "deleted",
    "gi": "inserted",
    "gh": "heading",
    "gu": "comment",
}


def theme_style(short: str, styles: Mapping[str, RichStyle]) -> RichStyle:
    """The style of a token type in the theme itself."""
    from rich.style import Style as RichStyle

    names = (_STYLES.get(short[:size]) for size in range(len(short), 0, -1))
    name = next((name for name in names if name), None)
    return styles[name] if name else RichStyle.null()


def pygments_theme(name: str) -> SyntaxTheme:
    """The theme of Pygments of that name."""
    from pygments.styles import get_all_styles  # type: ignore[import-untyped,unused-ignore]
    from rich.syntax import PygmentsSyntaxTheme

    known = list(get_all_styles())
    if name not in known:
        raise MullError(
            "invalid_config",
            f'Pygments has no theme "{name}" (code_theme in the config).',
            did_you_mean(nearest(name, known), f"It has {', '.join(sorted(known))}."),
        )
    return PygmentsSyntaxTheme(name)


def pygments_style(short: str, theme: SyntaxTheme) -> RichStyle:
    """The style of a token type in a theme of Pygments, without its background."""
    from pygments.token import STANDARD_TYPES, Token  # type: ignore[import-untyped,unused-ignore]
    from rich.style import Style as RichStyle

    kind = next((kind for kind, name in STANDARD_TYPES.items() if name == short), Token)
    found = theme.get_style_for_token(kind)
    return RichStyle(color=found.color, bold=found.bold, italic=found.italic, underline=found.underline)

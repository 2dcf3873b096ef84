"""mull's own signs for a terminal that does not take UTF-8: three dots for an ellipsis, `+` for a check mark.

In: text with characters that the terminal's encoding does not have. Out: the text with what stands for them, `?` for
those without a stand-in. `REPLACE` is the name of the same as an error handler of Python's encoders.
"""

from __future__ import annotations

import codecs

REPLACE = "mull.ascii"
_SIGNS = {
    "…": "...",
    **dict.fromkeys("–—−─", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’′", "'"),
    **dict.fromkeys("·•◦▪", "-"),
    **dict.fromkeys("★■●", "*"),
    **dict.fromkeys("▸↳", ">"),
    "│": "|",
    "→": "->",
    "←": "<-",
    "✓": "+",
    "×": "x",
    "▾": "v",
    "≤": "<=",
    "≥": ">=",
    **{chr(0x2400 + code): "^" + chr(0x40 + code) for code in range(0x20)},
    "␡": "^?",
}
_TABLE = str.maketrans(_SIGNS)


def ascii_text(text: str) -> str:
    """`text` with mull's signs spelled in ASCII; other characters stay."""
    return text.translate(_TABLE)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SIGNS.get(char, "?") for char in missing), error.end


codecs.register_error(REPLACE, _replaced)

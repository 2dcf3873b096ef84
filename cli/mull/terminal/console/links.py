"""Does the terminal open links in text (OSC 8)? It cannot be asked; its name and version are in the environment.

In: the environment. Out: yes only where it is known, since an old terminal may print the sequence. FORCE_HYPERLINK
(1 or 0), which other tools follow too, overrides it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# TERM_PROGRAM: from which version on.
_PROGRAMS = {
    "iTerm.app": (3, 1), "WezTerm": (0, 0), "vscode": (1, 72), "ghostty": (0, 0), "Hyper": (3, 0), "Tabby": (0, 0),
    "rio": (0, 0), "tmux": (3, 4),
}  # fmt: skip
_TERMS = frozenset({"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "foot-extra", "wezterm", "contour"})


def opens_links(environ: Mapping[str, str]) -> bool:
    """True where the terminal is known to."""
    forced = environ.get("FORCE_HYPERLINK", "")
    if forced:
        return forced not in {"0", "false"}
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    version = _version(environ.get("TERM_PROGRAM_VERSION", ""))
    if environ.get("TMUX") or environ.get("STY") or term.startswith(("screen", "tmux")):
        # What runs around it left its variables here; tmux passes links on from 3.4 on, where that can show them.
        return program == "tmux" and version >= _PROGRAMS["tmux"]
    if program in _PROGRAMS:
        return version >= _PROGRAMS[program]
    return (
        term in _TERMS
        or bool(environ.get("WT_SESSION"))
        or _version(environ.get("VTE_VERSION", "")) >= (5000, 0)
        or _version(environ.get("KONSOLE_VERSION", "")) >= (201_200, 0)
    )


def _version(text: str) -> tuple[int, int]:
    """The first two parts of a version: (3, 4) of "3.4a"; zeros where there is none."""
    found = re.match(r"(\d{1,9})(?:\.(\d{1,9}))?", text)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)

"""docs/screens.md: every picture of docs/screens/, from the table of scenes."""

from __future__ import annotations

from docgen.screens.scenes import SCENES, THEMES, Scene

HEAD = """\
# Screens

How mull looks in a terminal of 80 columns, and some of it in 120 and 40. `make screens` takes these pictures of the
real program in a pseudo-terminal, with pebble and with `script`, a model that plays a script and is slowed down to 25
or 50 tokens per second. What is said about the machine is said about an example with 32 GiB of memory. The
[recording](screens/session.svg) of a session is also there [for asciinema](screens/session.cast).

[themes.md](themes.md) explains how a theme is chosen.
"""


def page() -> str:
    """The page."""
    return HEAD + "".join(map(_section, SCENES))


def _section(scene: Scene) -> str:
    rows = [f"\n## {scene.about}\n"]
    for columns in scene.widths:
        if len(scene.widths) > 1:
            rows.append(f"{columns} columns:\n")
        links = [
            f"![{scene.about}, {columns} columns, {theme}](screens/{scene.name}-{columns}-{theme}.svg)"
            for theme in THEMES
        ]
        rows.append(f"| {' | '.join(THEMES)} |\n| --- | --- |\n| {' | '.join(links)} |\n")
    return "\n".join(rows)

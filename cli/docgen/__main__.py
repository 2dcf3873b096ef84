"""Write the generated pages of docs/, or with --check name the stale ones and exit with 1.

`pages` names them all, each with the module that makes it. `docgen.screens`, which takes pictures of a terminal, is a
command by itself.
"""

from __future__ import annotations

import sys

from docgen import (
    DOCS,
    chat,
    commands,
    completion,
    diagram,
    errors,
    families,
    fit_table,
    gallery,
    man,
    performance,
    settings,
    themes,
)


def pages() -> dict[str, str]:
    """The text of every generated page, by its path under docs/."""
    return {
        "architecture.svg": diagram.page(),
        "commands.md": commands.page(),
        "config.md": settings.page(),
        "chat.md": chat.page(),
        "errors.md": errors.page(),
        "models.md": fit_table.page(),
        "performance.md": performance.page(),
        "reasoning.md": families.page(),
        "screens.md": gallery.page(),
        "themes.md": themes.page(),
        **{f"completion/{name}": text for name, text in completion.pages().items()},
        **{f"man/{name}": text for name, text in man.pages().items()},
    }


def main() -> int:
    """Returns a process exit code."""
    check = "--check" in sys.argv
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and check:
        sys.stderr.write(f"Stale: {', '.join(stale)}. make docs updates them.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

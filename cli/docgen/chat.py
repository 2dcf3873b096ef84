"""docs/chat.md: a hand-written page with the table of slash commands between two markers."""

from __future__ import annotations

from docgen import DOCS
from mull.commands.chat import slash

BEGIN, END = "<!-- commands -->\n", "<!-- end -->"


def page() -> str:
    """The page with a fresh table."""
    before, _, rest = (DOCS / "chat.md").read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}{slash.docs_table()}{end}{after}"

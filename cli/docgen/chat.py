"""docs/chat.md: a hand-written page with the table of slash commands between two markers."""

from __future__ import annotations

from docgen import DOCS
from mull.commands.chat.slash import COMMANDS, SlashCommand

BEGIN, END = "<!-- commands -->\n", "<!-- end -->"


def page() -> str:
    """The page with a fresh table."""
    before, _, rest = (DOCS / "chat.md").read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{end}{after}"


def table() -> str:
    """The table of the docs page, as Markdown."""
    rows = [f"| `{_cell(command.usage)}` | {_cell(_about(command))} |" for command in COMMANDS]
    return "\n".join(["| command | does |", "| --- | --- |", *rows]) + "\n"


def _about(command: SlashCommand) -> str:
    also = " ".join(f"`/{alias}`" for alias in command.aliases)
    return f"{command.about} Also: {also}." if also else command.about


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

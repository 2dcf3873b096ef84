"""Thoughts as Markdown: in the panel, in the scrollback, and unchanged by widths and chunks."""

from __future__ import annotations

import re

import pytest

from mull.terminal.console.style import Style
from mull.terminal.markdown.stream import render
from mull.terminal.markdown.thoughts import TONE, MarkdownThoughts, drawn
from mull.terminal.views.thinking_panel import ThinkingPanel
from tests.terminal.documents import chunks, document

PLAIN = Style(plain=True)
SOURCE = "First **look** at `x`:\n\n- one\n- two\n\n```py\ny = 1\n```\n"


def panel(text: str, style: Style = PLAIN) -> ThinkingPanel:
    shown = ThinkingPanel("auto", style, unicode=True, began=0.0, text=MarkdownThoughts(style))
    for number, piece in enumerate(chunks(text, 3, 5)):
        shown.feed(piece, number)
        shown.live(40, 10, 1.0)
    return shown


def test_the_panel_shows_markdown_while_it_arrives() -> None:
    shown = panel(SOURCE)
    shown.toggle()
    shown.toggle()
    assert shown.live(40, 12, 1.0)[1:] == [
        *("│ First look at `x`:", "│ ", "│ • one", "│ • two", "│ ", "│   y = 1"),
    ]


def test_what_stays_is_the_whole_text() -> None:
    shown = panel(SOURCE + "\n-")
    shown.fold = "open"
    shown.finish(2.0)
    assert shown.left(40, shown.fold)[1:-1] == [f"│ {line}" for line in render(SOURCE + "\n-", 37, PLAIN)]


@pytest.mark.parametrize("seed", range(8))
def test_widths_and_chunks_do_not_matter(seed: int) -> None:
    source, whole = document(seed), MarkdownThoughts(PLAIN)
    whole.feed(source)
    whole.finish()
    parts = MarkdownThoughts(PLAIN)
    for number, piece in enumerate(chunks(source, seed, max(40, len(source) // 8))):
        parts.feed(piece)
        parts.newest((30, 50)[number % 2], 6)
    parts.finish()
    wanted = render(source, 50, PLAIN, tone=TONE)
    while wanted and not wanted[-1]:
        wanted.pop()
    assert parts.all(50) == whole.all(50) == wanted
    assert parts.newest(50, 3) == wanted[-3:]


def test_lines_that_were_taken_do_not_come_again() -> None:
    thoughts = MarkdownThoughts(PLAIN)
    taken: list[str] = []
    for piece in chunks(SOURCE * 4, 1, 9):
        thoughts.feed(piece)
        taken += thoughts.take(40)
    thoughts.finish()
    assert [*taken, *thoughts.all(40)] == render(SOURCE * 4, 40, PLAIN)


def test_thoughts_have_their_own_tone() -> None:
    style = Style()
    text = "".join(drawn(SOURCE + "# Head\\n\\n> quote", 40, style, unicode=True, math=False))
    codes = [found[1].split(";") for found in re.finditer(r"\x1b\[([0-9;]*)m", text)]
    assert all("2" in code for code in codes if code != ["0"])  # dim, in the theme "ansi"
    assert text.endswith("\x1b[0m")
    assert style("y", f"{TONE} bold") in "".join(drawn("**y**", 40, style, unicode=True, math=False))
    assert "\x1b]8" not in "".join(drawn("<https://x.y>", 40, Style(links=True), unicode=True, math=False))


def test_a_narrow_summary_breaks_no_word() -> None:
    shown = panel(SOURCE)
    shown.fold = "folded"
    shown.finish(2.0)
    assert re.fullmatch(r"▸ Thought for 2.0 s · \d+ tokens", shown.left(40, shown.fold)[0])
    assert shown.left(25, shown.fold)[0] == "▸ Thought for 2.0 s"

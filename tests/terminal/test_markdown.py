"""Markdown: rendering, and that streaming gives the same lines as rendering the whole document."""

from __future__ import annotations

import re

import pytest

from mull.terminal.console.style import Style
from mull.terminal.console.width import width
from mull.terminal.markdown.stream import MarkdownStream, render
from tests.terminal.documents import chunks, document

WIDTHS = (20, 40, 80, 200)
PLAIN = Style(plain=True)
SGR = re.compile(r"\x1b\[[0-9;]*m")
FEW = 24


def streamed(source: str, columns: int, style: Style, *, seed: int, longest: int) -> list[str]:
    """The scrollback after `source` arrived in chunks, with a frame after each."""
    view = MarkdownStream(style)
    lines: list[str] = []
    for piece in chunks(source, seed, longest):
        view.feed(piece)
        lines += view.take(columns, 14)[0]
    return lines + view.finish(columns)


def check(seed: int) -> None:
    source, style = document(seed), Style(color=seed % 3 > 0)
    for columns in WIDTHS:
        whole = render(source, columns, style)
        longest = max((3, 40, 400)[seed % 3], len(source) // 12)
        assert streamed(source, columns, style, seed=seed, longest=longest) == whole
        assert all(width(SGR.sub("", line)) <= columns for line in whole)


@pytest.mark.parametrize("seed", range(FEW))
def test_committed_blocks_equal_the_whole_documents_render(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, 200))
def test_committed_blocks_equal_the_whole_documents_render_for_many(seed: int) -> None:
    check(seed)


@pytest.mark.parametrize(
    "source",
    [
        "- a\n- b\n\n- c\n\ntext\n",
        "1. a\n2. b\n\n   c\n\n# H\n",
        "a\n***\n***b***\n",
        "- a\n- b | c\n|-|-|\n",  # a line that begins an item is no header
        "1. a\n2. b | c\n|-|-|\n\ntext\n",
        "a\n# b | c\n|-|-|\n",
        "a\n> b | c\n|-|-|\n",
        "1. a\n\n   - b\n\n   c d\n   e\n\n   > f\n   >\n   > g\n2. h\n\n   ```py\n   x = 1\n   ```\n\n   i",
        "  1. a\n     1. b\n         ```\n",
        "> - a\n>   - b\n>   - c\n>\n>     d\n> - e\n>\n> f\n\n- - g\n  - h\n- > i\n  >\n  > j\n",
        "- [ ] a\n\n  | b |\n  | - |\n  | c |\n\n  d\n- [x] e\n  1. f\n\n  2. g\n",
    ],
)
def test_every_chunking_gives_the_same_lines(source: str) -> None:
    whole = render(source, 40, PLAIN)
    for cut in range(len(source)):
        view = MarkdownStream(PLAIN)
        lines = []
        for piece in (source[:cut], source[cut:]):
            view.feed(piece)
            lines += view.take(40, 10)[0]
        assert lines + view.finish(40) == whole


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("one\ntwo  \nthree", ["one", "two", "three"]),
        ("# Title\ntext", ["Title", "text"]),
        ("a\n\n\n\nb", ["a", "", "b"]),
        ("- a\n  - b\n    - c\n- d", ["• a", "  ◦ b", "    ▪ c", "• d"]),
        ("- [ ] a\n- [x] b\n- [y] c\n1. [ ] d", ["☐ a", "☑ b", "• [y] c", "1. [ ] d"]),
        ("a<br>b <BR/>\nc `<br>`", ["a", "b", "c `<br>`"]),
        ("|a|\n|-|\n|1<br>2|", ["a", "───", "1 2"]),
        ("7. a\n8. b", ["7. a", "8. b"]),
        ("- a\n\n- b", ["• a", "", "• b"]),
        ("> a\n>\n> b", ["│ a", "│", "│ b"]),
        ("```py\nx = 1\n\n\ty\n```\n", ["  x = 1", "", "      y"]),
        ("---", ["────────────────────"]),
        ("[a](http://b.c/d_e) <http://x.y>", ["a (http://b.c/d_e)", "http://x.y"]),
        ("![alt](pic.png)", ["[alt] (pic.png)"]),
        ("`code` and **bold** ~~no~~", ["`code` and bold no"]),
        ("<b>html</b> &lt;", ["<b>html</b> <"]),
        ("$x_1 * y_2 * z$", ["$x_1 * y_2 * z$"]),
        ("\\(a\\_b\\) \\[c * d * e\\]", ["\\(a\\_b\\) \\[c * d *", "e\\]"]),
        ("from $5 to $10*", ["from $5 to $10*"]),
        ("$$\nx_1 \\\\\n- y\n$$", ["  $$", "  x_1 \\\\", "  - y", "  $$"]),
        ("|a|b|\n|-|-:|\n|1|22|", ["a │  b", "──┼───", "1 │ 22"]),
        ("[ref]: http://x.y\n", ["[ref]: http://x.y"]),
        ("你好世界你好世界你好世界", ["你好世界你好世界你好", "世界"]),
        ("a" * 25, ["a" * 20, "a" * 5]),
        ("&#x9b;31m &#x202e;", ["\\u202e"]),
    ],
)
def test_rendering(source: str, lines: list[str]) -> None:
    shown = render(source, 20, PLAIN)
    if source.startswith("&#"):
        assert "\x9b" not in "".join(shown)
        assert "\u202e" not in "".join(shown)
    else:
        assert shown == lines


def test_a_table_that_is_too_wide_becomes_a_list() -> None:
    source = "|a|b|c|d|e|\n|-|-|-|-|-|\n|1|2|3|4|5|\n|6|7|8|9|0|\n"
    assert render(source, 20, PLAIN) == [
        *("a: 1", "b: 2", "c: 3", "d: 4", "e: 5"), "", *("a: 6", "b: 7", "c: 8", "d: 9", "e: 0"),
    ]  # fmt: skip


def test_without_unicode_only_ascii_is_added() -> None:
    source = "- a\n\n> b\n\n---\n\n|a|b|\n|-|-|\n|1|2|\n"
    assert "".join(render(source, 20, PLAIN, unicode=False)).isascii()


def test_styles_are_closed_on_every_line() -> None:
    for line in render(document(3) + "\n\n**bold over\ntwo lines**", 40, Style()):
        assert line.count("\x1b[0m") == len(SGR.findall(line)) - line.count("\x1b[0m")


def test_a_line_of_unknown_kind_is_not_shown_yet() -> None:
    view = MarkdownStream(PLAIN)
    view.feed("Title\n-")
    assert view.take(40, 10)[1] == ["Title"]
    view.feed(" item")
    assert view.take(40, 10)[1] == ["Title", "• item"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("Ways:\n\n| a |", ["Ways:"]),
        ("Ways:\n\n| a | b |\n", ["Ways:"]),
        ("Ways:\n\n| a | b |\n|", ["Ways:"]),
        ("Ways:\n\n| a | b |\n| :-- |", ["Ways:"]),
        ("| a | b |\n| - | - |\n", ["a │ b", "──┼──"]),
        ("| a | b |\n| - | - |\n| 1", ["a │ b", "──┼──", "1 │"]),
        ("| a |\nno table", ["| a |", "no table"]),
    ],
)
def test_the_head_of_a_table_is_not_shown_as_text(source: str, shown: list[str]) -> None:
    stream, lines = MarkdownStream(PLAIN), []
    for char in source:
        stream.feed(char)
        final, tail = stream.take(40, 20)
        lines += final
    assert [line for line in (*lines, *tail) if line] == shown
    assert "".join(stream.finish(40)).strip()  # an answer that ends there shows it all the same


def test_only_the_tail_is_stored() -> None:
    """The unfinished part stays small, whatever a model writes."""
    for unit in ("word ", "词语", "line\n", "- item\n", "1. item\n", "|a|b|\n"):
        view = MarkdownStream(PLAIN)
        view.feed("|a|b|\n|-|-|\n" if unit.startswith("|") else "")
        for _ in range(40):
            view.feed(unit * 40)
            view.take(40, 10)
        assert len(view.take(40, 10)[1]) < 80, unit
    view = MarkdownStream(PLAIN)
    view.feed("```python\n")
    for _ in range(30):
        view.feed("x = 1\n" * 10)
        view.take(40, 10)
    assert len(view.take(40, 10)[1]) < 80

"""The work of drawing an answer, counted: linear in its length, and little for what has not changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mull.terminal.console.style import Style
from mull.terminal.markdown import blocks, stream
from mull.terminal.markdown.inline import lines_of
from mull.terminal.markdown.parser import parse
from mull.terminal.markdown.stream import MarkdownStream

WORDS = "the quick brown fox jumps over **the lazy** dog and `code` "
STEP = 32  # characters per frame


class Work:
    """Characters that were parsed, and characters that were laid out, by every frame of an answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parsed = self.laid_out = 0
        monkeypatch.setattr(stream, "parse", self._parse)
        monkeypatch.setattr(blocks, "lines_of", self._lines_of)
        monkeypatch.setattr(blocks, "highlight", self._highlight)
        self._plain = blocks.highlight

    def of(self, source: str) -> tuple[int, int]:
        self.parsed = self.laid_out = 0
        view = MarkdownStream(Style(plain=True))
        for start in range(0, len(source), STEP):
            view.feed(source[start : start + STEP])
            view.take(79, 14)
        view.finish(79)
        return self.parsed, self.laid_out

    def _parse(self, source: str) -> object:
        self.parsed += len(source)
        return parse(source)

    def _lines_of(self, token, *arguments, **options):  # type: ignore[no-untyped-def]
        self.laid_out += len(token.content)
        return lines_of(token, *arguments, **options)

    def _highlight(self, lines, _language):  # type: ignore[no-untyped-def]
        self.laid_out += sum(map(len, lines))
        return [[(line, "")] for line in lines]


def _code(lines: int) -> str:
    return "```python\n" + "x = call(1, 'two')  # three\n" * lines


def _table(rows: int) -> str:
    return "| a | b |\n| - | -: |\n" + "".join(f"| item {row} | {WORDS} |\n" for row in range(rows))


def _indented(text: str, prefix: str) -> str:
    return "".join(prefix + line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(
    "source",
    [
        lambda times: WORDS * (160 * times),
        lambda times: "|a|b|\n|-|-|\n" + "| one item | some words about it |\n" * (75 * times),
        lambda times: "```python\n" + "    x = call(1, 'two')  # three\n" * (200 * times),
        lambda times: f"- {WORDS}\n" * (60 * times),
        lambda times: f"{WORDS}\n\n" * (60 * times),
        lambda times: "- outer\n" + f"  - {WORDS}\n" * (60 * times),
        lambda times: "1. outer\n\n   - inner\n\n" + f"     1. {WORDS}\n" * (60 * times),
        lambda times: f"> {WORDS}\n>\n" * (60 * times),
        lambda times: "> - outer\n" + f">   - {WORDS}\n" * (60 * times),
        lambda times: "- outer\n\n" + _indented(_code(120 * times), "  "),
        lambda times: "1. outer\n   - inner\n" + _indented(_code(120 * times), "     "),
        lambda times: "- " + _indented(_code(120 * times), "  ")[2:],
        lambda times: "- outer\n\n" + "      x = call(1, 'two')  # three\n" * (120 * times),
        lambda times: "- outer\n\n" + _indented(_table(60 * times), "  "),
        lambda times: "- outer\n  1. inner\n\n" + _indented(_table(60 * times), "     "),
        lambda times: "> - outer\n>\n" + _indented(_table(60 * times), ">   "),
    ],
    ids=[
        *("paragraph", "table", "code", "list", "paragraphs", "nested", "deep", "quote", "quoted list"),
        *("code in an item", "code two deep", "code at a mark", "indented code in an item"),
        *("table in an item", "table two deep", "table in a quoted list"),
    ],
)
def test_twice_the_answer_is_twice_the_work(
    source: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    once, twice = work.of(source(1)), work.of(source(2))
    assert twice[0] <= 2.2 * once[0]
    assert twice[1] <= 2.2 * once[1]


def test_what_has_not_changed_is_not_laid_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns' sizes are clear after a table's first rows; until then its cells are laid out once each."""
    rows = "".join(f"  | item {number} | {WORDS * 4} |\n" for number in range(12))
    source = f"- outer\n\n  | a | b |\n  | - | - |\n{rows}"
    work = Work(monkeypatch)
    assert work.of(source)[1] <= 4 * len(source)

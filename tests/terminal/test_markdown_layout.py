"""How Markdown fits narrow screens: tables as records, marks where code was broken, characters of two cells."""

from __future__ import annotations

import pytest

from mull.terminal.console.style import Style
from mull.terminal.console.width import width
from mull.terminal.markdown.stream import MarkdownStream, render

PLAIN = Style(plain=True)
FUNCTIONS = "| name | what |\n|---|---|\n| `binary_search` | halves the range |\n| sort | orders it all |\n"


def streamed(source: str, columns: int, step: int) -> list[str]:
    view = MarkdownStream(PLAIN)
    lines: list[str] = []
    for start in range(0, len(source), step):
        view.feed(source[start : start + step])
        lines += view.take(columns, 10)[0]
    return lines + view.finish(columns)


def test_a_table_wraps_between_words() -> None:
    assert render(FUNCTIONS, 27, PLAIN) == [
        "name            │ what",
        "────────────────┼──────────",
        "`binary_search` │ halves",
        "                │ the range",
        "sort            │ orders it",
        "                │ all",
    ]


def test_a_table_that_would_break_a_word_becomes_records() -> None:
    assert render(FUNCTIONS, 22, PLAIN) == [
        "name: `binary_search`",
        "what: halves the range",
        "",
        "name: sort",
        "what: orders it all",
    ]


def test_a_record_that_takes_more_than_a_line_is_indented() -> None:
    source = "|a|what it does|\n|-|-|\n|binary_search_iterative|halves the range of items|\n"
    assert render(source, 22, PLAIN) == [
        "a:",
        "  binary_search_iterat",
        "  ive",
        "what it does: halves",
        "  the range of items",
    ]


@pytest.mark.parametrize("columns", [10, 17, 22, 40, 80])
@pytest.mark.parametrize("step", [1, 7, 400])
def test_long_tables_stream_as_they_are_rendered(columns: int, step: int) -> None:
    rows = "".join(
        f"| item{number} | {'word ' * (number % 5)} | {'x' * (number % 23)} |\n" for number in range(40)
    )
    source = f"| name | words | more |\n|---|:-:|--:|\n{rows}\nend"
    whole = render(source, columns, PLAIN)
    assert streamed(source, columns, step) == whole
    assert all(width(line) <= columns for line in whole)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("one two three four", ["  one two three four"]),
        ("one two three four five", ["  one two three four", "↳ five"]),
        ("    indented twice here", ["      indented twice", "↳ here"]),
        ("call(first,second,third)", ["  call(first,second,", "↳ third)"]),
        ("a" * 40, ["  " + "a" * 18, "↳ " + "a" * 18, "↳ aaaa"]),
        ("你好世界你好世界你好世界", ["  你好世界你好世界你", "↳ 好世界"]),
        ("x " + "👨‍👩‍👧" * 10, ["  x " + "👨‍👩‍👧" * 8, "↳ " + "👨‍👩‍👧" * 2]),
        ("", [""]),
    ],
)
def test_long_code_is_broken_at_words_with_a_mark(code: str, lines: list[str]) -> None:
    assert render(f"```\n{code}\n```\n", 20, PLAIN) == lines
    assert render(f"```\n{code}\n```\n", 20, PLAIN, unicode=False) == [
        line.replace("↳ ", "> ") for line in lines
    ]


def test_columns_line_up_beside_flags_and_families() -> None:
    lines = render("|a|b|\n|-|-|\n|🇩🇪|x|\n|👨‍👩‍👧|y|\n|👍🏽|z|\n|ab|w|\n", 20, PLAIN)
    assert {line.partition("│")[0].strip(): width(line.partition("│")[0]) for line in lines if "│" in line} == {
        "a": 3, "🇩🇪": 3, "👨‍👩‍👧": 3, "👍🏽": 3, "ab": 3,
    }  # fmt: skip


@pytest.mark.parametrize("sign", ["- ", "> ", "1. "])
def test_what_is_nested_without_end_is_still_shown(sign: str) -> None:
    assert "the end" in "\n".join(render(sign * 100 + "the end\n\nand more", 200, PLAIN))
    deep = "\n".join(" " * 3 * number + f"{sign}a{number}." for number in range(40))
    shown = "\n".join(render(deep, 400, PLAIN))
    assert all(f"a{number}." in shown for number in range(40))
    stream = MarkdownStream(PLAIN)
    stream.feed(sign * 100 + "the end")
    assert "the end" in "\n".join(stream.finish(300))

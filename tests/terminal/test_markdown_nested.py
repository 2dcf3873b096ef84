"""Code and tables inside items and quotes: streamed in any chunks they give the lines of the whole document."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.terminal.console.style import Style
from mull.terminal.markdown.stream import MarkdownStream, render
from tests.terminal.documents import chunks

# The lines before what is nested, with its first line's prefix, and its other lines' prefix.
PLACES = [
    ("- outer\n\n", "  ", "  "),
    ("7. outer\n", "   ", "   "),
    ("", "- ", "  "),
    ("", "10) ", "    "),
    ("- [x] outer\n\n", "  ", "  "),
    ("-\touter\n\n", "\t", "\t"),
    ("-\n", "  ", "  "),
    ("-   \n", "  ", "  "),
    ("- # Head\n\n", "  ", "  "),
    ("- a\n- outer\n  1. inner\n\n", "     ", "     "),
    ("1. outer\n\n   * inner\n\n     text\n", "     ", "     "),
    ("> - outer\n>\n", ">   ", ">   "),
    ("- outer\n\n", "  > ", "  > "),
    ("- outer\n\n  > 1. inner\n  >\n", "  >    ", "  >    "),
    ("- ```\n  ```\n", "  ", "  "),  # an item's mark is on the line of the first block that has one
]
CODE = [
    "x = 1  # one",
    "    y('two')",
    "",
    "# no heading",
    "- no item",
    "| no | table |",
    "~~",
    "``",
    "z" * 130,
]
TABLE_LINES = ["| --- | :-: | --: |", "| :- | - | - |"]


@st.composite
def code(draw: st.DrawFn) -> list[str]:
    fence = draw(st.sampled_from(["```", "~~~", "`````", "~~~~"]))
    info = draw(st.sampled_from(["", "python", " js title=x"]))
    shorter = [fence[:-1], fence[:3] if len(fence) > 3 else ""]
    lines = draw(st.lists(st.sampled_from(CODE + shorter), min_size=30, max_size=90))
    indented = draw(st.sampled_from(["", " "]))
    closing = [indented + fence] if draw(st.booleans()) else []
    return [indented + fence + info, *lines, *closing]


@st.composite
def indented_code(draw: st.DrawFn) -> list[str]:
    lines = draw(st.lists(st.sampled_from(CODE), min_size=30, max_size=90))
    return ["    first", *(f"    {line}" if line else "" for line in lines), "    last"]


@st.composite
def table(draw: st.DrawFn) -> list[str]:
    cell = st.sampled_from(["a", "**bold** text", "`code`", "some more words", "你好", ""])
    rows = draw(st.lists(st.tuples(cell, cell, cell), min_size=10, max_size=30))
    return ["| a | b | c |", draw(st.sampled_from(TABLE_LINES)), *(f"| {' | '.join(row)} |" for row in rows)]


@st.composite
def nested(draw: st.DrawFn) -> str:
    before, first, other = draw(st.sampled_from(PLACES))
    block = draw(st.one_of(code(), indented_code(), table()))
    after = draw(
        st.sampled_from([[], ["", "more"], ["", "- item"], ["text"], ["", "| a |", "| - |", "| b |"]])
    )
    lines = [first + block[0], *(other + line if line else other.rstrip(" ") for line in block[1:] + after)]
    return before + "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n- a\n", "\ntext\n"]))


@settings(max_examples=12)
@given(
    nested(), st.integers(0, 999), st.sampled_from([40, 80, 120]), st.sampled_from([40, 400]), st.booleans()
)
def test_streamed_it_equals_the_whole_documents_render(
    source: str, seed: int, columns: int, longest: int, color: bool
) -> None:
    style = Style(color=color)
    view, lines = MarkdownStream(style), []
    for piece in chunks(source, seed, longest):
        view.feed(piece)
        lines += view.take(columns, 14)[0]
    assert lines + view.finish(columns) == render(source, columns, style)


@pytest.mark.parametrize("place", range(len(PLACES)))
def test_every_border_of_two_chunks_gives_the_same_lines(place: int) -> None:
    before, first, other = PLACES[place]
    rows = [f"| {row} | `x` |" for row in range(15)]
    source = (
        before + first + f"\n{other}".join(["| a | b |", "| - | -: |", *rows, "", "~~~ py", "x = 1"]) + "\n"
    )
    whole = render(source, 40, Style(plain=True))
    for cut in range(0, len(source), 7):
        view, lines = MarkdownStream(Style(plain=True)), []
        for piece in (source[:cut], source[cut:]):
            view.feed(piece)
            lines += view.take(40, 10)[0]
        assert lines + view.finish(40) == whole


@pytest.mark.parametrize(
    ("opened", "line"),
    [
        ("- outer\n\n  ```python\n", "  x = 1\n"),
        ("1. outer\n   - inner\n\n     | a |\n     | - |\n", "     | b |\n"),
    ],
)
def test_only_the_end_of_it_is_stored(opened: str, line: str) -> None:
    view = MarkdownStream(Style(plain=True))
    view.feed(opened)
    for _ in range(60):
        view.feed(line * 5)
        _, tail = view.take(40, 10)
        assert len(tail) < 50

"""Streamed Markdown: finished blocks for the scrollback, the unfinished tail for the live region, in linear time.

In: Markdown in any chunks. Out: `take` returns the lines that became final since the last call, and the tail's lines;
`finish` returns the rest; joined they equal `render` of the whole document. Only the tail is stored. Final are: all
blocks but the last; within it, all items of a list and all blocks of a quote but the last, the finished chunks of a
code block and the rows of a long table, at any depth, and the first pieces of a very long paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mull.terminal.console.sanitize import Sanitizer, visible
from mull.terminal.console.style import Style
from mull.terminal.markdown.blocks import (
    BlockLayout,
    Cache,
    Continuation,
    gap_before,
    split_blocks,
)
from mull.terminal.markdown.cuts import last_cut
from mull.terminal.markdown.painting import painted, toned
from mull.terminal.markdown.parser import PIECE, SENTINEL, parse, piece_end
from mull.terminal.markdown.spans import Line

# The beginning of a line that may become a rule, a heading, a fence …: not shown until it is clear.
_UNDECIDED = re.compile(r"\s*([-=*_#>|~`+]+|\d+[.)])[ \t]*")
# A line that may still become the one below a table's head.
_BELOW_HEAD = re.compile(r"[ \t|:-]*")
# Blocks that may continue after a blank line.
_CONTINUES = frozenset({"bullet_list_open", "ordered_list_open", "code_block"})


def render(
    source: str,
    columns: int,
    style: Style,
    *,
    unicode: bool = True,
    math: bool = False,
    tone: str = "",
    margin: int = 0,
) -> list[str]:
    """A whole document as lines of at most `columns` cells; see `MarkdownStream`."""
    stream = MarkdownStream(style, unicode=unicode, math=math, tone=tone, margin=margin)
    return stream.whole(visible(source), columns)


class MarkdownStream:
    """An answer in Markdown; see `bodies.AnswerBody`.

    `math`: formulas as Unicode text, where it has it. `tone`: a style for all of the text, which keeps of its own
    styles only what says something: emphasis, code, links. `margin`: the columns that the caller leaves free at the
    right edge; only a rule fills them.
    """

    def __init__(
        self, style: Style, *, unicode: bool = True, math: bool = False, tone: str = "", margin: int = 0
    ) -> None:
        self._style = style
        self._margin = margin
        self._math = math and unicode
        self._tone = tone
        self._cache: Cache = {}
        self._unicode = unicode
        self._sanitizer = Sanitizer()
        self._tail = ""  # the source that is not final
        self._continuation = Continuation()
        self._searched = 0  # length of the tail's whole lines at the last search for a cut
        self._shown: tuple[str, int] | None = None  # (tail, columns) of `_lines`
        self._lines: list[str] = []

    def feed(self, text: str) -> None:
        self._tail += self._sanitizer.feed(text)

    def take(self, columns: int, rows: int) -> tuple[list[str], list[str]]:
        """(final lines, the tail's lines). The tail may have more than `rows` lines: show the last ones."""
        del rows  # the screen's height does not matter
        final = self._cut(columns)
        if self._shown != (self._tail, columns):
            self._shown = (self._tail, columns)
            self._lines = self._render(self._settled(), columns)
        return final, self._lines

    def finish(self, columns: int) -> list[str]:
        """The rest, as final lines."""
        self._tail += self._sanitizer.finish()
        final = self._cut(columns)
        rest = self._render(self._tail, columns)
        self._tail, self._continuation, self._searched, self._shown = "", Continuation(), 0, None
        return final + rest

    def whole(self, source: str, columns: int) -> list[str]:
        """A sanitized document as if it had been fed and finished."""
        return self._render(source, columns)

    def parts(self, source: str, columns: int) -> list[list[str]]:
        """A whole answer: each block with the gap above it. Joined they are what a stream of it gives."""
        sanitizer = Sanitizer()
        source = sanitizer.feed(source) + sanitizer.finish()
        layout = self._layout(source, columns)
        gaps = [(block, gap_before(block, layout.source)) for block in split_blocks(parse(source))]
        return [
            self._paint(layout.document([block], Continuation(gap=bool(number) and gap)))
            for number, (block, gap) in enumerate(gaps)
        ]

    def _render(self, source: str, columns: int) -> list[str]:
        layout = self._layout(source, columns)
        return self._paint(layout.document(list(split_blocks(parse(source))), self._continuation))

    def _settled(self) -> str:
        """The tail, without last lines whose kind is not clear yet."""
        start = self._tail.rfind("\n") + 1
        if (
            self._continuation.innermost.kind not in {"table", "code"}
            and (before := _before_table(self._tail)) is not None
        ):
            return before
        return self._tail[:start] if _UNDECIDED.fullmatch(self._tail, start) else self._tail

    def _cut(self, columns: int) -> list[str]:
        """Remove the final part from the tail; returns its lines."""
        lines: list[Line] = []
        whole = self._tail.rfind("\n") + 1
        if whole > self._searched:
            lines += self._cut_lines(self._tail[:whole], columns)
        if len(self._tail) > PIECE:
            lines += self._cut_paragraph(columns)
        self._searched = self._tail.rfind("\n") + 1
        return self._paint(lines)

    def _cut_lines(self, source: str, columns: int) -> list[Line]:
        parts = list(split_blocks(parse(source)))
        if not parts:
            return []
        layout = self._layout(source, columns)
        lines: list[Line] = []
        last = parts[-1]
        if len(parts) > 1:
            lines += layout.document(parts[:-1], self._continuation)
            self._drop(last.start, Continuation(gap=gap_before(last, layout.source)))
            source = self._tail[: self._tail.rfind("\n") + 1]
            layout = self._layout(source, columns)
            (last,) = split_blocks(parse(source))
        kind = last.token.type
        if last.end < source.count("\n") and kind not in _CONTINUES:
            lines += layout.document([last], self._continuation)
            self._drop(source.count("\n"), Continuation(gap=True))
        elif cut := last_cut(last, layout, self._continuation):
            lines += self._head(layout, cut.line)
            self._drop(cut.line, cut.rest, keep="".join(f"{line}\n" for line in cut.opened))
        return lines

    def _cut_paragraph(self, columns: int) -> list[Line]:
        """Cut whole pieces off a last paragraph that is longer than one, even if its line has not ended yet."""
        layout = self._layout(self._tail, columns)
        parts = list(split_blocks(parse(self._tail)))
        if not parts:
            return []
        last = parts[-1]
        content = last.inside[0].content.removeprefix(SENTINEL) if last.token.type == "paragraph_open" else ""
        end = 0
        while len(content) - end > PIECE:
            end += piece_end(content[end:])
        if not end:
            return []
        lines: list[Line] = []
        if len(parts) > 1:
            lines += layout.document(parts[:-1], self._continuation)
            self._continuation = Continuation(gap=gap_before(last, layout.source))
        source = SENTINEL + content[:end]
        layout = self._layout(source, columns)
        lines += layout.document(list(split_blocks(parse(source))), self._continuation)
        space = self._tail[len(self._tail.rstrip()) :]  # the parser drops it, but more text follows
        self._tail = SENTINEL + content[end:] + space
        self._continuation = Continuation("paragraph", lead=lines.pop())
        return lines

    def _layout(self, source: str, columns: int) -> BlockLayout:
        return BlockLayout(
            columns,
            source.split("\n"),
            ascii_only=not self._unicode,
            mark_code=self._style.plain or not self._style.color,
            math=self._math,
            margin=self._margin,
            cache=self._cache,
        )

    def _paint(self, lines: Sequence[Line]) -> list[str]:
        if self._tone:
            lines = [[(text, toned(names, self._tone)) for text, names in line] for line in lines]
        return ["".join(painted(self._style, text, names) for text, names in line) for line in lines]

    def _head(self, layout: BlockLayout, line: int) -> list[Line]:
        """The tail's first source lines, laid out."""
        source = "\n".join(layout.source[:line]) + "\n"
        return self._layout(source, layout.columns).document(
            list(split_blocks(parse(source))), self._continuation
        )

    def _drop(self, lines: int, rest: Continuation, keep: str = "") -> None:
        """Remove the tail's first lines; `keep` replaces them where the rest needs a beginning (a fence, a header)."""
        at = 0
        for _ in range(lines):
            at = self._tail.index("\n", at) + 1
        self._tail = keep + self._tail[at:]
        self._continuation = rest


def _before_table(text: str) -> str | None:
    """What precedes a last row that may become the head of a table, and the line below it as far as it has come."""
    last = text.rfind("\n") + 1
    row = text.rfind("\n", 0, last - 1) + 1 if last else 0
    above = text.rfind("\n", 0, row - 1) + 1 if row else 0
    if _is_row(text[row:last]):
        begun = not _is_row(text[above:row]) and _BELOW_HEAD.fullmatch(text, last)
        return text[:row] if begun else None
    return text[:last] if _is_row(text[last:]) else None


def _is_row(line: str) -> bool:
    return line.lstrip(" \t").startswith("|")

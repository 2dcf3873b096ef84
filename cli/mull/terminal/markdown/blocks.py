"""Markdown tokens → lines of spans for a width.

In: block tokens, their source lines, columns. Out: lines, each a list of (text, style). The layout depends on earlier
text only: when more of the document follows, only the last block's lines change. So there is a blank line between
blocks where the source has one, a list item is numbered by its position, and a table's columns are sized by its first
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field

from markdown_it.token import Token

from mull.dataclass import dataclass
from mull.terminal.console.sanitize import visible
from mull.terminal.console.width import TAB
from mull.terminal.markdown.highlight import highlight
from mull.terminal.markdown.inline import formula, lines_of
from mull.terminal.markdown.spans import Line, chop, joined, put, wrap_spans
from mull.terminal.markdown.table_layout import ColumnSize, column_sizes, table_lines

CACHED = 512  # blocks and cells
CacheKey = tuple[str | int, ...]
Cache = dict[CacheKey, list[Line]]
_BULLETS = "•◦▪"
_BOXES = {"[ ] ": "☐", "[x] ": "☑"}
_INDENT = "  "
_CONTINUED = "↳ "


@dataclass(slots=True)
class Continuation:
    """What the finished part of a document determines about the rest.

    `kind`: the block in which the rest begins ("" for none). `gap`: the blank lines before the rest. `inner`: the same
    for what is inside this quote, or inside this list's first item, whose mark and first block are finished then, or
    are the block that goes on.
    """

    kind: str = ""
    gap: int = 0
    number: int = 1  # list: of the next item
    sizes: list[ColumnSize] = field(default_factory=list)  # table: of its columns
    lead: Line = field(default_factory=list)  # paragraph: its last line, still to be filled
    inner: Continuation | None = None

    @property
    def innermost(self) -> Continuation:
        """The deepest of the blocks that go on."""
        return self.inner.innermost if self.inner else self


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its opening (or only) token and the tokens inside it."""

    token: Token
    inside: Sequence[Token]

    @property
    def start(self) -> int:
        return self.token.map[0] if self.token.map else 0

    @property
    def end(self) -> int:
        return self.token.map[1] if self.token.map else 0


def split_blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    """The blocks at the top level of `tokens`."""
    depth = start = 0
    for index, token in enumerate(tokens):
        if token.nesting == 1:
            if depth == 0:
                start = index
            depth += 1
        elif token.nesting == -1:
            depth -= 1
            if depth == 0:
                yield Block(tokens[start], tokens[start + 1 : index])
        elif depth == 0:
            yield Block(token, ())


def gap_before(group: Block, source: Sequence[str]) -> bool:
    """Is there a blank line before the block (inside a quote: a line with only the quote's signs)?"""
    return group.start > 0 and not source[group.start - 1].strip(" \t>")


class BlockLayout:
    """Lay out blocks for one width. `ascii_only`: no bullets or box lines; `mark_code`: inline code keeps backticks;
    `math`: formulas become Unicode text; `margin`: columns to the right of the text, which a rule fills too; `cache`
    keeps what was laid out before, for one style and these options."""

    def __init__(
        self,
        columns: int,
        source: Sequence[str],
        *,
        ascii_only: bool = False,
        mark_code: bool = False,
        math: bool = False,
        margin: int = 0,
        cache: Cache | None = None,
    ) -> None:
        self.columns = max(4, columns)
        self.source = source
        self.ascii_only = ascii_only
        self.mark_code = mark_code
        self.math = math
        self.margin = margin
        self._cache = {} if cache is None else cache

    def document(self, parts: Sequence[Block], resume: Continuation | None = None) -> list[Line]:
        """The blocks, as the continuation that `resume` describes (default: the document's beginning)."""
        resume = resume or Continuation()
        return self._siblings(parts, self.columns, 0, resume)

    def _siblings(
        self, parts: Sequence[Block], columns: int, depth: int, resume: Continuation | None
    ) -> list[Line]:
        lines: list[Line] = []
        for index, group in enumerate(parts):
            if index:
                lines += [[]] * gap_before(group, self.source)
            elif resume:
                lines += [[]] * resume.gap
            lines += self._block(group, columns, depth, resume if index == 0 else None)
        return lines

    def _block(self, group: Block, columns: int, depth: int, resume: Continuation | None) -> list[Line]:
        token = group.token
        columns = max(columns, 2)
        match token.type:
            case "paragraph_open":
                return self._text(group.inside[0], columns, "", resume.lead if resume else [])
            case "heading_open":
                style = {"h1": "title", "h2": "heading"}.get(token.tag, "bold")
                return self._text(group.inside[0], columns, style)
            case "fence" | "code_block":
                return self._cached(
                    ("code", token.content, token.info, columns),
                    lambda: self._code(highlight(code_lines(token.content), token.info), columns),
                )
            case "math_block":
                rows = formula(token.content) if self.math else None
                return self._code([[(line, "math")] for line in rows or token.content.split("\n")], columns)
            case "hr":
                return [[(("-" if self.ascii_only else "─") * (columns + self.margin), "border")]]
            case "blockquote_open":
                rest = resume.inner if resume and resume.kind == "quote" else None
                inner = self._siblings(list(split_blocks(group.inside)), columns - 2, depth, rest)
                bar = "| " if self.ascii_only else "│ "
                quoted = ([(text, f"quote {names}".rstrip()) for text, names in line] for line in inner)
                return [put(bar, "border", line) for line in quoted]
            case "bullet_list_open" | "ordered_list_open":
                return self._list(group, columns, depth, resume)
            case "table_open":
                return self._table(group, columns, resume)
        return [[(visible(token.content), "")]] if token.content else []

    def _text(self, token: Token, columns: int, style: str, lead: Line | None = None) -> list[Line]:
        if lead:
            return self._wrapped(token, columns, style, lead)
        return self._cached(
            ("text", token.content, columns, style), lambda: self._wrapped(token, columns, style, [])
        )

    def _wrapped(self, token: Token, columns: int, style: str, lead: Line) -> list[Line]:
        lines: list[Line] = []
        for index, spans in enumerate(lines_of(token, style, mark_code=self.mark_code, math=self.math)):
            lines += wrap_spans([*lead, *spans] if index == 0 else spans, columns)
        return lines

    def _cached(self, key: CacheKey, lay_out: Callable[[], list[Line]]) -> list[Line]:
        """What was laid out before, for the blocks of the tail that have not changed since the last frame."""
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            found = self._cache[key] = lay_out()
        return found

    def _code(self, lines: Iterable[Line], columns: int) -> list[Line]:
        """Indented; a mark in the indentation shows where a line was broken."""
        drawn: list[Line] = []
        for code in lines:
            first, *more = chop(code, columns - len(_INDENT))
            drawn.append(put(_INDENT, "", first))
            drawn += [put("> " if self.ascii_only else _CONTINUED, "border", line) for line in more]
        return drawn

    def _list(self, group: Block, columns: int, depth: int, resume: Continuation | None) -> list[Line]:
        ordered = group.token.type == "ordered_list_open"
        number = int(group.token.attrGet("start") or 1) if ordered else 1
        if resume is not None and resume.kind == "list":
            number = resume.number
        lines: list[Line] = []
        for index, item in enumerate(split_blocks(group.inside)):
            if index and gap_before(item, self.source):
                lines.append([])
            bullet = "-" if self.ascii_only else _BULLETS[min(depth, len(_BULLETS) - 1)]
            mark = f"{number + index}. " if ordered else self._box(item) or f"{bullet} "
            rest = resume.inner if resume and resume.kind == "list" and index == 0 else None
            blocks = list(split_blocks(item.inside))[rest is not None :]
            inner = self._siblings(blocks, columns - len(mark), depth + (not ordered), rest)
            if rest is None:
                lines.append(put(mark, "accent", inner.pop(0) if inner else []))
            lines += [put(" " * len(mark), "", line) if line else [] for line in inner]
        return lines

    def _box(self, item: Block) -> str:
        """The mark of a task, removed from its text; empty for any other item."""
        text = item.inside[1] if len(item.inside) > 1 and item.inside[0].type == "paragraph_open" else None
        box = None if text is None or self.ascii_only else _BOXES.get(text.content[:4].lower())
        if text is None or box is None:
            return ""
        text.content = text.content[4:]
        return f"{box} "

    def _table(self, group: Block, columns: int, resume: Continuation | None) -> list[Line]:
        rows = self.cells(group)
        aligns = [
            str(cell.token.attrGet("style") or "") for cell in split_blocks(table_rows(group)[0].inside)
        ]
        resumed = resume is not None and resume.kind == "table"
        sizes = resume.sizes if resume is not None and resumed else column_sizes(rows)
        return table_lines(rows, sizes, aligns, columns, ascii_only=self.ascii_only, resumed=resumed)

    def cells(self, group: Block) -> list[list[Line]]:
        """A table's rows of unwrapped cells, its header first."""
        return [[self._cell(cell) for cell in split_blocks(row.inside)] for row in table_rows(group)]

    def _cell(self, cell: Block) -> Line:
        if not cell.inside:
            return []
        token = cell.inside[0]
        return self._cached(
            ("cell", token.content),
            lambda: [joined(lines_of(token, mark_code=self.mark_code, math=self.math))],
        )[0]


def table_rows(group: Block) -> list[Block]:
    """The rows of a table, its header first."""
    return [row for part in split_blocks(group.inside) for row in split_blocks(part.inside)]


def code_lines(content: str) -> list[str]:
    """The lines of a code block's content, as they are shown."""
    lines = content.split("\n")
    return [visible(line).expandtabs(TAB) for line in (lines[:-1] if lines[-1] == "" else lines)]

"""Markdown tokens → lines of spans for a width.

In: block tokens, their source lines, columns. Out: lines, each a list of (text, style). The layout depends on earlier
text only: when more of the document follows, only the last block's lines change. So there is a blank line between
blocks where the source has one, a list item is numbered by its position, and a table's columns are sized by its first
rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from mull.terminal.console.sanitize import visible
from mull.terminal.console.width import TAB, width
from mull.terminal.markdown.highlight import highlight
from mull.terminal.markdown.inline import lines_of
from mull.terminal.markdown.spans import Line, bold, chop, joined, put, stripped, wrap_spans

SIZING_ROWS = 12  # of a table, that set the column widths; later rows are wrapped in them
_BULLETS = "•◦▪"
_BOXES = {"[ ] ": "☐", "[x] ": "☑"}
_NARROWEST_COLUMN = 4
_INDENT = "  "


@dataclass(slots=True)
class Continuation:
    """What the finished part of a document determines about the rest.

    `kind`: the block in which the rest begins ("" for none). `gap`: is there a blank line before the rest?
    """

    kind: str = ""
    gap: bool = False
    number: int = 1  # list: of the next item
    natural: list[int] = field(default_factory=list)  # table: unwrapped column widths, in cells
    lead: Line = field(default_factory=list)  # paragraph: its last line, still to be filled


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
    """Lay out blocks for one width. `ascii_only`: no bullets or box lines; `mark_code`: inline code keeps backticks."""

    def __init__(
        self, columns: int, source: Sequence[str], *, ascii_only: bool = False, mark_code: bool = False
    ) -> None:
        self.columns = max(4, columns)
        self.source = source
        self.ascii_only = ascii_only
        self.mark_code = mark_code

    def document(self, parts: Sequence[Block], resume: Continuation | None = None) -> list[Line]:
        """The blocks, as the continuation that `resume` describes (default: the document's beginning)."""
        resume = resume or Continuation()
        lines: list[Line] = []
        for index, group in enumerate(parts):
            if resume.gap if index == 0 else gap_before(group, self.source):
                lines.append([])
            lines += self._block(group, self.columns, 0, resume if index == 0 else None)
        return lines

    def _siblings(self, tokens: Sequence[Token], columns: int, depth: int) -> list[Line]:
        lines: list[Line] = []
        for index, group in enumerate(split_blocks(tokens)):
            if index and gap_before(group, self.source):
                lines.append([])
            lines += self._block(group, columns, depth, None)
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
                lines = highlight(_code_lines(token.content), token.info)
                return [
                    put(_INDENT, "", line) for code in lines for line in chop(code, columns - len(_INDENT))
                ]
            case "math_block":
                math = [[(line, "math")] for line in token.content.split("\n")]
                return [
                    put(_INDENT, "", line) for code in math for line in chop(code, columns - len(_INDENT))
                ]
            case "hr":
                return [[(("-" if self.ascii_only else "─") * columns, "border")]]
            case "blockquote_open":
                inner = self._siblings(group.inside, columns - 2, depth)
                return [put("| " if self.ascii_only else "│ ", "border", line) for line in inner]
            case "bullet_list_open" | "ordered_list_open":
                return self._list(group, columns, depth, resume)
            case "table_open":
                return self._table(group, columns, resume)
        return [[(visible(token.content), "")]] if token.content else []

    def _text(self, token: Token, columns: int, style: str, lead: Line | None = None) -> list[Line]:
        lines: list[Line] = []
        for index, spans in enumerate(self._spans(token, style)):
            lines += wrap_spans([*(lead or []), *spans] if index == 0 else spans, columns)
        return lines

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
            inner = self._siblings(item.inside, columns - len(mark), depth + (not ordered)) or [[]]
            lines.append(put(mark, "accent", inner[0]))
            lines += [put(" " * len(mark), "", line) if line else [] for line in inner[1:]]
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
        natural = resume.natural if resume is not None and resumed else natural_widths(rows)
        room = columns - 3 * (len(natural) - 1)
        lines: list[Line] = []
        if room < _NARROWEST_COLUMN * len(natural):  # too narrow for columns
            for number, row in enumerate(rows[1:]):
                lines += [[]] if number or resumed else []
                for head, cell in zip(rows[0], row, strict=False):
                    lines += wrap_spans([*bold(head), (": ", "bold"), *cell], columns)
            return lines if len(rows) > 1 else wrap_spans(joined(rows[0]), columns)
        widths = _share(natural, room)
        if not resumed:
            lines += self._row([bold(cell) for cell in rows[0]], widths, aligns)
            lines.append(
                [(("-+-" if self.ascii_only else "─┼─").join(self._rule(size) for size in widths), "border")]
            )
        for row in rows[1:]:
            lines += self._row(row, widths, aligns)
        return lines

    def cells(self, group: Block) -> list[list[Line]]:
        """A table's rows of unwrapped cells, its header first."""
        return [[self._cell(cell) for cell in split_blocks(row.inside)] for row in table_rows(group)]

    def _rule(self, size: int) -> str:
        return ("-" if self.ascii_only else "─") * size

    def _row(self, cells: Sequence[Line], widths: Sequence[int], aligns: Sequence[str]) -> list[Line]:
        columns = [wrap_spans(cell, size) for cell, size in zip(cells, widths, strict=False)]
        lines: list[Line] = []
        for number in range(max(map(len, columns), default=0)):
            line: Line = []
            for index, (cell, size) in enumerate(zip(columns, widths, strict=False)):
                spans = cell[number] if number < len(cell) else []
                free = size - sum(width(text) for text, _ in spans)
                left = free if "right" in aligns[index] else free // 2 if "center" in aligns[index] else 0
                if index:
                    line.append((" | " if self.ascii_only else " │ ", "border"))
                line += [(" " * left, ""), *spans, (" " * (free - left), "")]
            lines.append(stripped(line))
        return lines

    def _spans(self, token: Token, style: str = "") -> list[Line]:
        return lines_of(token, style, mark_code=self.mark_code)

    def _cell(self, cell: Block) -> Line:
        return joined(self._spans(cell.inside[0])) if cell.inside else []


def table_rows(group: Block) -> list[Block]:
    """The rows of a table, its header first."""
    return [row for part in split_blocks(group.inside) for row in split_blocks(part.inside)]


def natural_widths(rows: Sequence[Sequence[Line]]) -> list[int]:
    """The cells that each column would take, by its header and first rows."""
    sizes = [[sum(width(text) for text, _ in cell) for cell in row] for row in rows[: SIZING_ROWS + 1]]
    return [max(1, *(row[index] for row in sizes if index < len(row))) for index in range(len(rows[0]))]


def _code_lines(content: str) -> list[str]:
    lines = content.split("\n")
    return [visible(line).expandtabs(TAB) for line in (lines[:-1] if lines[-1] == "" else lines)]


def _share(natural: Sequence[int], room: int) -> list[int]:
    """Column widths that fit `room`: narrow columns get their natural width, the others share the rest evenly."""
    widths = list(natural)
    while sum(widths) > room:
        widest = max(widths)
        second = max((size for size in widths if size < widest), default=1)
        wide = [index for index, size in enumerate(widths) if size == widest]
        excess = sum(widths) - room
        step = min(widest - second, -(-excess // len(wide)))
        for index in wide[: excess if step == 1 else len(wide)]:
            widths[index] -= step
    return widths

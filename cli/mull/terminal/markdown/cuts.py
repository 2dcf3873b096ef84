"""Where the finished part of a last block ends: its last item, block, row or chunk of code, at any depth.

In: the block, the layout with the source's lines, what the block continues. Out: the line where the rest begins, the
lines that open the blocks around it again, and what it continues.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import NamedTuple

from mull.terminal.markdown.blocks import (
    Block,
    BlockLayout,
    Continuation,
    code_lines,
    gap_before,
    split_blocks,
    table_rows,
)
from mull.terminal.markdown.highlight import chunk_end
from mull.terminal.markdown.parser import SENTINEL
from mull.terminal.markdown.table_layout import SIZING_ROWS, column_sizes

_MARK = re.compile(r"([ \t>]*)((?:[-*+]|\d+[.)])[ \t]+)")  # of a list's item, after what indents it
# As an item's first block, these have a mark or an indentation after the item's mark: such an item is not cut.
_MARKED = frozenset({"bullet_list_open", "ordered_list_open", "blockquote_open", "code_block"})


class Cut(NamedTuple):
    """The rest begins at `line`, after the lines `opened`, and continues `rest`."""

    line: int
    opened: list[str]
    rest: Continuation


def last_cut(group: Block, layout: BlockLayout, resume: Continuation | None) -> Cut | None:
    """The last place where `group` can be cut, as deep as possible; None where nothing of it is finished."""
    match group.token.type:
        case "blockquote_open":
            inner = resume.inner if resume and resume.kind == "quote" else None
            cut = _in_blocks(list(split_blocks(group.inside)), layout, inner)
            return cut and cut._replace(rest=Continuation("quote", inner=cut.rest))
        case "bullet_list_open" | "ordered_list_open":
            return _in_list(group, layout, resume if resume and resume.kind == "list" else None)
        case "table_open":
            return _in_table(group, layout, resume if resume and resume.kind == "table" else None)
        case "fence" | "code_block":
            return _in_code(group, layout)
    return None


def _in_blocks(parts: Sequence[Block], layout: BlockLayout, resume: Continuation | None) -> Cut | None:
    """Inside the last of these blocks, else at its beginning."""
    if not parts:
        return None
    *done, last = parts
    cut = last_cut(last, layout, None if done else resume)
    if cut or not done:
        return cut
    return Cut(last.start, [], Continuation(gap=gap_before(last, layout.source)))


def _in_list(group: Block, layout: BlockLayout, resume: Continuation | None) -> Cut | None:
    *done, item = split_blocks(group.inside)
    first = resume.number if resume else int(group.token.attrGet("start") or 1)
    rest = Continuation("list", number=first + len(done))
    if cut := _in_item(item, layout, None if done or resume is None else resume.inner):
        return cut._replace(rest=replace(rest, inner=cut.rest))
    return Cut(item.start, [], replace(rest, gap=gap_before(item, layout.source))) if done else None


def _in_item(item: Block, layout: BlockLayout, resume: Continuation | None) -> Cut | None:
    """Inside an item, which a stand-in for its first block opens again; a blank line ends that."""
    parts = list(split_blocks(item.inside))
    mark = _MARK.match(layout.source[item.start])
    if not mark or not parts or parts[0].start > item.start or parts[0].token.type in _MARKED:
        return None
    if parts[0].token.type == "fence" and not parts[0].token.content:
        return None  # it has no line, so the item's mark is on the next block's
    cut = _in_blocks(parts[resume is not None :], layout, resume)
    return cut and cut._replace(opened=[mark.group() + SENTINEL, mark.group(1).rstrip(), *cut.opened])


def _in_table(group: Block, layout: BlockLayout, resume: Continuation | None) -> Cut | None:
    rows = table_rows(group)
    if len(rows) <= (2 if resume else SIZING_ROWS + 1):
        return None
    sizes = resume.sizes if resume else column_sizes(layout.cells(group))
    head, below = layout.source[group.start : group.start + 2]
    return Cut(rows[-1].start, [_unmarked(head), below], Continuation("table", sizes=sizes))


def _in_code(group: Block, layout: BlockLayout) -> Cut | None:
    fenced = group.token.type == "fence"
    lines = code_lines(group.token.content)
    cut = 0
    while (further := chunk_end(lines, cut)) < len(lines):
        cut = further
    if not cut:
        return None
    # The parser does not count blank lines at the end of indented code as part of it.
    blank = 0 if fenced else len(list(takewhile(lambda line: not line.strip(), reversed(lines[:cut]))))
    opened = [_unmarked(layout.source[group.start])] if fenced else []
    return Cut(group.start + fenced + cut, opened, Continuation("code", gap=blank))


def _unmarked(line: str) -> str:
    """The line with spaces for an item's mark, if it begins with one."""
    mark = _MARK.match(line)
    return mark.group(1) + re.sub(r"\S", " ", mark.group(2)) + line[mark.end() :] if mark else line

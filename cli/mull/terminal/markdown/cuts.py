"""Where the finished part of a last block ends, inside lists and quotes.

In: the block, the source's lines, what it continues. Out: the line where the rest begins, and what opens it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mull.terminal.markdown.blocks import Block, Continuation, gap_before, split_blocks
from mull.terminal.markdown.parser import SENTINEL

_MARK = re.compile(r"([ \t>]*)(?:[-*+]|\d+[.)])[ \t]+")  # of a list's item


def last_inside(
    group: Block, source: Sequence[str], resume: Continuation | None
) -> tuple[int, list[str], Continuation] | None:
    """Where the last item or block begins inside a list or a quote, as deep as possible.

    (line, the lines that open the lists around it again, what the rest continues); None where nothing is finished.
    """
    kind = group.token.type
    if kind == "blockquote_open":
        found = _last_block(
            list(split_blocks(group.inside)),
            source,
            resume.inner if resume and resume.kind == "quote" else None,
        )
        return found and (*found[:2], Continuation("quote", inner=found[2]))
    if kind not in {"bullet_list_open", "ordered_list_open"}:
        return None
    *done, item = split_blocks(group.inside)
    resumed = resume is not None and resume.kind == "list"
    number = (resume.number if resume and resumed else int(group.token.attrGet("start") or 1)) + len(done)
    inner = resume.inner if resume and resumed and not done else None
    parts = list(split_blocks(item.inside))
    mark = _MARK.match(source[item.start])
    begun = bool(parts) and parts[0].token.type == "paragraph_open"  # on the line of the mark
    found = _last_block(parts[inner is not None :], source, inner) if begun else None
    if found and mark:
        line, opened, rest = found
        opened = [
            mark.group() + SENTINEL,
            mark.group(1).rstrip(),
            *opened,
        ]  # a paragraph must not continue it
        return line, opened, Continuation("list", number=number, inner=rest)
    return (
        (item.start, [], Continuation("list", gap=gap_before(item, source), number=number)) if done else None
    )


def _last_block(
    parts: Sequence[Block], source: Sequence[str], resume: Continuation | None
) -> tuple[int, list[str], Continuation] | None:
    """The same among blocks: inside the last one, else at its beginning."""
    if not parts:
        return None
    *done, last = parts
    found = last_inside(last, source, None if done else resume)
    if found or not done:
        return found
    return last.start, [], Continuation(gap=gap_before(last, source))

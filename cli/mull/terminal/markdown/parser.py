"""Markdown source → markdown-it tokens, in a form that a streaming view can use.

In: source. Out: CommonMark with tables and strikethrough. Left out is what needs to look far ahead or back (link
references, underlined headings: `---` is a rule) and HTML (shown as text, except `<br>`). LaTeX between `$…$`,
`$$…$$`, `\\(…\\)` and `\\[…\\]` becomes a separate token, so that its backslashes and underscores stay as they
are. Long inline text is parsed in pieces, so that the work per character is bounded.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

PIECE = 1000  # characters of inline text that are parsed together; emphasis does not extend across pieces
SENTINEL = "\ue000"  # makes the rest of a cut paragraph parse as a paragraph, whatever it begins with
_LIST_LEVELS = 2  # that a list adds: its own and its item's
_SENTENCE = re.compile(r"[.!?:;][\"')\]]*(?=\s)|[。！？]")
_PAIRS = (("$$", "$$"), ("\\(", "\\)"), ("\\[", "\\]"))
# Pandoc's rule for one dollar: no space inside the signs, no digit after ("from $5 to $10" is money).
_DOLLAR = re.compile(r"\$(?![\s$])(?:[^$\\\n]|\\.)*?(?<!\s)\$(?!\d)")
# Between single dollars, words without any sign of LaTeX: "US$5 or A$".
_WORDS = re.compile(r"(?=.*(?:[^\W\d_]{3}|\w\s+\w))[^\\^_={}<>+*/|]*$", re.DOTALL)
_BREAK = re.compile(r"<br ?/?>\n?", re.IGNORECASE)


def parse(source: str) -> list[Token]:
    """The block tokens of `source`, `map` in lines of it; inline text is left for `inline`."""
    return _block_parser().parse(source)


def inline(token: Token) -> list[Token]:
    """The inline tokens of an `inline` block token."""
    content = token.content.removeprefix(SENTINEL)
    tokens: list[Token] = []
    while content:
        cut = piece_end(content)
        tokens += _inline(content[:cut])
        content = content[cut:]
    return tokens


def formula_source(content: str) -> str | None:
    """A formula without the signs around it; None if the closing one has not come yet, or if it may be a price."""
    for opening, closing in (*_PAIRS, ("$", "$")):
        if content.startswith(opening):
            inside = content[len(opening) :]
            doubtful = opening == "$" and _WORDS.match(inside)
            return inside.removesuffix(closing) if inside.endswith(closing) and not doubtful else None
    return None


def piece_end(text: str) -> int:
    """Where the first piece of `text` ends: after a sentence, if one ends within the limit, else before white space."""
    if len(text) <= PIECE:
        return len(text)
    ends = [match.end() for match in _SENTENCE.finditer(text, PIECE // 2, PIECE)]
    if ends:
        return ends[-1]
    space = max(text.rfind(" ", 1, PIECE), text.rfind("\n", 1, PIECE))
    return space if space > 0 else PIECE


@lru_cache(maxsize=128)
def _inline(text: str) -> tuple[Token, ...]:
    """Cached, since a tail that is painted again mostly has the same text."""
    return tuple(token for parsed in _inline_parser().parseInline(text) for token in parsed.children or ())


def _parser() -> MarkdownIt:
    markdown = (
        MarkdownIt("commonmark", {"html": False}).enable(["strikethrough"]).disable(["reference", "lheading"])
    )
    markdown.block.ruler.before("code", "deep", _deep)
    markdown.inline.ruler.before("escape", "math", _math_inline)
    markdown.inline.ruler.before("autolink", "break", _line_break)
    markdown.block.ruler.before(
        "fence", "math_block", _math_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    # As in GFM, a line that begins a list item or a heading is no table header. markdown-it tries tables first, so
    # that the same line would be an item in a list and a table header at the start of a streamed rest.
    markdown.block.ruler.after("heading", "gfm_table", table, {"alt": ["paragraph", "reference"]})
    return markdown


@cache
def _inline_parser() -> MarkdownIt:
    return _parser()


@cache
def _block_parser() -> MarkdownIt:
    markdown = _parser()
    markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown


def _deep(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """What is nested as deep as blocks may be is a paragraph: markdown-it would drop it."""
    if silent or state.level < state.md.options["maxNesting"] - _LIST_LEVELS:
        return False
    end = first
    while end < last and (state.isEmpty(end) or state.sCount[end] >= state.blkIndent):
        end += 1
    state.push("paragraph_open", "p", 1).map = [first, end]
    token = state.push("inline", "", 0)
    token.content = state.getLines(first, end, state.blkIndent, False).strip()
    token.map, token.children = [first, end], []
    state.push("paragraph_close", "p", -1)
    state.line = end
    return True


def _line_break(state: StateInline, silent: bool) -> bool:
    """`<br>`, the one tag that models write for lack of a Markdown sign: inside the cells of a table."""
    match = _BREAK.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.push("softbreak", "br", 0)
    state.pos = match.end()
    return True


def _math_inline(state: StateInline, silent: bool) -> bool:
    source, start = state.src, state.pos
    if source[start] not in "$\\":
        return False
    end = -1
    for opening, closing in _PAIRS:
        if source.startswith(opening, start):
            found = source.find(closing, start + 2, start + PIECE)
            end = found + 2 if found > start + 2 else -1
            break
    else:
        match = _DOLLAR.match(source, start)
        end = match.end() if match else -1
    if end < 0:
        return False
    if not silent:
        token = state.push("math_inline", "", 0)
        token.content = source[start:end]
    state.pos = end
    return True


def _math_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Display mathematics on separate lines, up to its closing sign; a blank line before that makes it a paragraph."""
    text = _line(state, first)
    closing = next(
        (closing for opening, closing in _PAIRS if text.startswith(opening) and opening != "\\("), None
    )
    if closing is None or state.is_code_block(first):
        return False
    line = first
    rest = text[2:]
    if silent and closing not in rest:
        return False  # whether it interrupts a paragraph must not depend on later lines
    while closing not in rest:
        line += 1
        if line >= last:
            break  # not closed yet
        rest = _line(state, line)
        if not rest or state.sCount[line] < state.blkIndent:
            return False
    else:
        if not rest.endswith(closing):
            return False
    if not silent:
        end = min(line + 1, last)
        state.line = end
        token = state.push("math_block", "", 0)
        token.content = "\n".join(_line(state, number) for number in range(first, end))
        token.map = [first, end]
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()

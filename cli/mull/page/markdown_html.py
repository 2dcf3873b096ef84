"""Markdown of a model as HTML: read as the terminal reads it, every text of it escaped.

In: Markdown in any state. Out: HTML without scripts, images, or addresses other than http, https, ftp and mailto. What
looks like HTML in the source is text. Formulas become Unicode text where that says the same, else their source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from markdown_it.token import Token

from mull.terminal.console.code_styles import CODE
from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.markdown.highlight import highlight
from mull.terminal.markdown.inline import formula
from mull.terminal.markdown.painting import href
from mull.terminal.markdown.parser import inline, parse

COLOURED = 100_000  # characters of a code block; a longer one is shown without colours
_TITLE_LEVEL = 2  # headings of an answer are below those of the page
_BLOCKS = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "list_item": "li",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
}
_MARKS = {"em": "em", "strong": "strong", "s": "s"}
_DIRECTED = {"p", "li", "blockquote"}  # each in the direction of its text


def to_html(source: str) -> str:
    """The Markdown as HTML blocks."""
    return "".join(_blocks(parse(source)))


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        name, _, step = token.type.rpartition("_")
        if token.type == "inline":
            yield "".join(_inline(inline(token)))
        elif token.type in {"fence", "code_block"}:
            yield _code(token)
        elif token.type == "math_block":
            yield f'<p class="math">{_formula(token.content)}</p>\n'
        elif token.type == "hr":
            yield "<hr>\n"
        elif step == "open":
            yield _opened(name, token)
        elif step == "close" and not (name == "paragraph" and token.hidden):
            yield _closed(name, token)


def _opened(name: str, token: Token) -> str:
    if name == "paragraph" and token.hidden:  # in a tight list
        return ""
    if name == "table":
        return '<div class="table"><table>\n'
    if name in {"th", "td"}:
        side = str(token.attrGet("style") or "").removeprefix("text-align:")
        return f'<{name} class="{side}" dir="auto">' if side else f'<{name} dir="auto">'
    if name == "ordered_list":
        start = token.attrGet("start")
        return "<ol>\n" if start is None else f'<ol start="{int(start)}">\n'
    tag = _tag(name, token)
    return f'<{tag} dir="auto">' if tag in _DIRECTED or name == "heading" else f"<{tag}>\n"


def _closed(name: str, token: Token) -> str:
    if name == "table":
        return "</table></div>\n"
    return f"</{_tag(name, token)}>\n"


def _tag(name: str, token: Token) -> str:
    if name == "heading":
        return f"h{min(int(token.tag[1]) + _TITLE_LEVEL, 6)}"
    return {"ordered_list": "ol", "th": "th", "td": "td"}.get(name) or _BLOCKS[name]


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    linked: list[bool] = []
    for token in tokens:
        name, _, step = token.type.rpartition("_")
        if token.type in {"softbreak", "hardbreak"}:
            yield "<br>\n"  # models break lines where they mean it
        elif token.type == "code_inline":
            yield f"<code>{_text(token.content)}</code>"
        elif token.type == "math_inline":
            yield _formula(token.content)
        elif token.type == "image":
            yield _link(str(token.attrGet("src") or ""), f"[{_text(token.content) or 'image'}]")
        elif token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""))
            linked.append(bool(address))
            yield f'<a href="{address}" rel="noopener noreferrer nofollow">' if address else "<span>"
        elif token.type == "link_close":
            yield "</a>" if linked.pop() else "</span>"
        elif name in _MARKS:
            yield f"<{_MARKS[name]}>" if step == "open" else f"</{_MARKS[name]}>"
        else:
            yield _text(token.content)


def _link(target: str, text: str) -> str:
    """A link to what the page does not load; `text` is HTML."""
    address = _address(target)
    return f'<a href="{address}" rel="noopener noreferrer nofollow">{text}</a>' if address else text


def _address(target: str) -> str:
    """The value of `href`; empty for an address that no click should open."""
    return escape(visible(target)) if href(target) else ""


def _code(token: Token) -> str:
    code = visible(token.content.removesuffix("\n"))
    words = one_line(token.info).split()
    label = f'<span class="language">{escape(words[0])}</span>' if words else ""
    lines = code.split("\n")
    coloured = (
        highlight(lines, token.info) if words and len(code) <= COLOURED else [[(line, "")] for line in lines]
    )
    text = "\n".join("".join(_span(*span) for span in line) for line in coloured)
    return f'<div class="code">{label}<pre><code>{text}</code></pre></div>\n'


def _span(text: str, style: str) -> str:
    kind = style.removeprefix(CODE)
    return f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text)


def _formula(content: str) -> str:
    rows = formula(content)
    if rows is None:
        return f'<code class="math">{_text(content)}</code>'
    return f'<span class="math">{"<br>".join(_text(row) for row in rows)}</span>'


def _text(text: str) -> str:
    return escape(visible(text))

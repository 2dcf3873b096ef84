"""A session as one page of HTML, without scripts and without anything from elsewhere.

In: a session and the turns of a branch. Out: the page as text. Thinking, files and the system prompt are folded
(`<details>`), answers and thinking are Markdown. A policy in the page forbids scripts and loading, should a browser
find any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from mull.page.document import document, folded, joined, line, plain
from mull.page.markdown_html import to_html
from mull.store.export import ending
from mull.store.records import Session, TurnRecord
from mull.terminal.console.dates import moment_text
from mull.terminal.console.quantities import counted, duration, token_count
from mull.terminal.console.sanitize import one_line

CONTENTS_FROM = 4  # turns: a shorter conversation needs no list of its questions
LONG_QUESTION = 30  # lines; a longer one is folded
_LABEL = 90  # characters of a question in the list, and of a folded one


def session_page(session: Session, turns: Sequence[TurnRecord]) -> str:
    """The page."""
    title = line(session.title)
    body = [*_head(session, turns, title), "<main>"]
    for number, turn in enumerate(turns, 1):
        body += [f'<article id="turn-{number}">', *_turn(turn), "</article>"]
    return document(title, [*body, "</main>"])


def _head(session: Session, turns: Sequence[TurnRecord], title: str) -> Iterator[str]:
    facts = [
        moment_text(session.created),
        session.model,
        counted(len(turns), "turn"),
        f"session {session.id}",
    ]
    yield f'<header>\n<h1 dir="auto">{title}</h1>\n<p class="meta">{joined(facts)}</p>'
    if session.system:
        yield folded("System prompt", f'<div class="plain" dir="auto">{plain(session.system)}</div>')
    if len(turns) >= CONTENTS_FROM:
        items = (
            f'<li><a href="#turn-{number}" dir="auto">{_label(turn)}</a></li>'
            for number, turn in enumerate(turns, 1)
        )
        yield "<nav>" + folded(counted(len(turns), "question"), f"<ol>{''.join(items)}</ol>") + "</nav>"
    yield "</header>"


def _turn(turn: TurnRecord) -> Iterator[str]:
    lines = turn.question.count("\n") + 1
    question = f'<div class="plain" dir="auto">{plain(turn.question.strip())}</div>'
    if lines > LONG_QUESTION:
        question = folded(f"{_label(turn)} ({counted(lines, 'line')})", question)
    yield f'<section class="question" aria-label="Question">{question}'
    for file in turn.files:
        size = counted(len(file.text.splitlines()), "line")
        content = f"<pre>{plain(file.text)}</pre>"
        yield folded(f'<span class="file">{line(file.name)}</span> · {size}', content, "file")
    yield "</section>"
    if turn.thinking.strip():
        yield folded(_thinking_summary(turn), f'<div class="text">{to_html(turn.thinking)}</div>', "thinking")
    if turn.answer.strip():
        yield f'<section class="text answer" aria-label="Answer">\n{to_html(turn.answer)}</section>'
    if turn.partial:
        yield f'<p class="ending">({ending(turn)})</p>'
    yield f'<p class="meta">{joined(_facts(turn))}</p>'


def _facts(turn: TurnRecord) -> Iterator[str]:
    yield turn.model
    if turn.usage.answer:
        yield token_count(turn.usage.answer)
    if turn.timing.tokens_per_second:
        yield f"{turn.timing.tokens_per_second:.1f} tokens/s"
    if turn.started:
        yield moment_text(turn.started)


def _thinking_summary(turn: TurnRecord) -> str:
    tokens = f" · {token_count(turn.usage.thinking)}" if turn.usage.thinking else ""
    return f"Thought for {duration(turn.timing.thinking)}{tokens}"


def _label(turn: TurnRecord) -> str:
    text = one_line(turn.question) or ", ".join(one_line(file.name) for file in turn.files) or "Question"
    return escape(text if len(text) <= _LABEL else f"{text[: _LABEL - 1].rstrip()}…")

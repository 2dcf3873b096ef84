"""A session as one page of HTML, without scripts and without anything from elsewhere.

In: a session and the turns of a branch. Out: the page as text. Thinking, files and the system prompt are folded
(`<details>`), answers and thinking are Markdown. A policy in the page forbids scripts and loading, should a browser
find any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from mull import __version__
from mull.page.markdown_html import to_html
from mull.page.style import style_sheet
from mull.store.export import ending
from mull.store.records import Session, TurnRecord
from mull.terminal.console.dates import moment_text
from mull.terminal.console.quantities import counted, duration, token_count
from mull.terminal.console.sanitize import one_line, visible

CONTENTS_FROM = 4  # turns: a shorter conversation needs no list of its questions
LONG_QUESTION = 30  # lines; a longer one is folded
_LABEL = 90  # characters of a question in the list, and of a folded one
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def session_page(session: Session, turns: Sequence[TurnRecord]) -> str:
    """The page."""
    title = _line(session.title)
    body = [*_head(session, turns, title), "<main>"]
    for number, turn in enumerate(turns, 1):
        body += [f'<article id="turn-{number}">', *_turn(turn), "</article>"]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="mull {__version__}">\n<title>{title}</title>\n'
        f"<style>{style_sheet()}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(session: Session, turns: Sequence[TurnRecord], title: str) -> Iterator[str]:
    facts = [
        moment_text(session.created),
        session.model,
        counted(len(turns), "turn"),
        f"session {session.id}",
    ]
    yield f'<header>\n<h1 dir="auto">{title}</h1>\n<p class="meta">{_joined(facts)}</p>'
    if session.system:
        yield _folded("System prompt", f'<div class="plain" dir="auto">{_text(session.system)}</div>')
    if len(turns) >= CONTENTS_FROM:
        items = (
            f'<li><a href="#turn-{number}" dir="auto">{_label(turn)}</a></li>'
            for number, turn in enumerate(turns, 1)
        )
        yield "<nav>" + _folded(counted(len(turns), "question"), f"<ol>{''.join(items)}</ol>") + "</nav>"
    yield "</header>"


def _turn(turn: TurnRecord) -> Iterator[str]:
    lines = turn.question.count("\n") + 1
    question = f'<div class="plain" dir="auto">{_text(turn.question.strip())}</div>'
    if lines > LONG_QUESTION:
        question = _folded(f"{_label(turn)} ({counted(lines, 'line')})", question)
    yield f'<section class="question" aria-label="Question">{question}'
    for file in turn.files:
        size = counted(len(file.text.splitlines()), "line")
        content = f"<pre>{_text(file.text)}</pre>"
        yield _folded(f'<span class="file">{_line(file.name)}</span> · {size}', content, "file")
    yield "</section>"
    if turn.thinking.strip():
        yield _folded(
            _thinking_summary(turn), f'<div class="text">{to_html(turn.thinking)}</div>', "thinking"
        )
    if turn.answer.strip():
        yield f'<section class="text answer" aria-label="Answer">\n{to_html(turn.answer)}</section>'
    if turn.partial:
        yield f'<p class="ending">({ending(turn)})</p>'
    yield f'<p class="meta">{_joined(_facts(turn))}</p>'


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


def _folded(summary: str, content: str, kind: str = "") -> str:
    """`summary` and `content` are HTML."""
    marked = f' class="{kind}"' if kind else ""
    return f"<details{marked}><summary>{summary}</summary>\n{content}\n</details>"


def _label(turn: TurnRecord) -> str:
    line = one_line(turn.question) or ", ".join(one_line(file.name) for file in turn.files) or "Question"
    return escape(line if len(line) <= _LABEL else f"{line[: _LABEL - 1].rstrip()}…")


def _joined(facts: Sequence[str] | Iterator[str]) -> str:
    return " · ".join(_line(fact) for fact in facts if fact)


def _line(text: str) -> str:
    return escape(one_line(text))


def _text(text: str) -> str:
    return escape(visible(text))

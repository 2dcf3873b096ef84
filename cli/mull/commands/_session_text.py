"""Print saved conversations and search hits; for `mull sessions` and the chat's /sessions.

In: records of the store. Out: text on stdout. A terminal gets Markdown, styles and no control characters of a model;
a pipe gets the texts unchanged, one line for each hit. Names and titles have no control characters anywhere.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mull.store.records import Hit, Session, TurnRecord
from mull.store.search import CLOSE, OPEN
from mull.terminal.console.dates import ago, both, moment_text
from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import Column, card_lines, table
from mull.terminal.markdown.spans import wrap_spans

if TYPE_CHECKING:
    from mull.store.sessions import Store

_HEADS = (
    Column("Session"),
    Column("Title"),
    Column("Turns", 2),
    Column("Model", 3),
    Column("Used"),
    Column("Date", 4),
)


@contextmanager
def open_store_noted(streams: Streams) -> Iterator[Store]:
    """The store on the disk, with its notice on stderr. Raises StoreError."""
    from mull.store.sessions import default_path, open_store

    with open_store(default_path()) as store:
        if store.notice:
            streams.note(store.notice)
        yield store


def summary(session: Session) -> dict[str, Any]:
    """A session in a list of JSON output."""
    values = dataclasses.asdict(session) | {"title": session.title}
    return {name: value for name, value in values.items() if name not in {"state", "auto_title", "leaf"}}


def exported(store: Store, session: Session, form: str) -> str:
    """A session as text in one of the formats."""
    if form == "json":
        from mull.store.export import to_json

        return to_json(session, store.turns(session.id))
    turns = store.branch(session.id)
    if form == "html":
        from mull.page.session_page import session_page

        return session_page(session, turns)
    from mull.store.export import to_markdown

    return to_markdown(session, turns)


def session_table(streams: Streams, sessions: Sequence[Session]) -> None:
    """Sessions as a table: how long ago they were used and, where there is room or in a pipe, the date."""
    rows = []
    for one in sessions:
        cells = (Styled(one.id, "accent"), one.title, str(one.turns), Styled(one.model, "muted"))
        date = Styled(moment_text(one.updated), "muted")
        rows.append(
            (*cells, Styled(ago(one.updated), "muted"), date) if streams.stdout_tty else (*cells, date)
        )
    table(streams, _HEADS, rows)


def print_session(
    streams: Streams, session: Session, turns: Sequence[TurnRecord], *, thinking: bool, details: bool
) -> None:
    """Print the questions and answers of a branch, oldest first; with `thinking` the thinking, too.

    `details`: what answered each turn, enough to repeat it.
    """
    from mull.store.export import ending

    style, write = streams.stdout_style, streams.stdout.write
    write(style(_safe(streams, one_line(session.title)), "bold") + "\n")
    about = f"session {session.id} · {one_line(session.model)} · {both(session.updated)}"
    write(style(_safe(streams, about), "muted") + "\n")
    for number, turn in enumerate(turns, 1):
        asked = _safe(streams, turn.question).splitlines() or [""]
        write("\n" + "\n".join(style(f"> {line}".rstrip(), "accent") for line in asked) + "\n")
        for file in turn.files:
            write(style(f"  with {one_line(file.name)}", "muted") + "\n")
        if thinking and turn.thinking:
            write("\n" + "".join(f"{line}\n" for line in _thoughts(turn.thinking, streams)))
        write("\n" + "".join(f"{line}\n" for line in _drawn(turn.answer, streams)))
        if turn.partial:
            write(style(f"({ending(turn)})", "muted") + "\n")
        if details:
            write("\n" + "".join(f"{line}\n" for line in _details(turn, number, streams)))


def _details(turn: TurnRecord, number: int, streams: Streams) -> Iterator[str]:
    from mull.commands._session_ran import ran_rows

    rows = [("turn", str(number)), *ran_rows(turn)]
    if streams.stdout_tty:
        yield from card_lines(streams, [(name, Styled(text, "muted")) for name, text in rows])
        return
    for name, text in rows:
        yield streams.stdout_style(f"  {name:11} {one_line(text)}", "muted")


def print_hit(streams: Streams, hit: Hit) -> None:
    """Print where a match is, and the text around it with the matches in bold."""
    head = [
        (
            _safe(streams, f"{hit.session}  {one_line(hit.title)} · {hit.field}, {time_text(hit.when)}"),
            "muted",
        )
    ]
    parts = hit.snippet.replace(OPEN, CLOSE).split(CLOSE)
    words = [(_safe(streams, part), "bold" if number % 2 else "") for number, part in enumerate(parts)]
    width = streams.width - 1 if streams.stdout_tty else None  # not on a terminal: one line each
    lines = wrap_spans(head, width) if width else [head]
    lines += [[("  ", ""), *line] for line in (wrap_spans(words, width - 2) if width else [words])]
    for line in lines:
        streams.write("".join(streams.stdout_style(text, style) for text, style in line) + "\n")


def time_text(seconds: float) -> str:
    """The time of day if it is today, else the date."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%Y-%m-%d", then)


def _drawn(answer: str, streams: Streams) -> Sequence[str]:
    """The lines of an answer: Markdown is rendered on a terminal, else the text is unchanged."""
    if not streams.stdout_live:
        return _safe(streams, answer.rstrip()).split("\n") if answer else []
    from mull.terminal.markdown.stream import render

    return render(
        answer, streams.width - 1, streams.stdout_style, unicode=streams.unicode, math=True, margin=1
    )


def _thoughts(thinking: str, streams: Streams) -> Sequence[str]:
    """The lines of the thinking, as `_drawn` returns those of an answer."""
    if not streams.stdout_live:
        return [streams.stdout_style(line, "thinking") for line in _safe(streams, thinking).splitlines()]
    from mull.terminal.markdown.thoughts import drawn

    return drawn(thinking, streams.width - 1, streams.stdout_style, unicode=streams.unicode, math=True)


def _safe(streams: Streams, text: str) -> str:
    return visible(text) if streams.stdout_tty else text

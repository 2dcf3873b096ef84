"""`mull sessions`: list, show, search, export, import, rename, remove and count saved conversations."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._argument_checks import to_stdout
from mull.commands._options import Json, completes
from mull.commands._sessions_prune import prune
from mull.commands._sessions_replay import replay
from mull.commands._sessions_stats import stats
from mull.errors import MullError
from mull.store.formats import ExportFormat
from mull.terminal.console.quantities import counted
from mull.terminal.console.streams import Streams
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.store.sessions import Store

_MOST = 1_000_000  # that -n takes
_SHOWN = 30  # sessions listed on a terminal without -n

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="A session's id or name, or the beginning of it.",
        autocompletion=completes("sessions"),
    ),
]


@app.callback()
def root() -> None:
    """List, search, export, count and remove saved conversations.

    Without a subcommand the sessions are listed.
    """


@app.command("list")
def listing(
    context: typer.Context,
    limit: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--limit",
            min=1,
            max=_MOST,
            metavar="N",
            help="Only the last N sessions.",
            show_default=False,
        ),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """List the sessions, most recently used first.

    On a terminal the list ends after 30 sessions unless -n is given.
    """
    from mull.commands._session_text import session_table, summary

    streams: Streams = context.obj
    if limit is None and streams.stdout_tty and not json:
        limit = _SHOWN
    with _store(streams) as store:
        found, count = store.sessions(limit), store.count()
    if json:
        write_object(streams, {"v": 1, "sessions": [summary(session) for session in found]})
        return
    if found:
        session_table(streams, found)
    else:
        streams.note("No conversation has been saved yet.")
    if len(found) < count:
        streams.note(f"{count - len(found):,} more: mull sessions list -n {count}")


@app.command("show")
def show(
    context: typer.Context,
    name: Name,
    *,
    thinking: Annotated[bool, typer.Option("--thinking", help="Show the thinking, too.")] = False,
    details: Annotated[
        bool | None,
        typer.Option(
            "--details/--no-details",
            help="Show what answered each turn: file, seed, settings, versions. Unset: on a terminal.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Print a conversation."""
    from mull.commands._session_text import print_session
    from mull.store.export import to_data

    streams: Streams = context.obj
    with _store(streams) as store:
        session = store.find(name)
        turns = store.turns(session.id) if json else store.branch(session.id)
    if json:
        write_object(streams, to_data(session, turns))
    else:
        shows = streams.stdout_tty if details is None else details
        print_session(streams, session, turns, thinking=thinking, details=shows)


@app.command("search")
def search(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS...", help='Find turns with all these words; quote "a phrase".'),
    ],
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=_MOST, metavar="N", help="Show at most N turns.")
    ] = 20,
    *,
    json: Json = False,
) -> None:
    """Search questions, answers and thinking; newest first."""
    from mull.commands._session_text import print_hit
    from mull.store.search import CLOSE, OPEN

    streams: Streams = context.obj
    with _store(streams) as store:
        hits = store.search(" ".join(words), limit)
    if json:
        plain = str.maketrans("", "", OPEN + CLOSE)
        found = [{**dataclasses.asdict(hit), "snippet": hit.snippet.translate(plain)} for hit in hits]
        write_object(streams, {"v": 1, "hits": found})
        return
    for hit in hits:
        print_hit(streams, hit)
    if not hits:
        streams.note("No match.")
        raise typer.Exit(1)


@app.command("export")
def export(
    context: typer.Context,
    name: Name,
    form: Annotated[
        ExportFormat, typer.Option("-f", "--format", help="Markdown, JSON or a single HTML page.")
    ] = ExportFormat.md,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            callback=to_stdout,
            help="Write to this file instead of stdout.",
        ),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the -o file if it exists.")] = False,
) -> None:
    """Export a conversation as Markdown, JSON or HTML.

    JSON is complete, and import reads it. HTML is a single self-contained page.
    """
    from mull.commands._session_text import exported
    from mull.fs.out_file import would_replace
    from mull.store.export import write_export

    streams: Streams = context.obj
    with _store(streams) as store:
        session = store.find(name)
        text = exported(store, session, form)
    if output is None:
        streams.write_stdout(text)
        return
    if would_replace(output) and not force and streams.stdin_tty and streams.stderr_tty:
        force = streams.confirm(f"{output} exists. Replace it?")
    write_export(output, text, replace=force, hint="--force replaces it.")
    streams.note(f"Written: {output}")


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON file written by export; - reads stdin.")],
) -> None:
    """Import a conversation that was exported as JSON. Prints its new id."""
    from mull.store.export import from_json

    streams: Streams = context.obj
    session, turns = from_json(_import_text(streams, file))
    with _store(streams) as store:
        copy = store.insert(session, turns)
    streams.write_stdout(f"{copy.id}\n")


@app.command("rename")
def rename(
    context: typer.Context, name: Name, new: Annotated[str, typer.Argument(metavar="NEW-NAME")]
) -> None:
    """Name a session."""
    with _store(context.obj) as store:
        store.rename(store.find(name).id, new)


@app.command("rm")
def remove(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="SESSION...", help="Ids or names.", autocompletion=completes("sessions")),
    ],
    *,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Remove without asking.")] = False,
) -> None:
    """Delete sessions. On a terminal mull asks first."""
    streams: Streams = context.obj
    with _store(streams) as store:
        found = list({session.id: session for session in map(store.find, names)}.values())
        if not yes and streams.stdin_tty and streams.stderr_tty:
            titles = ", ".join(f"{each.id} ({each.title}, {counted(each.turns, 'turn')})" for each in found)
            if not streams.confirm(f"Remove {titles}?"):
                raise typer.Exit(1)
        for session in found:
            store.remove(session.id)
        store.compact()


def _import_text(streams: Streams, file: Path) -> str:
    """The text of a file to import, or of stdin, up to the limit. Raises MullError."""
    from mull.fs.text import read_text
    from mull.store.session_file import LONGEST, too_large

    if str(file) == "-":
        return streams.stdin_bytes(LONGEST).decode("utf-8", "replace")
    try:
        text, replaced = read_text(file, most=LONGEST, pipes=True)
    except MullError as error:
        if error.code == "file_too_long":
            raise too_large() from error
        if error.code != "binary_input":
            raise
        text, replaced = "", True
    if replaced:
        raise MullError(
            "binary_input",
            f"{file} is not a text file.",
            "Give a JSON file from mull sessions export.",
        )
    return text


def _store(streams: Streams) -> AbstractContextManager[Store]:
    from mull.commands._session_text import open_store_noted

    return open_store_noted(streams)


app.command("replay")(replay)
app.command("prune")(prune)
app.command("stats")(stats)

"""`mull sessions prune`: remove the sessions that were not used for a while, once they have been listed.

In: an age or a date, and a confirmation. Out: what was removed, on stderr or as JSON. Each session is removed in one
transaction, so that an interruption leaves whole sessions. Raises UsageError where no one can confirm.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mull.commands._options import Json
from mull.errors import UsageError
from mull.fs.size import size_text
from mull.terminal.console.dates import moment_text
from mull.terminal.console.quantities import counted
from mull.terminal.console.streams import Streams
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.store.records import Session

_LISTED = 30  # sessions on a terminal before the question

Older = Annotated[
    str,
    typer.Option(
        "--older",
        metavar="AGE",
        show_default=False,
        help="Remove what was last used longer ago: 90d, 12w, 6mo, 2y, or before a date: 2026-01-31.",
    ),
]
Named = Annotated[bool, typer.Option("--named", help="Remove sessions that have a name, too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List them, and remove nothing.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Remove without asking.")]


def prune(
    context: typer.Context,
    older: Older,
    *,
    named: Named = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Remove sessions that were not used for a while.

    The sessions are listed; on a terminal mull then asks, elsewhere it removes them only with --yes. Sessions that have
    a name stay unless --named is given.
    """
    from mull.commands._age import moment_before
    from mull.commands._session_text import open_store_noted, session_table

    streams: Streams = context.obj
    before = moment_before(older, time.time())
    asks = not (dry_run or yes)
    with open_store_noted(streams) as store:
        found = store.unused(before, named=named)
        if found and asks and (json or not (streams.stdin_tty and streams.stderr_tty)):
            raise UsageError(
                "usage_error",
                f"Nothing was removed: there is no one to ask about {_counts(found)}.",
                "--yes removes the sessions, --dry-run lists them.",
            )
        if found and not (yes or json):
            session_table(streams, found[:_LISTED] if asks else found)
            if asks and len(found) > _LISTED:
                streams.note(f"{len(found) - _LISTED:,} more: --dry-run lists them all.")
        if asks and found and not streams.confirm(f"Remove {_counts(found)}?"):
            raise typer.Exit(1)
        gone = [] if dry_run else [one for one in found if store.remove_unused(one.id, before, named=named)]
        freed = store.compact() if gone else 0
        stays = 0 if named else len(store.unused(before, named=True)) - (len(found) if dry_run else 0)
    if json:
        write_object(streams, _object(found if dry_run else gone, before, freed, dry_run=dry_run))
        return
    streams.note(_summary(found, gone, before, freed, dry_run=dry_run))
    if stays > 0:
        verb = "has a name and stays" if stays == 1 else "have a name and stay"
        streams.note(f"{counted(stays, 'session')} of that age {verb}; --named removes them, too.")


def _summary(
    found: Sequence[Session], gone: Sequence[Session], before: float, freed: int, *, dry_run: bool
) -> str:
    since = f"last used before {moment_text(before)}"
    if not found:
        return f"Nothing to remove: no session was {since}."
    if dry_run:
        return f"{_counts(found)}, {since}. Nothing was removed."
    return f"Removed {_counts(gone)}, {since}; {size_text(freed)} freed."


def _counts(sessions: Sequence[Session]) -> str:
    turns = counted(sum(session.turns for session in sessions), "turn")
    return f"{counted(len(sessions), 'session')} with {turns}"


def _object(sessions: Sequence[Session], before: float, freed: int, *, dry_run: bool) -> dict[str, Any]:
    from mull.commands._session_text import summary

    return {
        "v": 1,
        "before": before,
        "dry_run": dry_run,
        "sessions": [summary(session) for session in sessions],
        "freed": freed,
        "error": None,
    }

"""`mull models`: the catalogue and what is installed, each with a verdict for this machine; and searching the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mull import config
from mull.backends.load_plan import state_file, this_machine
from mull.commands import overview
from mull.errors import MullError, UsageError
from mull.fs import paths
from mull.fs.size import size_text
from mull.models.catalogue import recommend
from mull.models.catalogue.catalogue import Catalogue, load_catalogue
from mull.models.disk.discover import unfinished
from mull.models.inventory import Row, record, select, survey
from mull.models.memory.machine import Machine
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import card, table
from mull.terminal.views.json_output import write_object

FOUND_HEADS = ("REPOSITORY", "DOWNLOADS", "LIKES", "UPDATED", "LICENCE")
HEADER_SECONDS = (
    0.2  # for headers that the record lacks; the other files are judged by size until the next time
)

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[WORDS]...", help="Only models with these words; `search WORDS` asks the Hub."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Licence = Annotated[
    str | None,
    typer.Option(
        "--licence",
        "--license",
        metavar="KIND",
        help="permissive, or a part of an SPDX id.",
        show_default=False,
    ),
]
Installed = Annotated[bool, typer.Option("--installed", help="Only what is on this disk.")]
Best = Annotated[bool, typer.Option("--best", help="Recommend one for this machine, and say why.")]
Refresh = Annotated[
    str | None,
    typer.Option(
        "--refresh",
        metavar="SOURCE",
        help="Read a newer catalogue: an address or a path.",
        show_default=False,
    ),
]


@app.command("models", context_settings={"help_option_names": ["-h", "--help"]})
def models(
    context: typer.Context,
    words: Words = None,
    *,
    licence: Licence = None,
    installed: Installed = False,
    best: Best = False,
    refresh: Refresh = None,
    json: Json = False,
) -> None:
    """List models, with a verdict for this machine.

    Those that mull knows and those on this disk. mull models search WORDS searches the Hub.
    """
    streams: Streams = context.obj
    words = words or []
    if refresh is not None:
        _refresh(streams, refresh, json=json)
        return
    if words[:1] == ["search"]:
        _search(streams, words[1:], json=json)
        return
    catalogue, machine = load_catalogue(paths.config_dir()), this_machine()
    for notice in catalogue.notices:
        streams.note(notice)
    if best:
        _best(streams, catalogue, machine, licence, words, json=json)
        return
    rows = select(rows_here(catalogue, machine), words=words, licence=licence, installed=installed)
    partial = unfinished() if installed else []
    if json:
        value = {"v": 1, "updated": catalogue.updated, "models": [record(row) for row in rows]}
        if installed:
            value["unfinished"] = [{"repo": repo, "bytes": size} for repo, size in partial]
        write_object(streams, value)
        return
    if rows:
        layout = overview.layout_for(streams.width if streams.stdout_tty else None)
        table(streams, overview.heads(layout), [overview.cells(row, layout) for row in rows])
        if streams.stdout_tty:
            streams.note(overview.legend(layout))
    else:
        near = ", ".join(catalogue.nearest(" ".join(words)))
        streams.note(f"No model matches.{f' Nearest: {near}.' if near else ''}")
    for repo, size in partial:
        streams.note(f"Unfinished: {repo}, {size_text(size)}. mull pull goes on with it, mull rm removes it.")


def installed(context: typer.Context, *, json: Json = False) -> None:
    """List the models on this disk."""
    models(context, installed=True, json=json)


def rows_here(catalogue: Catalogue, machine: Machine) -> list[Row]:
    """Every row, with what is on this disk."""
    from mull.models.disk import discover
    from mull.models.memory.layout_cache import Layouts

    folders = [Path(folder) for folder in config.load(paths.config_dir() / "config.toml")["model_folders"]]
    layouts = Layouts(state_file("layouts.json"), HEADER_SECONDS)
    rows = survey(catalogue, discover.installed(folders), machine, layouts)
    layouts.save()
    return rows


def _best(
    streams: Streams,
    catalogue: Catalogue,
    machine: Machine,
    licence: str | None,
    words: Sequence[str],
    *,
    json: bool,
) -> None:
    rows = select([Row(entry.name, entry) for entry in catalogue.entries], words=words, licence=licence)
    found = recommend.best([row.entry for row in rows if row.entry], machine)
    if found is None:
        raise MullError(
            "nothing_fits", "No model with a published score fits this machine.", "pebble always runs."
        )
    offer, why = found
    if json:
        row = Row(offer.entry.name, offer.entry, file=offer.file, plan=offer.plan)
        write_object(
            streams, {"v": 1, "best": record(row), "why": why, "pull": f"mull pull {offer.entry.name}"}
        )
        return
    card(
        streams, [("Best here", offer.entry.name), ("Why", why), ("Get it", f"mull pull {offer.entry.name}")]
    )


def _search(streams: Streams, words: Sequence[str], *, json: bool) -> None:
    from mull.models.hub.search import search

    if not words:
        raise UsageError("usage", "Search for what?", "mull models search WORDS")
    found = search(" ".join(words))
    if json:
        fields = ("repo", "downloads", "likes", "updated", "licence", "gated")
        write_object(
            streams, {"v": 1, "found": [{name: getattr(one, name) for name in fields} for one in found]}
        )
        return
    rows = [
        (
            one.repo,
            f"{one.downloads:,}",
            f"{one.likes:,}",
            one.updated,
            one.licence + (" (gated)" if one.gated else ""),
        )
        for one in found
    ]
    if rows:
        table(streams, FOUND_HEADS, rows)
    streams.note(
        f"Get one with: mull pull {found[0].repo}"
        if found
        else "The Hub has no GGUF repository with these words."
    )


def _refresh(streams: Streams, source: str, *, json: bool) -> None:
    from mull.models.catalogue.refresh import refresh

    count, updated = refresh(source, paths.config_dir())
    if json:
        write_object(streams, {"v": 1, "models": count, "updated": updated})
        return
    streams.note(f"The catalogue now has {count} models, as of {updated or 'an unknown date'}.")

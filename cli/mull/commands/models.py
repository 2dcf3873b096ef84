"""`mull models` and `mull list`: catalogue and installed models, judged for this machine; search the Hub; refresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json, completes
from mull.errors import MullError, UsageError
from mull.fs.size import size_text
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.models.catalogue.catalogue import Catalogue
    from mull.models.memory.machine import Machine

_FOUND_HEADS = ("REPOSITORY", "DOWNLOADS", "LIKES", "UPDATED", "LICENCE")

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORDS]...", help="Only models with these words; `search WORDS` searches the Hub."
    ),
]
Licence = Annotated[
    str | None,
    typer.Option(
        "--licence",
        "--license",
        metavar="KIND",
        help="Only models with this licence: permissive, or part of an SPDX identifier.",
        show_default=False,
    ),
]
Installed = Annotated[bool, typer.Option("--installed", help="Only installed models.")]
Best = Annotated[bool, typer.Option("--best", help="Recommend one model for this machine, with the reason.")]
Refresh = Annotated[
    str | None,
    typer.Option(
        "--refresh",
        metavar="SOURCE",
        help="Replace the catalogue by a newer one, from a URL or a path.",
        show_default=False,
    ),
]
FromEndpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="NAME",
        help="The models that an endpoint lists (mull endpoints), by its name or its URL.",
        autocompletion=completes("endpoint_names"),
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
    endpoint: FromEndpoint = None,
    json: Json = False,
) -> None:
    """List models, and whether they fit this machine.

    The list holds the models of the catalogue and those on this disk. mull models search WORDS searches the Hub.
    """
    streams: Streams = context.obj
    words = [] if words in (["list"], ["ls"]) else words or []
    if endpoint is not None:
        from mull.commands._endpoints import list_models

        if words or licence or installed or best or refresh:
            raise UsageError("conflicting_options", "--endpoint goes with no other choice.", "Give it alone.")
        list_models(streams, endpoint, json=json)
    elif refresh is not None:
        _refresh(streams, refresh, json=json)
    elif words[:1] == ["search"]:
        _search(streams, words[1:], json=json)
    elif best:
        _best(streams, words, licence, json=json)
    else:
        _list(streams, words, licence, installed=installed, json=json)


def installed(context: typer.Context, *, json: Json = False) -> None:
    """List installed models."""
    models(context, installed=True, json=json)


def _list(
    streams: Streams, words: Sequence[str], licence: str | None, *, installed: bool, json: bool
) -> None:
    from mull.backends.recommendation import recommended
    from mull.commands._inventory import all_rows
    from mull.commands._models_table import show_models
    from mull.config import read_config
    from mull.models.disk.discover import unfinished
    from mull.models.inventory import record, select
    from mull.terminal.views.json_output import write_object

    catalogue, machine = _catalogue_and_machine(streams)
    aliases = read_config().aliases
    rows = select(all_rows(catalogue, machine), words=words, licence=licence, installed=installed)
    partial = unfinished() if installed else []
    if json:
        value = {"v": 1, "updated": catalogue.updated, "models": [record(row) for row in rows]}
        value["aliases"] = {**aliases}
        if installed:
            value["unfinished"] = [{"repo": repo, "bytes": size} for repo, size in partial]
        write_object(streams, value)
        return
    if rows:
        best = recommended()
        narrowed = bool(words or licence or installed)
        show_models(streams, rows, best.name if best else "", all_rows=narrowed)
        if best and streams.stdout_tty:
            streams.note(f"Recommended for this machine: {best.command}")
    else:
        near = ", ".join(catalogue.nearest(" ".join(words)))
        streams.note(f"No model matches.{f' Nearest: {near}.' if near else ''}")
    if aliases:
        streams.note(f"Aliases: {', '.join(f'{alias} for {model}' for alias, model in aliases.items())}.")
    for repo, size in partial:
        streams.note(f"Unfinished: {repo}, {size_text(size)}. mull pull resumes it, mull rm removes it.")


def _catalogue_and_machine(streams: Streams) -> tuple[Catalogue, Machine]:
    """Load the catalogue, print its notices, and measure this machine."""
    from mull.backends.load_plan import this_machine
    from mull.fs import paths
    from mull.models.catalogue.catalogue import load_catalogue

    catalogue = load_catalogue(paths.config_dir())
    for notice in catalogue.notices:
        streams.note(notice)
    return catalogue, this_machine()


def _best(streams: Streams, words: Sequence[str], licence: str | None, *, json: bool) -> None:
    from mull.backends.recommendation import Recommendation, resting_machine
    from mull.commands._recommend import offer_download
    from mull.models.catalogue import recommend
    from mull.models.hub.environment import offline
    from mull.models.inventory import InventoryItem, record, select
    from mull.terminal.console.tables import card
    from mull.terminal.views.json_output import write_object

    catalogue, _ = _catalogue_and_machine(streams)
    machine = resting_machine()
    rows = select(
        [InventoryItem(entry.name, entry) for entry in catalogue.entries], words=words, licence=licence
    )
    found = recommend.best([row.entry for row in rows if row.entry], machine)
    if found is None:
        raise MullError(
            "nothing_fits", "No model with a published score fits this machine.", "pebble always runs."
        )
    offer, why = found
    name, command = offer.entry.name, f"mull pull {offer.entry.name}"
    size = (offer.file.bytes or 0) if offer.file else 0
    if json:
        best = record(InventoryItem(name, offer.entry, file=offer.file, plan=offer.plan))
        write_object(streams, {"v": 1, "best": best, "why": why, "pull": command})
    else:
        facts = [("Best here", name), ("Size", size_text(size)), ("Why", why), ("Get it", command)]
        card(streams, facts)
        if variable := offline():
            streams.note(f"{variable} is set, so nothing can be downloaded.")
        offer_download(Recommendation(name, size), streams)


def _search(streams: Streams, words: Sequence[str], *, json: bool) -> None:
    from mull.models.hub.search import search
    from mull.terminal.console.tables import table
    from mull.terminal.views.json_output import write_object

    if not words:
        raise UsageError("usage_error", "No words to search for.", "mull models search WORDS")

    def say_retry(seconds: float, error: MullError) -> None:
        if not json:
            streams.note(f"{error.message} Trying again in {seconds:.0f} s.")

    found = search(" ".join(words), on_retry=say_retry)
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
        table(streams, _FOUND_HEADS, rows)
    streams.note(
        f"Download one with: mull pull {found[0].repo}" if found else "No GGUF repository on the Hub matches."
    )


def _refresh(streams: Streams, source: str, *, json: bool) -> None:
    from mull.fs import paths
    from mull.models.catalogue.refresh import refresh
    from mull.terminal.console.quantities import counted
    from mull.terminal.views.json_output import write_object

    count, updated = refresh(source, paths.config_dir())
    if json:
        write_object(streams, {"v": 1, "models": count, "updated": updated})
        return
    streams.note(f"The catalogue now has {counted(count, 'model')}, as of {updated or 'an unknown date'}.")

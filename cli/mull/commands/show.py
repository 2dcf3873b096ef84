"""`mull show NAME`: a model's card, from the catalogue, the file's own header, and the Hub's README when it is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mull import paths
from mull.commands.models import rows_here
from mull.commands.options import completes
from mull.errors import MullError
from mull.hardware import this_machine
from mull.library.card import as_json, pairs
from mull.library.catalogue import Catalogue, load_catalogue
from mull.library.fit import plan
from mull.library.layout import Layout, from_entry, from_headers
from mull.library.survey import Row
from mull.terminal.result import write_object
from mull.terminal.streams import Streams
from mull.terminal.tables import card

if TYPE_CHECKING:
    from mull.library.gguf import Header

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A catalogue name, or one that `mull list` shows.",
        autocompletion=completes("known_models"),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Readme = Annotated[
    bool, typer.Option("--readme", help="Page through the repository's README, when it is here.")
]


def show(context: typer.Context, name: Name, *, readme: Readme = False, json: Json = False) -> None:
    """Show a model's card.

    Licence, thinking, sampling, what was published, files, memory at several contexts.
    """
    streams: Streams = context.obj
    catalogue, machine = load_catalogue(paths.config_dir()), this_machine()
    row = find(name, catalogue, rows_here(catalogue, machine))
    if readme:
        page(streams, row)
        return
    headers = _headers(row)
    layout = _layout(row, headers)
    found = plan(layout, machine) if layout else None
    thinking = _thinking(headers)
    if json:
        write_object(streams, as_json(row, layout, found, thinking))
    else:
        card(streams, pairs(row, layout, found, thinking))


def find(name: str, catalogue: Catalogue, rows: list[Row]) -> Row:
    """The row of that name, alias, or path. Raises MullError with the nearest names."""
    entry = catalogue.find(name)
    wanted = entry.name if entry else name.lower()
    for row in rows:
        if row.name.lower() == wanted or (row.local and str(row.local.path) == name):
            return row
    near = catalogue.nearest(name)
    raise MullError(
        "unknown_model",
        f'There is no model "{name}" in the catalogue or on this disk.',
        f"Did you mean {', '.join(near)}?"
        if near
        else "`mull models` lists them; `mull models search` asks the Hub.",
    )


def page(streams: Streams, row: Row) -> None:
    """The README in the pager, drawn as Markdown; plain when stdout is no terminal."""
    text = _readme(row)
    if text is None:
        address = row.entry.card if row.entry else ""
        raise MullError(
            "no_readme", f"The README of {row.name} is not on this disk.", f"See {address}" if address else ""
        )
    if not streams.stdout_tty:
        streams.stdout.write(text)
        return
    import os
    import pydoc

    from mull.terminal.markdown import render

    lines = render(text, min(streams.width, 100), streams.stdout_ink, unicode=streams.unicode)
    os.environ.setdefault("LESS", "-R")  # colours, not their codes
    pydoc.pager("\n".join(lines) + "\n")


def _readme(row: Row) -> str | None:
    """The README beside the model's file, without its front matter."""
    if row.local is None:
        return None
    try:
        text = (Path(row.local.path).parent / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if text.startswith("---\n"):
        _, _, text = text[4:].partition("\n---\n")
    return text.lstrip("\n")


def _headers(row: Row) -> list[Header]:
    """The headers of the file's parts, empty where it is not here or cannot be read."""
    from mull.library.gguf import read_header

    try:
        return [read_header(part) for part in row.parts]
    except MullError:
        return []


def _layout(row: Row, headers: list[Header]) -> Layout | None:
    if headers:
        try:
            return from_headers(headers)
        except MullError:
            return None
    return from_entry(row.entry, row.file) if row.entry else None


def _thinking(headers: list[Header]) -> str | None:
    """What the file's own template can do, in a few words."""
    if not headers or not headers[0].template:
        return None
    from mull.reasoning.profile import profile

    first = headers[0]
    special = first.special_tokens.values()
    try:
        found = profile(
            first.template,
            special=special,
            architecture=first.architecture,
            name=first.name,
            bos=first.bos,
            eos=first.eos,
        )
    except MullError as error:
        return error.message
    words = {
        "none": "does not think",
        "always": "always thinks",
        "switchable": "can be switched",
        "effort": "has efforts",
    }
    parts = [words[found.kind]]
    if found.switch is not None:
        parts.append(f"by {found.switch.argument or f'{found.switch.on} and {found.switch.off}'}")
    if found.start and found.end:
        parts.append(f"between {found.start.strip()} and {found.end.strip()}")
    return ", ".join(parts)

"""A model's card, from the catalogue, the file's own header, and the Hub's README when it is here; drawn or as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mull.backends.load_plan import this_machine
from mull.commands.models import rows_here
from mull.config import read_config
from mull.errors import MullError
from mull.fs import paths
from mull.models.card import as_json, pairs
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.inventory import Row, named
from mull.models.memory.fit import plan
from mull.models.memory.layout import MemoryLayout, from_entry, from_headers
from mull.terminal.console.pager import page
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import card, card_lines
from mull.terminal.views.json_output import write_object

READABLE = 100  # columns; longer lines are hard to follow
WITH_README = frozenset({"hub", "lmstudio"})  # places that keep a repository's files together

if TYPE_CHECKING:
    from mull.models.gguf.header import Header


def show_card(streams: Streams, name: str, *, readme: bool, json: bool) -> None:
    """Show what is known of the model, or only its README. Raises MullError for a name that means none."""
    catalogue, machine = load_catalogue(paths.config_dir()), this_machine()
    folders = [Path(folder) for folder in read_config()["model_folders"]]
    row = named(name, catalogue, rows_here(catalogue, machine), machine, folders)
    if readme:
        _show_readme(streams, row)
        return
    headers = _headers(streams, row)
    layout = _layout(row, headers)
    found = plan(layout, machine) if layout else row.plan
    row = replace(row, plan=found)
    thinking, first = _thinking(headers), headers[0] if headers else None
    if json:
        write_object(streams, as_json(row, layout, found, thinking, first))
        return
    facts = pairs(row, layout, found, thinking, first)
    text = _readme(row) if streams.stdout_live else None
    if text is None:
        card(streams, facts)
    else:
        page(streams, [*card_lines(streams, facts), "", *_drawn(streams, text)])


def _show_readme(streams: Streams, row: Row) -> None:
    """The README alone: in the pager, or as it is written where stdout is no terminal."""
    text = _readme(row)
    if text is None:
        address = row.entry.card if row.entry else ""
        raise MullError(
            "no_readme", f"The README of {row.name} is not on this disk.", f"See {address}" if address else ""
        )
    if streams.stdout_tty:
        page(streams, _drawn(streams, text))
    else:
        streams.stdout.write(text)


def _drawn(streams: Streams, text: str) -> list[str]:
    from mull.terminal.markdown.stream import render

    return render(text, min(streams.width - 1, READABLE), streams.stdout_ink, unicode=streams.unicode)


def _readme(row: Row) -> str | None:
    """The README of the repository that the file is from, without its front matter."""
    if row.local is None or row.local.source not in WITH_README:
        return None
    top = row.local.path.parents[row.local.filename.count("/")]
    try:
        text = (top / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if text.startswith("---\n"):
        _, _, text = text[4:].partition("\n---\n")
    return text.lstrip("\n")


def _headers(streams: Streams, row: Row) -> list[Header]:
    """The headers of the file's parts; none where it is not here. Raises ModelFileError for a damaged file that no
    catalogue knows; of one that it knows there is enough to show, with a note."""
    from mull.models.gguf.header import read_header

    try:
        return [read_header(part) for part in row.parts]
    except MullError as error:
        if row.entry is None:
            raise
        streams.note(error.message)
        return []


def _layout(row: Row, headers: list[Header]) -> MemoryLayout | None:
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
    from mull.reasoning.profiler import profile

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

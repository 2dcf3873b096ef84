"""`mull show NAME`: a model's card, from the catalogue, the header of its file, and the README downloaded with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json, completes
from mull.errors import MullError, UsageError
from mull.fs.text import decode, read_bytes
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.models.catalogue.entry import CatalogueEntry
    from mull.models.gguf.header import Header
    from mull.models.inventory import InventoryItem
    from mull.models.memory.layout import MemoryLayout
    from mull.models.provenance.values import Provenance

_LONGEST = 4 << 20  # bytes of a README
_MAX_WIDTH = 100  # columns; longer lines are hard to read
_WITH_README = frozenset({"hub", "lmstudio"})  # sources that store a repository's files together

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="A catalogue name, owner/repo[:QUANT], the path of a .gguf file, or MODEL@ENDPOINT. With --card: a run of "
        "mull eval, by default the last.",
        autocompletion=completes("shown_models"),
    ),
]
Readme = Annotated[
    bool, typer.Option("--readme", help="Show only the README that was downloaded with the model.")
]
Card = Annotated[
    Path | None,
    typer.Option(
        "--card",
        metavar="FILE",
        help="Write a card of what mull eval measured to this .md or .html file.",
        show_default=False,
    ),
]


def show(
    context: typer.Context,
    name: Name = None,
    *,
    readme: Readme = False,
    card_file: Card = None,
    json: Json = False,
) -> None:
    """Show a model's card.

    Licence, reasoning control, sampling defaults, published results, files, and memory at several context sizes. On a
    terminal the README that was downloaded with the model follows, in the pager.
    """
    from mull.backends.load_plan import this_machine
    from mull.commands._chat_template import template_choice
    from mull.commands._inventory import all_rows
    from mull.config import read_config
    from mull.fs import paths
    from mull.models import card
    from mull.models.catalogue.catalogue import load_catalogue
    from mull.models.inventory import find_item
    from mull.models.memory.fit import plan
    from mull.models.provenance import describe
    from mull.models.resolve import address_of
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    if card_file is not None:
        _write_card(card_file, name, readme=readme, json=json)
        return
    if name is None:
        raise UsageError("usage_error", "Missing argument NAME.", "mull list shows the models.")
    settings = read_config()
    name = settings.expand(name)
    if address := address_of(name, settings.endpoints):
        from mull.commands import _show_endpoint

        if readme:
            raise MullError("no_readme", f"A server tells no README of {address}.")
        _show_endpoint.show(streams, address, json=json)
        return
    catalogue, machine = load_catalogue(paths.config_dir()), this_machine()
    with settings.explaining(name):
        row = find_item(name, catalogue, all_rows(catalogue, machine), machine, settings.model_folders())
    if readme:
        _show_readme(streams, row)
        return
    headers = _headers(streams, row)
    kind = _other_kind(headers) or row.kind
    layout = None if kind else _layout(row, headers)
    found = plan(layout, machine) if layout else None if kind else row.plan
    row = replace(row, plan=found, kind=kind)
    own = settings.for_model([name, row.name])
    choice, lora = own["chat_template"], list(own["lora"] or ())
    choice = template_choice(choice) if choice else None
    thinking, first = _thinking(headers, choice), headers[0] if headers else None
    modified = _provenance(row, first, catalogue.entries, lora)
    if json:
        shown = card.as_json(row, layout, found, thinking, first) | {"chat_template": choice}
        shown["modified"] = describe.as_json(modified)
        write_object(streams, {**shown, "lora": lora} if lora else shown)
    else:
        chosen = [("Chat template", f"{choice}, as the config says")] if choice else []
        chosen += [("LoRA", ", ".join(lora))] if lora else []
        unlisted = row.entry is None and first is not None
        changed = (
            describe.rows(modified, readme=_whole_readme(row) is not None) if modified or unlisted else []
        )
        _show_card(streams, row, [*card.pairs(row, layout, found, thinking, first, changed), *chosen])


def _write_card(path: Path, run: str | None, *, readme: bool, json: bool) -> None:
    from mull.commands._eval_files import show_card

    if readme or json:
        raise UsageError("conflicting_options", "--card writes a file and shows nothing.", "Give it alone.")
    show_card(path, run)


def _show_card(streams: Streams, row: InventoryItem, facts: list[tuple[str, str]]) -> None:
    """Print the facts; on a terminal open the pager when there is a README to show below them."""
    from mull.terminal.console.pager import page
    from mull.terminal.console.style import Styled
    from mull.terminal.console.tables import card, card_lines

    text = _readme(row) if streams.stdout_live else None
    shown = [(name, Styled(value, _style(name, row))) for name, value in facts]
    if text is None:
        card(streams, shown, row.name)
    else:
        page(streams, [*card_lines(streams, shown, row.name), "", *_drawn(streams, text)])


def _style(name: str, row: InventoryItem) -> str:
    if name != "This machine" or row.plan is None:
        return ""
    from mull.commands._models_table import VERDICT_STYLES

    return VERDICT_STYLES[row.plan.verdict]


def _show_readme(streams: Streams, row: InventoryItem) -> None:
    """Show the README alone: in the pager on a terminal, else unformatted. Raises MullError (no_readme)."""
    text = _readme(row)
    if text is None:
        address = row.entry.card if row.entry else ""
        raise MullError(
            "no_readme", f"The README of {row.name} is not on this disk.", f"See {address}" if address else ""
        )
    if streams.stdout_tty:
        from mull.terminal.console.pager import page

        page(streams, _drawn(streams, text))
    else:
        streams.write(text)


def _drawn(streams: Streams, text: str) -> list[str]:
    from mull.terminal.markdown.stream import render

    width = min(streams.width - 1, _MAX_WIDTH)
    style = replace(streams.stdout_style, links=False)  # older pagers print the sequences
    return render(text, width, style, unicode=streams.unicode, math=True)


def _readme(row: InventoryItem) -> str | None:
    """The README of the model's repository without its front matter; None when it is not on this disk."""
    text = _whole_readme(row)
    if text is not None and text.startswith("---\n"):
        _, _, text = text[4:].partition("\n---\n")
    return None if text is None else text.lstrip("\n")


def _whole_readme(row: InventoryItem) -> str | None:
    if row.local is None or row.local.source not in _WITH_README:
        return None
    top = row.local.path.parents[row.local.filename.count("/")]
    try:
        return decode(read_bytes(top / "README.md", most=_LONGEST))[0]
    except OSError:
        return None


def _provenance(
    row: InventoryItem, header: Header | None, entries: Sequence[CatalogueEntry], loras: Sequence[str]
) -> Provenance | None:
    """Whether the installed model, with the adapters of the config, was changed after its maker published it."""
    from mull.models.provenance.detect import Known, provenance
    from mull.models.provenance.hub_card import read_hub_card

    known = Known(
        metadata=header.metadata if header else {},
        file=row.local.filename if row.local else "",
        repo=(row.local.repo if row.local else None) or "",
        card=read_hub_card(_whole_readme(row) or ""),
        entry=row.entry,
        loras=loras,
    )
    return provenance(known, entries)


def _headers(streams: Streams, row: InventoryItem) -> list[Header]:
    """The headers of the file's parts; empty when the model is not installed.

    Raises ModelFileError for a damaged file of an unknown model. For a catalogue model it prints a notice instead: the
    catalogue has enough to show.
    """
    from mull.models.gguf.header import read_header

    try:
        return [read_header(part) for part in row.parts]
    except MullError as error:
        if row.entry is None:
            raise
        streams.note(error.message)
        return []


def _other_kind(headers: list[Header]) -> str:
    from mull.models.gguf.kind import other_kind, part_problem

    first = headers[0] if headers else None
    if first is None:
        return ""
    return other_kind(first) or (part_problem(first, first.source) if isinstance(first.source, Path) else "")


def _layout(row: InventoryItem, headers: list[Header]) -> MemoryLayout | None:
    from mull.models.catalogue.estimate import from_entry
    from mull.models.memory.layout import from_headers

    if headers:
        try:
            return from_headers(headers)
        except MullError:
            return None
    return from_entry(row.entry, row.file) if row.entry else None


def _thinking(headers: list[Header], choice: str | None) -> str | None:
    """How the chat template, the file's or the chosen one, controls thinking, in a few words; None without one."""
    from mull.commands._chat_template import source_of
    from mull.models.gguf.chat_template import choose_template
    from mull.reasoning.profiler import profile

    first = headers[0] if headers else None
    source = choose_template(first).source if first is not None else None
    source = source_of(choice) if choice is not None else source
    if first is None or source is None:
        return None
    special = first.special_tokens.values()
    try:
        found = profile(
            source,
            special=special,
            architecture=first.architecture,
            name=first.name,
            bos=first.bos,
            eos=first.eos,
            tokens=first.special_texts,
        )
    except MullError as error:
        return error.message
    words = {
        "none": "does not think",
        "always": "always thinks",
        "switchable": "can be switched",
        "effort": "has effort levels",
    }
    parts = [words[found.kind]]
    if found.switch is not None:
        parts.append(f"by {found.switch.argument or f'{found.switch.on} and {found.switch.off}'}")
    if found.start and found.end:
        parts.append(f"between {found.start.strip()} and {found.end.strip()}")
    return ", ".join(parts)

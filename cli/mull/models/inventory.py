"""The list of models behind `mull models`: catalogue entries and installed files, each with whether it fits.

In: the catalogue, the installed models, a machine. Out: `InventoryItem`s, in the catalogue's order, then the installed
models that it does not list. `find_item` returns the one that a name means, `record` an item as JSON for scripts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.models.catalogue.catalogue import Catalogue
from mull.models.catalogue.entry import CatalogueEntry, CatalogueFile
from mull.models.catalogue.estimate import from_entry, from_size
from mull.models.catalogue.recommend import offer
from mull.models.disk.discover import LocalModel, of_file
from mull.models.memory.fit import MemoryPlan, plan
from mull.models.memory.layout_cache import LayoutCache
from mull.models.memory.machine import Machine
from mull.models.naming.reference import is_path, parse_hub
from mull.models.resolve import entry_of, find, matching, split_name

BUILTIN = Path(__file__).parents[1] / "data" / "pebble.gguf"


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """A model by the name that `-m` takes. `entry` None: not in the catalogue. `local`: the installed file, if any.

    `file`: what `mull pull` would download. `plan`: of the installed file, else of that one; None: no figures known.
    `kind`: what the installed file is instead of a language model; it then has no plan. `base`: it has no chat
    template, so that it continues text.
    """

    name: str
    entry: CatalogueEntry | None
    local: LocalModel | None = None
    file: CatalogueFile | None = None
    plan: MemoryPlan | None = None
    kind: str = ""
    base: bool = False

    @property
    def installed(self) -> bool:
        return self.local is not None or (self.entry is not None and self.entry.builtin)

    @property
    def parts(self) -> tuple[Path, ...]:
        """The installed files, in order."""
        if self.local is not None:
            return self.local.parts
        return (BUILTIN,) if self.installed and BUILTIN.is_file() else ()

    @property
    def bytes(self) -> int | None:
        """Size on the disk, or of the file that `mull pull` would download."""
        if self.parts:
            return self.local.bytes if self.local else BUILTIN.stat().st_size
        return self.file.bytes if self.file else None

    @property
    def approximate(self) -> bool:
        return not self.parts and bool(self.file and self.file.approximate)


def list_models(
    catalogue: Catalogue, local: Iterable[LocalModel], machine: Machine, layouts: LayoutCache | None = None
) -> list[InventoryItem]:
    """One item per entry, one per further file of the same entry, and one per file without an entry.

    The plan of an installed file comes from its header, as far as `layouts` has it or reads it.
    """
    layouts = layouts or LayoutCache(None, 0.0)
    of_entry: dict[str, list[LocalModel]] = {}
    unknown = []
    for model in local:
        entry = entry_of(model, catalogue)
        if entry is None:
            unknown.append(model)
        else:
            of_entry.setdefault(entry.name, []).append(model)
    rows = []
    for entry in catalogue.entries:
        here = of_entry.get(entry.name, [])
        here.sort(key=lambda model: (model.quant or "").lower() != (entry.default_quant or "").lower())
        rows.append(_row(entry, here[0] if here else None, machine, layouts))
        rows += [
            _local(f"{entry.name}:{model.quant or model.filename}", entry, model, machine, layouts)
            for model in here[1:]
        ]
    return rows + [_local(model.name, None, model, machine, layouts) for model in unknown]


def _row(
    entry: CatalogueEntry, model: LocalModel | None, machine: Machine, layouts: LayoutCache
) -> InventoryItem:
    if model is not None:
        return _local(entry.name, entry, model, machine, layouts)
    if entry.builtin and BUILTIN.is_file():
        layout = layouts.of((BUILTIN,))
        return InventoryItem(entry.name, entry, plan=plan(layout, machine) if layout else None)
    found = offer(entry, machine)
    return InventoryItem(entry.name, entry, file=found.file, plan=found.plan, base=entry.base)


def _local(
    name: str, entry: CatalogueEntry | None, model: LocalModel, machine: Machine, layouts: LayoutCache
) -> InventoryItem:
    layout = layouts.of(model.parts)
    if kind := layouts.kind(model.parts):
        return InventoryItem(name, entry, model, kind=kind)
    if layout is None and entry is not None:
        layout = from_entry(entry, CatalogueFile(model.quant or "", (model.filename,), model.bytes))
    base = layouts.base(model.parts) or (entry is not None and entry.base)
    return InventoryItem(name, entry, model, plan=plan(layout or from_size(model.bytes), machine), base=base)


def find_item(
    name: str,
    catalogue: Catalogue,
    rows: Sequence[InventoryItem],
    machine: Machine,
    folders: Sequence[Path] = (),
) -> InventoryItem:
    """The item that a name means, in any form that `-m` takes; also of a file that is in none of the known folders.

    Raises NotInstalled, and MullError for an unknown name or quantization.
    """
    entry, quant = split_name(name, catalogue)
    wanted = entry.name if entry is not None and quant is None else name.lower()
    for row in rows:
        if row.name.lower() == wanted:
            return row
    here = None if is_path(name) else next(iter(matching(name, folders)), None)
    if here is None and entry is None and (reference := parse_hub(name)):
        entry = next((one for one in catalogue.entries if one.repo == reference.repo), None)
        quant = reference.quant
    if here is None and entry is not None:
        return _of_quant(entry, quant, machine)
    model = here or of_file(find(name, folders=folders, catalogue=catalogue).file)
    real = os.path.realpath(model.path)
    for row in rows:
        if row.local is not None and os.path.realpath(row.local.path) == real:
            return row
    return _local(model.name, entry_of(model, catalogue), model, machine, LayoutCache(None, 0.0))


def _of_quant(entry: CatalogueEntry, quant: str | None, machine: Machine) -> InventoryItem:
    """A file that is not installed, of a quantization in the catalogue; None: the default one."""
    file = entry.file(quant)
    if quant is not None and file is None:
        known = ", ".join(one.quant for one in entry.files)
        raise MullError(
            "unknown_quantization",
            f"The catalogue has no {quant} of {entry.name}.",
            f"It has {known}." if known else "It lists no file of it.",
        )
    usual = file is None or file.quant == entry.default_quant
    layout = from_entry(entry, file)
    return InventoryItem(
        entry.name if usual or file is None else f"{entry.name}:{file.quant}",
        entry,
        file=file,
        plan=plan(layout, machine) if layout else None,
        base=entry.base,
    )


def select(
    rows: Sequence[InventoryItem],
    *,
    words: Sequence[str] = (),
    licence: str | None = None,
    installed: bool = False,
) -> list[InventoryItem]:
    """Items whose name, aliases, maker or family contain every word; `licence`: permissive, or part of an SPDX id."""
    return [
        row
        for row in rows
        if (not installed or row.installed)
        and (licence is None or _licensed(row.entry, licence.lower()))
        and all(word.lower() in _searchable(row) for word in words)
    ]


def record(row: InventoryItem) -> dict[str, Any]:
    """One item as JSON; unknown facts are null."""
    entry, found = row.entry, row.plan
    return {
        "name": row.name,
        "aliases": list(entry.aliases) if entry else [],
        "made_by": entry.made_by if entry else None,
        "repo": (row.local.repo if row.local else None) or (entry.repo if entry else None),
        "quant": row.local.quant if row.local else row.file.quant if row.file else None,
        "bytes": row.bytes,
        "approximate": row.approximate,
        "licence": (
            {
                "spdx": entry.licence.spdx,
                "permissive": entry.licence.permissive,
                "asks": entry.licence.asks or None,
            }
            if entry
            else None
        ),
        "parameters": {"total": entry.total, "active": entry.active or entry.total} if entry else None,
        "context": entry.context if entry else None,
        "reasoning": entry.reasoning.kind if entry else None,
        "installed": row.installed,
        "source": row.local.source if row.local else "builtin" if row.installed else None,
        "path": str(row.parts[0]) if row.parts else None,
        "other_kind": row.kind or None,
        "base": row.base,
        "verdict": (
            {
                "kind": found.verdict,
                "words": found.words,
                "context": found.ctx,
                "gpu_layers": found.gpu_layers,
                "expert_offload": found.expert_offload,
                "kv_type": found.kv_type,
                "memory_bytes": found.ram,
                "gpu_bytes": found.vram,
                "tokens_per_second": round(found.speed, 1) if found.speed else None,
                "estimate": True,
                "reasons": list(found.reasons),
            }
            if found
            else None
        ),
    }


def _licensed(entry: CatalogueEntry | None, licence: str) -> bool:
    if entry is None:
        return False
    return entry.licence.permissive if licence == "permissive" else licence in entry.licence.spdx.lower()


def _searchable(row: InventoryItem) -> str:
    known = (*row.entry.aliases, row.entry.made_by, row.entry.family) if row.entry else ()
    return " ".join((row.name, *known)).lower()

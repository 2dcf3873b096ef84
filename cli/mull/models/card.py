"""A model's card (`mull show`) as names and values: maker, licence, reasoning, benchmarks, files, memory needed here.

In: an item of the inventory, with the header and the layout of the installed file, or the catalogue's figures. Out:
pairs of text for a table, and the same facts as JSON. What was not published is shown as unknown; for a model that is
not in the catalogue, the card shows what its header claims.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mull.models.catalogue.entry import Benchmark, CatalogueEntry, CatalogueFile
from mull.models.gguf.header import Header
from mull.models.gguf.sampling_defaults import sampling_defaults
from mull.models.inventory import InventoryItem, record
from mull.models.memory.fit import FAST, PROCESS, MemoryPlan
from mull.models.memory.layout import MemoryLayout
from mull.models.memory.machine import GIB
from mull.settings import Sampling

_MANAGERS = {"folder": "", "package": "a Python package"}
CONTEXTS = (4096, 16384, 65536)
Pairs = list[tuple[str, str]]


_CLAIMS = {  # the metadata key of each fact that a header may claim
    "name": "general.name",
    "made_by": "general.organization",
    "author": "general.author",
    "quantized_by": "general.quantized_by",
    "licence": "general.license",
    "licence_address": "general.license.link",
    "parameters": "general.size_label",
    "source": "general.source.url",
    "base_model": "general.base_model.0.repo_url",
}


def claims(header: Header) -> dict[str, str | int]:
    """What a file's header claims about the model."""
    found: dict[str, str | int] = {"architecture": header.architecture}
    found |= {
        name: value for name, key in _CLAIMS.items() if isinstance(value := header.metadata.get(key), str)
    }
    if header.n_ctx_train is not None:
        found["context"] = header.n_ctx_train
    return {name: value for name, value in found.items() if value}


def pairs(
    row: InventoryItem,
    layout: MemoryLayout | None,
    plan: MemoryPlan | None,
    thinking: str | None = None,
    header: Header | None = None,
    modified: Pairs | None = None,
) -> Pairs:
    """The card. `thinking`: what the file's chat template supports; `header`: of the installed file; `modified`: rows
    on how it differs from what its maker published (`provenance/describe.py`)."""
    entry = row.entry
    rows: Pairs = [("Name", row.name)]
    if entry is not None:
        rows += _who(entry)
        rows += _licence(entry)
        rows += _what(entry)
    elif header is not None:
        rows += _claimed(header)
    rows += modified or []
    if row.kind:
        rows.append(("Kind", f"{row.kind}; mull cannot chat with it"))
        return [(name, value) for name, value in [*rows, *_here(row)] if value]
    rows += _thinking(entry, thinking)
    if entry is not None:
        rows += _advice(entry)
        rows += [("", ""), *_published(entry)]
        rows += [("", ""), *_files(entry)]
    rows += _here(row)
    rows += [("", ""), *_memory(layout, plan)]
    if entry is not None:
        rows += _doubts(entry)
    return [(name, value) for name, value in rows if value or not name]


def as_json(
    row: InventoryItem,
    layout: MemoryLayout | None,
    plan: MemoryPlan | None,
    thinking: str | None = None,
    header: Header | None = None,
) -> dict[str, Any]:
    """The card's facts as JSON: the inventory's record, and more than a table has room for."""
    entry = row.entry
    found: dict[str, Any] = {"v": 1, **record(row), "template_reasoning": thinking}
    found["sha256"] = row.local.sha256 if row.local else None
    found["header"] = (
        {**claims(header), "sampling": _said(sampling_defaults(header.metadata))} if header else None
    )
    if entry is not None:
        found |= {
            "family": entry.family or None,
            "released": entry.released or None,
            "card": entry.card or None,
            "safety": entry.safety or None,
            "note": entry.note or None,
            "reasoning_control": asdict(entry.reasoning),
            "sampling": {"thinking": _said(entry.sampling_thinking), "plain": _said(entry.sampling_plain)},
            "benchmarks": [asdict(one) for one in entry.benchmarks],
            "files": [asdict(one) for one in entry.files],
            "approximate_facts": sorted(entry.approximate),
        }
    if layout is not None:
        found["memory"] = {str(ctx): _needed(layout, ctx) for ctx in _contexts(layout)}
    if plan is not None:
        found["reasons"] = list(plan.reasons)
    return found


def _who(entry: CatalogueEntry) -> Pairs:
    owner = entry.repo.partition("/")[0] if entry.repo else ""
    return [
        ("Also called", ", ".join(entry.aliases)),
        ("Made by", f"{entry.made_by}{f', {entry.released}' if entry.released else ''}"),
        ("Family", entry.family),
        ("Quantized by", "" if entry.builtin else owner),
        ("Repository", entry.repo or ""),
        ("Card", entry.card),
    ]


def _claimed(header: Header) -> Pairs:
    said = claims(header)
    context = said.get("context")
    maker = said.get("made_by") or said.get("author") or ""
    return [
        ("Name in the file", str(said.get("name", ""))),
        ("Made by", str(maker)),
        ("Quantized by", str(said.get("quantized_by", ""))),
        ("From", str(said.get("source") or said.get("base_model") or "")),
        (
            "Licence",
            " ".join(str(said[key]) for key in ("licence", "licence_address") if key in said) or "not stated",
        ),
        ("Architecture", header.architecture),
        ("Parameters", str(said.get("parameters", ""))),
        ("Context", f"{context:,} tokens" if context else ""),
        ("Sampling", _sampling(sampling_defaults(header.metadata))),
    ]


def _licence(entry: CatalogueEntry) -> Pairs:
    kind = "permissive" if entry.licence.permissive else "with conditions"
    return [("Licence", f"{entry.licence.spdx} ({kind})"), ("Conditions", entry.licence.asks)]


def _what(entry: CatalogueEntry) -> Pairs:
    size = ""
    if entry.total:
        size = _billions(entry.total)
        if entry.active:
            size += f", {_billions(entry.active)} active per token"
    return [("Parameters", size), ("Context", f"{entry.context:,} tokens" if entry.context else "")]


def _thinking(entry: CatalogueEntry | None, thinking: str | None) -> Pairs:
    if entry is None:
        return [("Thinking", thinking or "unknown")]
    facts = entry.reasoning
    words = {"none": "no", "always": "always", "switchable": "can be switched"}[facts.kind]
    if facts.default:
        words += f"; default: {facts.default}"
    if facts.efforts:
        words += f"; efforts: {', '.join(facts.efforts)}"
    return [("Thinking", words), ("Controlled by", facts.control), ("Its template", thinking or "")]


def _advice(entry: CatalogueEntry) -> Pairs:
    return [
        ("Sampling, thinking", _sampling(entry.sampling_thinking)),
        ("Sampling, plain", _sampling(entry.sampling_plain)),
        ("Note", entry.note),
    ]


def _published(entry: CatalogueEntry) -> Pairs:
    rows = [(_label("Published", i), _benchmark(one)) for i, one in enumerate(entry.benchmarks)]
    safety = entry.safety or "no statement found"
    return [*(rows or [("Published", "no benchmark found")]), ("Safety", safety)]


def _files(entry: CatalogueEntry) -> Pairs:
    return [(_label("Files", i), _file(entry, one)) for i, one in enumerate(entry.files) if not entry.builtin]


def _here(row: InventoryItem) -> Pairs:
    if row.local is None:
        return [("Installed", "built in" if row.installed else f"no; get it with: mull pull {row.name}")]
    owner = _MANAGERS.get(row.local.source, row.local.source)
    return [("Installed", str(row.local.path)), ("Managed by", owner), ("SHA-256", row.local.sha256 or "")]


def _memory(layout: MemoryLayout | None, plan: MemoryPlan | None) -> Pairs:
    if layout is None:
        return [("Memory", "unknown")]
    about = "" if layout.exact else "about "
    rows = [
        (_label("Memory", i), f"{about}{_needed(layout, ctx) / GIB:.1f} GiB at {ctx:,} tokens of context")
        for i, ctx in enumerate(_contexts(layout))
    ]
    if plan is not None:
        pace = f", {_pace(plan.speed)} tokens per second (an estimate)" if plan.speed else ""
        rows.append(("This machine", f"{plan.words}{pace}"))
        rows += [("", reason) for reason in plan.reasons]
    return rows


def _pace(speed: float) -> str:
    return f"more than {FAST:.0f}" if speed > FAST else f"about {speed:.{0 if speed >= 10 else 1}f}"


def _doubts(entry: CatalogueEntry) -> Pairs:
    return [("Inferred", ", ".join(sorted(entry.approximate)))]


def _contexts(layout: MemoryLayout) -> list[int]:
    longest = layout.n_ctx_train
    return [*(ctx for ctx in CONTEXTS if ctx < longest), longest]


def _needed(layout: MemoryLayout, ctx: int) -> int:
    return PROCESS + layout.weights + layout.memory(ctx) + layout.compute(ctx)


def _benchmark(one: Benchmark) -> str:
    scores = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in one.scores.items())
    return f"{scores} ({one.at}{'; read second-hand' if one.second_hand else ''})"


def _file(entry: CatalogueEntry, one: CatalogueFile) -> str:
    size = (
        "size unknown"
        if one.bytes is None
        else f"{'about ' if one.approximate else ''}{one.bytes / 1e9:.2f} GB"
    )
    marks = [size]
    if one.quant == entry.default_quant:
        marks.append("default")
    if one.sha256:
        marks.append(f"sha256 {one.sha256[:12]}…")
    if (revision := one.revision or entry.revision) and revision != "main":
        marks.append(f"revision {revision[:8]}")
    return f"{one.quant}: {', '.join(marks)}"


def _sampling(sampling: Sampling | None) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in _said(sampling).items())


def _said(sampling: Sampling | None) -> dict[str, float]:
    found: Iterable[tuple[str, Any]] = asdict(sampling).items() if sampling else ()
    return {name: value for name, value in found if value is not None}


def _billions(value: float) -> str:
    return f"{value:g} billion" if value >= 1 else f"{value * 1000:g} million"


def _label(name: str, number: int) -> str:
    return name if number == 0 else ""

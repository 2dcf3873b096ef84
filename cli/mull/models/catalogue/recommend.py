"""Recommendations for this machine: a quantization, a model, and alternatives to one that does not fit.

In: catalogue entries and a `Machine`. Out: `Offer`s with a memory plan. The recommended model has the best published
score on one benchmark of those that are fast enough here and, if there are such, have a permissive licence; the reason
is part of the recommendation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.models.catalogue.catalogue import Catalogue
from mull.models.catalogue.entry import Benchmark, CatalogueEntry, CatalogueFile
from mull.models.catalogue.estimate import from_entry
from mull.models.memory.fit import MemoryPlan, plan
from mull.models.memory.layout import MemoryLayout
from mull.models.memory.machine import RESTING_BANDWIDTH, Machine

YARDSTICK = "GPQA_Diamond"  # the benchmark that most vendors publish
BRISK = 8.0  # tokens per second: an answer within two minutes after a thousand tokens of reasoning
_COARSE = re.compile(r"(UD-)?(I?Q[12]|TQ)")  # quality is so low that a smaller model is better


class DoesNotFit(MullError):
    """A model that does not fit this machine. `instead`: names of models that do."""

    def __init__(self, name: str, reasons: Iterable[str], instead: tuple[str, ...]) -> None:
        hint = f"These fit: {', '.join(instead)}." if instead else "`mull models --best` names one that fits."
        super().__init__(
            "does_not_fit",
            f"{name} does not fit this machine: it {'; '.join(reasons)}.",
            f"{hint} --force overrides.",
        )
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Offer:
    """An entry, the file to download here, and its memory plan; `plan` None when its size is unknown."""

    entry: CatalogueEntry
    file: CatalogueFile | None
    plan: MemoryPlan | None


def offer(entry: CatalogueEntry, machine: Machine) -> Offer:
    """The default quantization; if it does not fit, the largest smaller one that does (at least three bits)."""
    file = entry.file()
    first = _planned(entry, file, machine)
    if first.plan is None or first.plan.fits or file is None:
        return first
    smaller = [
        one
        for one in entry.files
        if 0 < (one.bytes or 0) < (file.bytes or 0) and not _COARSE.match(one.quant)
    ]
    for other in sorted(smaller, key=lambda one: one.bytes or 0, reverse=True):
        tried = _planned(entry, other, machine)
        if tried.plan and tried.plan.fits:
            return tried
    return first


def best(entries: Iterable[CatalogueEntry], machine: Machine) -> tuple[Offer, str] | None:
    """The recommended model and the reason; None if no model with a published score fits."""
    chat = [entry for entry in entries if not entry.base]
    offers = [_planned(entry, entry.file(), machine) for entry in chat]  # scores are not of coarser files
    fitting = [one for one in offers if one.plan and one.plan.fits and score(one.entry)]
    brisk = [one for one in fitting if _speed(one) >= BRISK]
    field = brisk or fitting
    if not field:
        return None
    permissive = [one for one in field if one.entry.licence.permissive]
    field = permissive or field
    chosen = max(field, key=lambda one: (_points(one.entry), -_size(one)))
    found = score(chosen.entry)
    if found is None or chosen.plan is None:  # both were checked above
        return None
    points, benchmark = found
    licensed = " with a permissive licence" if permissive else ""
    pace = f"of the {len(field)} models{licensed} that generate at least {BRISK:.0f} tokens per second here"
    if not brisk:
        pace = f"of the {len(field)} models{licensed} that fit here, none of which is fast"
    where = "read second-hand" if benchmark.second_hand else "published by its maker"
    memory = "" if chosen.plan.verdict == "gpu" else f", with memory of {RESTING_BANDWIDTH / 1e9:.0f} GB/s"
    why = (
        f"It has the highest {YARDSTICK.replace('_', ' ')} score {pace}: {points:g} ({benchmark.at}; {where}). "
        f"It {chosen.plan.words}, at about {_speed(chosen):.0f} tokens per second (an estimate{memory})."
    )
    return chosen, why


def score(entry: CatalogueEntry) -> tuple[float, Benchmark] | None:
    """The entry's highest score on the yardstick, with the setting it was measured in."""
    found = [(one.scores[YARDSTICK], one) for one in entry.benchmarks if YARDSTICK in one.scores]
    return max(found, key=lambda pair: pair[0], default=None)


def instead(catalogue: Catalogue, entry: CatalogueEntry | None, machine: Machine) -> tuple[str, ...]:
    """Up to three alternatives: a smaller quantization, the same maker's smaller models, the recommended model."""
    names = []
    if entry is not None:
        other = offer(entry, machine)
        if other.plan and other.plan.fits and other.file and other.file is not entry.file():
            names.append(f"{entry.name}:{other.file.quant}")
        kin = [
            one
            for one in catalogue.entries
            if one.made_by == entry.made_by and one is not entry and score(one) and not one.base
        ]
        fitting = [one for one in (offer(kind, machine) for kind in kin) if one.plan and one.plan.fits]
        fitting.sort(key=_size, reverse=True)
        names += [one.entry.name for one in fitting[:2]]
    recommended = best(catalogue.entries, machine.at_rest())
    if (
        recommended
        and (now := _planned(recommended[0].entry, recommended[0].file, machine).plan)
        and now.fits
    ):
        names.append(recommended[0].entry.name)
    return tuple(dict.fromkeys(names))[:3]


def check_fit(
    name: str, layout: MemoryLayout, machine: Machine, catalogue: Catalogue, entry: CatalogueEntry | None
) -> MemoryPlan:
    """The memory plan of a model. Raises DoesNotFit, with alternatives that fit."""
    found = plan(layout, machine)
    if not found.fits:
        raise DoesNotFit(name, found.reasons, instead(catalogue, entry, machine))
    return found


def _planned(entry: CatalogueEntry, file: CatalogueFile | None, machine: Machine) -> Offer:
    layout = from_entry(entry, file)
    return Offer(entry, file, plan(layout, machine) if layout else None)


def _speed(one: Offer) -> float:
    return (one.plan.speed if one.plan else None) or 0.0


def _points(entry: CatalogueEntry) -> float:
    found = score(entry)
    return found[0] if found else 0.0


def _size(one: Offer) -> int:
    return (one.file.bytes or 0) if one.file else 0

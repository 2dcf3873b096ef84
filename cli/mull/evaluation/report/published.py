"""What a model's maker has published about it, to stand beside what was measured here.

In: the models of a run and the catalogue. Out: `Published` values: scores with the setting they were measured in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mull.dataclass import dataclass
from mull.evaluation.records import ModelRecord
from mull.models.catalogue.catalogue import Catalogue
from mull.models.catalogue.entry import CatalogueEntry


@dataclass(frozen=True, slots=True)
class Published:
    """`card`: the address of the model's card. `scores`: (benchmark, score, setting) each; empty: none was found."""

    model: str
    entry: str
    card: str
    safety: str
    scores: Sequence[tuple[str, str, str]]


def published(models: Iterable[ModelRecord], catalogue: Catalogue) -> list[Published]:
    """Of each model that the catalogue has."""
    found = []
    for model in models:
        entry = _entry(model, catalogue)
        if entry is None:
            continue
        scores = [
            (
                name.replace("_", " "),
                f"{value:g}",
                f"{one.at}{'; read second-hand' if one.second_hand else ''}",
            )
            for one in entry.benchmarks
            for name, value in one.scores.items()
        ]
        found.append(Published(model.name, entry.name, entry.card, entry.safety, scores))
    return found


def _entry(model: ModelRecord, catalogue: Catalogue) -> CatalogueEntry | None:
    """By the model's name, also without its quantization or the endpoint that answers."""
    for name in (model.name, model.reference):
        for part in (name, name.partition("@")[0], name.partition(":")[0]):
            if (entry := catalogue.find(part)) is not None:
                return entry
    return None

"""Whether a model was changed after its maker published it, from its header, its repository's README and its names.

In: what is on this disk: no network, no weights. Out: a `Provenance`, or None where nothing says that the model was
changed; that proves nothing, since a file may say anything. Each fact names its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mull.dataclass import dataclass
from mull.models.catalogue.entry import CatalogueEntry
from mull.models.provenance import licences, names
from mull.models.provenance.hub_card import NO_CARD, HubCard
from mull.models.provenance.values import (
    BaseLicence,
    BaseModel,
    Change,
    Kind,
    Maker,
    Provenance,
    Source,
)

_MOST_BASES = 32  # merges of a dozen models exist
_RELATIONS: Mapping[str, Kind] = {"merge": "merged", "finetune": "fine-tuned", "adapter": "adapter"}
_TAGS: Mapping[str, Kind] = {
    **dict.fromkeys(("merge", "mergekit"), "merged"),
    **dict.fromkeys(("lora", "peft", "adapter"), "adapter"),
    **dict.fromkeys(
        ("finetuned", "fine-tuned", "finetune", "generated_from_trainer", "trl", "sft"), "fine-tuned"
    ),
}
_ORDER: tuple[Kind, ...] = ("abliterated", "merged", "adapter", "fine-tuned")


@dataclass(frozen=True, slots=True)
class Known:
    """What is on this disk about a model. `repo`: on the Hub, if known; `file`: its name; `loras`: of the config.

    `entry`: the catalogue's, if the model is in it: then the maker's own training is no change.
    """

    metadata: Mapping[str, Any]
    file: str
    repo: str = ""
    card: HubCard = NO_CARD
    entry: CatalogueEntry | None = None
    loras: Sequence[str] = ()


def provenance(known: Known, entries: Sequence[CatalogueEntry]) -> Provenance | None:
    """How the model was changed, by whom, of which base; None where nothing says so."""
    own = _own_names(known)
    original = _original(known, own)  # what a repository of quantized files was made of
    if original:
        own = [*own, (_last(original), "repository")]
    bases = _bases(known, [name for name, _ in own], original)
    by = _maker(known, original, bases)
    changes = [*_by_name(own), *_by_tag(known), *_by_relation(known), *_by_bases(bases, by, known.metadata)]
    if known.entry is not None:
        changes = [one for one in changes if one.kind != "fine-tuned"]
        bases = [BaseModel(known.entry.name, "catalogue", entry=known.entry.name, exact=True)]
    changes += [Change("adapter", "config", _last(path)) for path in known.loras]
    if not changes:
        return None
    shown = _first_of_each(changes)
    named = bases or _base_by_name([name for name, _ in own], entries)
    found = [_in_catalogue(one, entries) for one in named]
    own_licence = known.card.licence or _text(known.metadata.get("general.license"))
    return Provenance(
        changes=shown,
        by=None if all(one.source == "config" for one in shown) else by,
        bases=tuple(found),
        licence=_licence(found, own_licence, known, entries),
        own_licence=own_licence,
        statement=_statement(found, entries),
    )


def _own_names(known: Known) -> list[tuple[str, Source]]:
    """The model's names, and which place has each."""
    header = [
        (text, "header")
        for key in ("general.name", "general.finetune", "general.basename")
        if (text := _text(known.metadata.get(key)))
    ]
    found = [*header, (_last(known.repo), "name"), (known.file, "name")]
    return [(name, source) for name, source in found if name]  # type: ignore[misc]


def _original(known: Known, own: Sequence[tuple[str, Source]]) -> str:
    """The model that a repository holds in another format, by its README; empty if it is the model's own."""
    bases = known.card.base_models
    if len(bases) != 1:
        return ""
    same = any(names.same_model(_last(bases[0]), name) for name, _ in own)
    return bases[0] if known.card.relation == "quantized" or (same and not known.card.relation) else ""


def _bases(known: Known, own: Iterable[str], original: str) -> list[BaseModel]:
    """What the model was made of, by its README and its header; not what merely has the same name."""
    listed = [] if original else [_of_repo(repo, "repository") for repo in known.card.base_models]
    listed += _of_header(known.metadata)
    found: list[BaseModel] = []
    names_of = list(own)
    for base in listed:
        if any(names.same_model(base.name, name) for name in names_of):
            continue
        if not any(names.same_model(base.name, other.name) for other in found):
            found.append(base)
    return found[:_MOST_BASES]


def _of_repo(repo: str, source: Source) -> BaseModel:
    return BaseModel(_last(repo), source, repo)


def _of_header(metadata: Mapping[str, Any]) -> list[BaseModel]:
    found = []
    for number in range(_MOST_BASES):
        key = f"general.base_model.{number}"
        address = _text(metadata.get(f"{key}.repo_url"))
        repo = "/".join(address.rstrip("/").split("/")[-2:]) if address.count("/") >= 4 else ""
        name = _text(metadata.get(f"{key}.name")) or _last(repo)
        if name:
            maker = _text(metadata.get(f"{key}.organization"))
            found.append(BaseModel(name, "header", repo or (f"{maker}/{name}" if maker else "")))
    return found


def _maker(known: Known, original: str, bases: Sequence[BaseModel]) -> Maker | None:
    """Who made this model: the owner of the original repository, else whom the header names."""
    if "/" in original:
        return Maker(original.partition("/")[0], "repository")
    for key in ("general.author", "general.organization"):
        maker = _text(known.metadata.get(key))
        # Converters put the base's maker there too, so that it says nothing.
        if maker and not any(_same_maker(maker, _owner(base)) for base in bases):
            return Maker(maker, "header")
    if known.repo and known.card != NO_CARD and not _text(known.metadata.get("general.quantized_by")):
        return Maker(known.repo.partition("/")[0], "repository")
    return None


def _by_name(own: Iterable[tuple[str, Source]]) -> list[Change]:
    return [
        Change(kind, "header" if source == "header" else "name", name)
        for name, source in own
        for kind in names.kinds(name)
    ]


def _by_tag(known: Known) -> list[Change]:
    of_header = known.metadata.get("general.tags", ())
    tags = (
        [(tag, "header") for tag in of_header if isinstance(tag, str)] if isinstance(of_header, tuple) else []
    )
    found: list[Change] = []
    for tag, source in [*[(tag, "repository") for tag in known.card.tags], *tags]:
        word = tag.strip().lower()[:100]
        kind = _TAGS.get(word) or next((k for k in names.kinds(word) if k == "abliterated"), None)
        if kind:
            found.append(Change(kind, source, f"tag {word}"))  # type: ignore[arg-type]
    return found


def _by_relation(known: Known) -> list[Change]:
    kind = _RELATIONS.get(known.card.relation)
    return [Change(kind, "repository", f"base_model_relation: {known.card.relation}")] if kind else []


def _by_bases(bases: Sequence[BaseModel], by: Maker | None, metadata: Mapping[str, Any]) -> list[Change]:
    """Several bases make a merge; one of another maker was trained further. The maker's own base is no change."""
    if len(bases) > 1:
        return [Change("merged", bases[0].source, f"{len(bases)} base models")]
    if not bases:
        return []
    makers = (
        [by.name] if by else [_text(metadata.get(f"general.{key}")) for key in ("author", "organization")]
    )
    if any(_same_maker(maker, _owner(bases[0])) for maker in makers):
        return []
    return [Change("fine-tuned", bases[0].source, f"base model {bases[0].repo or bases[0].name}")]


def _first_of_each(changes: Sequence[Change]) -> tuple[Change, ...]:
    """One change of each kind, with the evidence found first. What else is known makes `fine-tuned` needless."""
    found = [next((one for one in changes if one.kind == kind), None) for kind in _ORDER]
    shown = [one for one in found if one is not None]
    derived = (
        len(shown) > 1 and shown[-1].kind == "fine-tuned" and shown[-1].evidence.startswith("base model")
    )
    return tuple(shown[:-1] if derived else shown)


def _base_by_name(own: Iterable[str], entries: Sequence[CatalogueEntry]) -> list[BaseModel]:
    entry, _ = names.entry_named(own, entries)
    return [BaseModel(entry.name, "name", entry=entry.name)] if entry else []


def _in_catalogue(base: BaseModel, entries: Sequence[CatalogueEntry]) -> BaseModel:
    if base.entry:
        return base
    address = f"https://huggingface.co/{base.repo}".lower()
    for entry in entries:
        if base.repo and address == entry.card.lower():
            return replace(base, entry=entry.name, exact=True)
    found, exact = names.entry_named([base.name], entries)
    return replace(base, entry=found.name, exact=exact) if found else base


def _licence(
    bases: Sequence[BaseModel], own: str, known: Known, entries: Sequence[CatalogueEntry]
) -> BaseLicence | None:
    """Of the first base whose licence is known; without one, what the model says of itself."""
    for base in bases:
        entry = next((one for one in entries if one.name == base.entry), None)
        if entry is not None:
            source: Source = "catalogue" if base.exact else "name"
            return BaseLicence(entry.licence.spdx, source, licences.conditions_of(entry.licence))
        if family := licences.licence_of_family(base.name):
            return BaseLicence(family, "name", licences.conditions(family))
    if own:
        return BaseLicence(own, "repository" if known.card.licence else "header", licences.conditions(own))
    return None


def _statement(bases: Sequence[BaseModel], entries: Sequence[CatalogueEntry]) -> str:
    of_base = {base.entry for base in bases}
    return next((entry.safety for entry in entries if entry.name in of_base and entry.safety), "")


def _owner(base: BaseModel) -> str:
    return base.repo.partition("/")[0] if "/" in base.repo else ""


def _same_maker(one: str, other: str) -> bool:
    """`Meta Llama` and `meta-llama`; `Qwen` and `Qwen`."""
    first, second = ("".join(filter(str.isalnum, name.lower())) for name in (one, other))
    return bool(first) and first == second


def _last(repo: str) -> str:
    return repo.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _text(value: object) -> str:
    return value.strip()[:200] if isinstance(value, str) else ""

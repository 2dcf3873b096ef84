"""A changed model's rows of the card, and the same facts as JSON.

In: a `Provenance`, or None where nothing says that the model was changed. Out: pairs of text, or JSON values.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mull.models.provenance.values import BaseModel, Change, Kind, Provenance, Source

Pairs = list[tuple[str, str]]
_KINDS: dict[Kind, str] = {
    "abliterated": "abliterated or uncensored: made to refuse less",
    "merged": "merged from several models",
    "adapter": "an adapter is part of its weights",
    "fine-tuned": "fine-tuned",
}
_SOURCES: dict[Source, str] = {
    "header": "says its header",
    "repository": "says its README",
    "name": "by its name",
    "catalogue": "says the catalogue",
    "config": "says the config",
}
_SHOWN_BASES = 6
NOTHING = "nothing says so, which proves nothing: its header and its names were read"
NOTHING_AT_ALL = f"{NOTHING}; its README is not on this disk"


def rows(found: Provenance | None, *, readme: bool) -> Pairs:
    """The card's rows. `readme`: whether the repository's README was read."""
    if found is None:
        return [
            ("Modified", NOTHING.replace("header", "header, its README", 1) if readme else NOTHING_AT_ALL)
        ]
    changes = [("Modified" if i == 0 else "", _change(one)) for i, one in enumerate(found.changes)]
    by = [("Modified by", f"{found.by.name} ({_SOURCES[found.by.source]})")] if found.by else []
    bases = [("Base" if i == 0 else "", _base(one)) for i, one in enumerate(found.bases[:_SHOWN_BASES])]
    if more := len(found.bases) - _SHOWN_BASES:
        bases += [("", f"and {more} more")] if more > 0 else []
    unknown = [] if bases else [("Base", "unknown")]
    return [*changes, *by, *bases, *unknown, *_licence(found), ("Base's safety", _safety(found))]


def as_json(found: Provenance | None) -> dict[str, Any] | None:
    """The value of `modified`: null where nothing says that the model was changed."""
    if found is None:
        return None
    return {
        "changes": [asdict(one) for one in found.changes],
        "by": asdict(found.by) if found.by else None,
        "bases": [
            {**asdict(one), "repo": one.repo or None, "entry": one.entry or None} for one in found.bases
        ],
        "base_licence": asdict(found.licence) if found.licence else None,
        "own_licence": found.own_licence or None,
        "base_statement": found.statement or None,
        "statement_covers": False,
    }


def _change(one: Change) -> str:
    if one.source == "config":
        return f"a LoRA adapter of the config is applied ({one.evidence})"
    where = f"{_SOURCES[one.source]}: {one.evidence}"
    return f"{_KINDS[one.kind]} ({where})"


def _base(one: BaseModel) -> str:
    shown = one.repo or one.name
    entry = "" if not one.entry or one.entry == shown else f"; in the catalogue: {one.entry}"
    if one.entry and not one.exact and one.source != "name":
        entry = f"; nearest in the catalogue: {one.entry}"
    return f"{shown} ({_SOURCES[one.source]}{entry})"


def _licence(found: Provenance) -> Pairs:
    if found.licence is None:
        return [("Base's licence", "unknown; its conditions apply to this model too")]
    of_itself = found.licence.source in {"header", "repository"}
    said = "unknown; this model states " if of_itself else ""
    shown = [("Base's licence", f"{said}{found.licence.licence} ({_SOURCES[found.licence.source]})")]
    terms = found.licence.conditions or ("not known here: read the licence",)
    shown += [("It asks" if i == 0 else "", term) for i, term in enumerate(terms)]
    return shown


def _safety(found: Provenance) -> str:
    if not found.statement:
        return "no statement known; one would not cover this model, which was changed"
    return f"does not cover this model, which was changed after it: {found.statement}"

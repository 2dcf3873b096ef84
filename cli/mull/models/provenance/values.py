"""What is known about a changed model, as frozen values, each with the place that says so."""

from __future__ import annotations

from typing import Literal

from mull.dataclass import dataclass

Kind = Literal["abliterated", "merged", "fine-tuned", "adapter"]
Source = Literal["header", "repository", "name", "catalogue", "config"]
"""`header`: of the GGUF; `repository`: its README on this disk; `name`: of the file, the model or the repository;
`config`: mull's own."""


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which a model was changed. `evidence`: the tag, key or name that says so."""

    kind: Kind
    source: Source
    evidence: str


@dataclass(frozen=True, slots=True)
class Maker:
    """Who changed the model."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model that this one was made of. `repo`: on the Hub, empty if unknown; `entry`: its name in the catalogue,
    empty if it is not there; `exact`: whether the entry is this very model, or one whose name it contains."""

    name: str
    source: Source
    repo: str = ""
    entry: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class BaseLicence:
    """The licence of a base, and what it asks of those who change the model and pass it on."""

    licence: str
    source: Source
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """A changed model. `changes` is never empty. `own_licence`: what the file or its README says of itself.

    `statement`: the safety statement of the base in the catalogue, empty without one.
    """

    changes: tuple[Change, ...]
    by: Maker | None = None
    bases: tuple[BaseModel, ...] = ()
    licence: BaseLicence | None = None
    own_licence: str = ""
    statement: str = ""

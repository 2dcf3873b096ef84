"""What the catalogue says of one model: frozen values, without a word on where they were read.

Sizes are bytes, parameters billions, contexts tokens. None or an empty value means that nobody published the fact.
`catalogue.py` reads them from TOML; `fit.py` and `card.py` use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mull.models.memory.kv_size import KvLayers
from mull.settings import Sampling

ReasoningKind = Literal["none", "always", "switchable"]


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """One quantization. `filenames` in their order when it is split. `bytes` of all parts; None: nobody said."""

    quant: str
    filenames: tuple[str, ...]
    bytes: int | None = None
    approximate: bool = False
    sha256: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Licence:
    """`permissive`: use, change and share, with nothing asked but notices. `asks`: what else, in a few words."""

    spdx: str
    permissive: bool
    asks: str = ""


@dataclass(frozen=True, slots=True)
class ReasoningFacts:
    """Whether the model thinks, and how that is controlled."""

    kind: ReasoningKind
    control: str = ""
    default: str = ""
    efforts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Published scores and the setting they were measured at. `second_hand`: read in a copy of the vendor's words."""

    at: str
    scores: Mapping[str, float]
    second_hand: bool = False


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the memory estimate needs before a header was read. `state_bytes`: of all recurrent layers."""

    layers: int
    kv: tuple[KvLayers, ...]
    state_bytes: int = 0
    experts: int = 0
    experts_used: int = 0


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model. Parameters in billions, context in tokens; None or empty: not known. `approximate` names the
    fields that were inferred rather than read."""

    name: str
    made_by: str
    family: str
    licence: Licence
    reasoning: ReasoningFacts
    aliases: tuple[str, ...] = ()
    released: str = ""
    total: float | None = None
    active: float | None = None
    context: int | None = None
    card: str = ""
    safety: str = ""
    note: str = ""
    sampling_thinking: Sampling | None = None
    sampling_plain: Sampling | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    shape: ModelShape | None = None
    repo: str | None = None
    revision: str | None = None
    default_quant: str | None = None
    files: tuple[CatalogueFile, ...] = ()
    approximate: frozenset[str] = frozenset()
    builtin: bool = False
    too_large: bool = False

    def file(self, quant: str | None = None) -> CatalogueFile | None:
        """The file of a quantization (any case), or of the default one."""
        wanted = (quant or self.default_quant or "").lower()
        return next((file for file in self.files if file.quant.lower() == wanted), None)

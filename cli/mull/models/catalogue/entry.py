"""The catalogue's facts about one model, as frozen values.

Sizes are bytes, parameters billions, contexts tokens. None or an empty value: not published. `catalogue.py` reads them
from TOML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mull.dataclass import dataclass
from mull.models.memory.kv_size import KvLayers
from mull.settings import Sampling

ReasoningKind = Literal["none", "always", "switchable"]


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """One quantization. `filenames`: all parts in order. `bytes`: of all parts; None: unknown."""

    quant: str
    filenames: tuple[str, ...]
    bytes: int | None = None
    approximate: bool = False
    sha256: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Licence:
    """`permissive`: using, changing and sharing require notices only. `asks`: other conditions, in a few words."""

    spdx: str
    permissive: bool
    asks: str = ""


@dataclass(frozen=True, slots=True)
class ReasoningFacts:
    """Whether the model is a reasoning model, and how that is controlled."""

    kind: ReasoningKind
    control: str = ""
    default: str = ""
    efforts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Published scores and the setting they were measured in. `second_hand`: not read at the vendor's own page."""

    at: str
    scores: Mapping[str, float]
    second_hand: bool = False


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Figures for a memory estimate without a header. `state_bytes`: of all recurrent layers."""

    layers: int
    kv: tuple[KvLayers, ...]
    state_bytes: int = 0
    experts: int = 0
    experts_used: int = 0


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model. Parameters in billions, context in tokens; None or empty: unknown. `approximate` names the fields that
    were inferred rather than published."""

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
    base: bool = False  # no chat template: it continues text
    builtin: bool = False
    too_large: bool = False

    def file(self, quant: str | None = None) -> CatalogueFile | None:
        """The file of a quantization (any case), or of the default one."""
        wanted = (quant or self.default_quant or "").lower()
        return next((file for file in self.files if file.quant.lower() == wanted), None)

"""Tuned settings: what `mull bench --tune` measured as fastest, per model file and machine.

In: a model's path and the state folder. Out: `Tuned`, or None for another file, another CPU or another build of
llama.cpp, and where the stored settings are damaged. Writing raises OSError.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.engine.native import selfcheck
from mull.fs.file_stamp import versioned
from mull.fs.json_cache import JsonCache
from mull.settings import EngineSettings, over

KNOBS = ("threads", "batch_size", "flash_attention", "kv_type")
"""The fields of EngineSettings that are tuned."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The fastest settings of `model` (its name at that time), measured on the day `when`; each with its reason."""

    model: str
    when: str
    threads: int | None = None
    batch_size: int | None = None
    flash_attention: bool | None = None
    kv_type: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def layer(self) -> EngineSettings:
        """As engine settings, for `over`."""
        return EngineSettings(**{knob: getattr(self, knob) for knob in KNOBS})


def load(path: Path, folder: Path) -> Tuned | None:
    """The tuned settings of this file on this machine."""
    cache = _cache(folder)
    return _tuned(cache.get(_key(path))) if cache.values() else None  # usually there are none: skip the key


def load_all(folder: Path) -> list[Tuned]:
    """All tuned settings, for other files and machines too."""
    return [tuned for tuned in map(_tuned, _cache(folder).values()) if tuned is not None]


def save(path: Path, folder: Path, tuned: Tuned) -> None:
    """Store the tuned settings of a file. Raises OSError where the disk refuses."""
    _cache(folder).save(_key(path), asdict(tuned))


def remove(path: Path, folder: Path) -> bool:
    """Remove the tuned settings of a file; whether there were any. Raises OSError where the disk refuses."""
    return _cache(folder).remove(_key(path))


def apply(tuned: Tuned | None, said: EngineSettings, best: EngineSettings) -> EngineSettings:
    """The settings to load with: the user's (`said`), over the tuned ones, over those of the memory plan (`best`).

    Only a KV type that the memory plan chose to save memory is never replaced by a tuned one.
    """
    if tuned is None:
        return best
    weaker = over(tuned.layer(), best)
    if best.kv_type not in {None, "f16"}:
        weaker = over(EngineSettings(kv_type=best.kv_type), weaker)
    merged = over(said, weaker)
    needs_flash = merged.kv_type not in {None, "f16"} and said.flash_attention is None
    return over(EngineSettings(flash_attention=True), merged) if needs_flash else merged


def format_value(value: Any) -> str:
    """A setting's value as one word."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "auto" if value is None else str(value)


def _cache(folder: Path) -> JsonCache:
    return JsonCache(folder / "tuned.json")


def _key(path: Path) -> str:
    with suppress(OSError):
        return f"{versioned(path.resolve())} {selfcheck.library_identity()}"
    return ""


def _tuned(stored: Any) -> Tuned | None:
    with suppress(TypeError, ValueError):
        return Tuned(**stored)
    return None

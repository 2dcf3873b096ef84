"""What `mull bench --tune` found best, remembered per model file and machine.

In: a model's path, the state folder. Out: `Tuned`, or nothing: for another file, another CPU, another build of
llama.cpp. A damaged or unwritable record only costs what it remembered.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mull.engine.native import selfcheck
from mull.fs.atomic import write_atomic
from mull.fs.file_stamp import versioned
from mull.settings import EngineSettings, over

KNOBS = ("threads", "batch_size", "flash_attention", "kv_type")
"""The fields of EngineSettings that are tuned."""

_FILE = "tuned.json"


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best settings for `model` (its name at that time), measured on the day `when`; each with its reason."""

    model: str
    when: str
    threads: int | None = None
    batch_size: int | None = None
    flash_attention: bool | None = None
    kv_type: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def layer(self) -> EngineSettings:
        return EngineSettings(**{knob: getattr(self, knob) for knob in KNOBS})


def load(path: Path, folder: Path) -> Tuned | None:
    """What is remembered for this file on this machine."""
    kept = _read(folder)
    return _tuned(kept.get(_key(path))) if kept else None


def load_all(folder: Path) -> list[Tuned]:
    """All that is remembered, for other files and machines too."""
    return [tuned for tuned in map(_tuned, _read(folder).values()) if tuned is not None]


def save(path: Path, folder: Path, tuned: Tuned) -> None:
    """Raises OSError where the disk refuses."""
    _write(folder, {**_read(folder), _key(path): asdict(tuned)})


def remove(path: Path, folder: Path) -> bool:
    """Whether there was anything. Raises OSError where the disk refuses."""
    kept = _read(folder)
    found = kept.pop(_key(path), None) is not None
    if found:
        _write(folder, kept)
    return found


def apply(tuned: Tuned | None, said: EngineSettings, best: EngineSettings) -> EngineSettings:
    """What was tuned, below what the user said. A KV type that saves memory was chosen because it has to."""
    if tuned is None:
        return best
    weaker = over(tuned.layer(), best)
    if best.kv_type not in {None, "f16"}:
        weaker = over(EngineSettings(kv_type=best.kv_type), weaker)
    merged = over(said, weaker)
    needs_flash = merged.kv_type not in {None, "f16"} and said.flash_attention is None
    return over(EngineSettings(flash_attention=True), merged) if needs_flash else merged


def format_value(value: Any) -> str:
    """A setting's value in a word."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "auto" if value is None else str(value)


def _key(path: Path) -> str:
    with suppress(OSError):
        return f"{versioned(path.resolve())} {selfcheck.library_identity()}"
    return ""


def _tuned(kept: Any) -> Tuned | None:
    with suppress(TypeError, ValueError):
        return Tuned(**kept)
    return None


def _read(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        kept = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        if isinstance(kept, dict):
            return kept
    return {}


def _write(folder: Path, kept: dict[str, Any]) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(folder / _FILE, json.dumps(kept, indent=1))

"""What shapes a sequence's state beside its tokens: two processes may share states only where all of it is equal.

In: a loaded model, its settings, whether its context is a long one. Out: a family, a digest in hexadecimal.
The model counts by its content (size, time of change, header and samples of the weights), not by its name: another
file under the same name is another model, and the same file under another name is not.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mull.engine.native import selfcheck
from mull.models.reference import parts_of
from mull.settings import EngineSettings

if TYPE_CHECKING:
    from mull.engine.model import Model

Stamp = tuple[tuple[int, int, int, int], ...]

_FORMAT = 1  # of the way states come about in mull: raised when an old state would no longer be what it would be now
_HEADER = 1 << 20  # bytes read from the beginning
_SAMPLES = 16  # places in the rest
_SAMPLE = 16 << 10  # bytes read at each


def family(model: Model, settings: EngineSettings, *, long: bool, flash: bool | None) -> str:
    """`flash`: how the context attends.

    Empty when the model's file cannot be read or is no longer the one that was loaded: then nothing is shared.
    """
    try:
        prints = [fingerprint(path) for path in _files(model.path)]
    except OSError:
        return ""
    if not model.stamp or stamp(model.path) != model.stamp:
        return ""
    facts = (
        _FORMAT,
        *prints,
        selfcheck.library_identity(),
        settings.kv_type or "f16",
        flash,
        settings.gpu_layers,
        settings.cpu_experts,
        long,
    )
    return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()


def stamp(path: Path) -> Stamp:
    """Which files these are, for the time of a process: device, number, size and time of change of each part.

    Empty where they cannot be looked at.
    """
    try:
        facts = [part.stat() for part in _files(path)]
    except OSError:
        return ()
    return tuple((fact.st_dev, fact.st_ino, fact.st_size, fact.st_mtime_ns) for fact in facts)


def fingerprint(path: Path) -> str:
    """A digest of a file's size, time of change and some of its bytes: quick, also for 100 GB. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        digest.update(f"{facts.st_size} {facts.st_mtime_ns} ".encode())
        digest.update(file.read(_HEADER))
        for number in range(1, _SAMPLES + 1):
            file.seek(max(0, facts.st_size - _SAMPLE) * number // _SAMPLES)
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    """All the parts of a split model."""
    return [path.with_name(name) for name in parts_of(path.name)]


def is_long(model: Model, n_ctx: int) -> bool:
    """Some models (LongRoPE) turn positions by other factors in contexts longer than they were first trained for."""
    trained = model.metadata(f"{model.architecture}.rope.scaling.original_context_length")
    return trained is not None and trained.isdigit() and n_ctx > int(trained)

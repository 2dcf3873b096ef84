"""The prompt cache's key: a digest of everything beside the tokens that shapes a sequence's state.

In: a loaded model, its settings, and how its context computes attention. Out: a family, a hexadecimal digest; states
may be shared only within one family. A model is identified by its content (size, time of change, header and samples of
the weights), not by its name: a replaced file is another model, a renamed one is not.
"""

from __future__ import annotations

import hashlib

from mull.engine.model import Model
from mull.engine.native import selfcheck
from mull.fs.file_stamp import fingerprint, stamps
from mull.models.naming.filenames import part_paths
from mull.settings import EngineSettings

_FORMAT = 1  # increased when mull computes states otherwise than before, so that old entries are not used


def family(model: Model, settings: EngineSettings, *, long: bool, flash: bool | None) -> str:
    """The key of states of `long` contexts (see `is_long`) or of others. `flash`: flash attention; None: llama.cpp
    decides.

    Empty when the model's file cannot be read, or was replaced since it was loaded: then nothing is shared.
    """
    try:
        prints = [fingerprint(path) for path in part_paths(model.path)]
    except OSError:
        return ""
    if not model.stamp or stamps(part_paths(model.path)) != model.stamp:
        return ""
    facts = (
        _FORMAT,
        *prints,
        selfcheck.library_identity(),
        settings.kv_type or "f16",
        flash,
        settings.gpu_layers,
        settings.cpu_experts,
        settings.device,
        long,
        *((each.print, each.scale) for each in model.adapters),
    )
    return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()


def is_long(model: Model, n_ctx: int) -> bool:
    """Whether a context is so long that the model rotates positions by other factors (LongRoPE)."""
    trained = model.metadata(f"{model.architecture}.rope.scaling.original_context_length")
    return trained is not None and trained.isdigit() and n_ctx > int(trained)

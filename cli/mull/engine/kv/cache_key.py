"""What shapes a sequence's state beside its tokens: two processes may share states only where all of it is equal.

In: a loaded model, its settings, whether its context is a long one. Out: a family, a digest in hexadecimal.
The model counts by its content (size, time of change, header and samples of the weights), not by its name: another
file under the same name is another model, and the same file under another name is not.
"""

from __future__ import annotations

import hashlib

from mull.engine.model import Model
from mull.engine.native import selfcheck
from mull.fs.file_stamp import fingerprint, stamps
from mull.models.naming.filenames import part_paths
from mull.settings import EngineSettings

_FORMAT = 1  # of the way states come about in mull: raised when an old state would no longer be what it would be now


def family(model: Model, settings: EngineSettings, *, long: bool, flash: bool | None) -> str:
    """`flash`: how the context attends.

    Empty when the model's file cannot be read or is no longer the one that was loaded: then nothing is shared.
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
        long,
    )
    return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()


def is_long(model: Model, n_ctx: int) -> bool:
    """Some models (LongRoPE) turn positions by other factors in contexts longer than they were first trained for."""
    trained = model.metadata(f"{model.architecture}.rope.scaling.original_context_length")
    return trained is not None and trained.isdigit() and n_ctx > int(trained)

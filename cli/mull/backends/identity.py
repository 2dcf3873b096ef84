"""What answers a turn, as JSON values for the session store: enough to repeat it, and to say what has changed.

In: a resolved model and its loaded engine. Out: the model's files with their known digests, versions, and how it is
loaded. Cheap: of a file it takes a `stat`, the digest that a download or `mull verify` has recorded, and for a file
without one a digest of samples (1.3 MB); no file is read whole for a question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mull import __version__
from mull.fs.file_stamp import samples, stamp
from mull.models.disk.records import verified
from mull.models.naming.filenames import part_paths
from mull.models.resolved import Resolved

if TYPE_CHECKING:
    from mull.turn.loaded_model import LoadedModel


def local_identity(resolved: Resolved, reference: str, loaded: LoadedModel) -> dict[str, Any]:
    """Of a model that llama.cpp runs on this machine."""
    from mull.engine.compute_params import choose_params
    from mull.engine.native import library, selfcheck

    engine = loaded.engine
    settings = {name: value for name, value in asdict(engine.settings).items() if value is not None}
    threads = choose_params(engine.model.n_params, engine.settings).threads
    adapters = [file_identity(adapter.path) for adapter in engine.model.adapters]
    template = loaded.template.source if loaded.template is not None else ""
    return {
        "reference": reference,
        "source": resolved.source,
        "files": [file_identity(path) for path in part_paths(resolved.path)],
        "template": digest(template),
        **({"adapters": adapters} if adapters else {}),
        "engine": settings | {"ctx": engine.n_ctx_max, "threads": threads},
        "versions": {
            "mull": __version__,
            "llama.cpp": library.version(),
            "llama-cpp-python": library.bindings_version(),
        },
        "library": selfcheck.library_identity(),
    }


def file_identity(path: Path) -> dict[str, Any]:
    """A file's path, size, time of change, and what is known of its content."""
    known: dict[str, Any] = {"path": str(path.absolute())}
    with suppress(OSError):
        found = stamp(path)
        known |= {"bytes": found.size, "mtime_ns": found.mtime_ns}
        record = verified(path)
        if record is not None:
            known["sha256"] = record.sha256
        else:
            known["samples"] = samples(path)
    return known


def sha256_of(path: Path) -> str:
    """The digest of a whole file, which may be many GB. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(text: str) -> str:
    """A short digest of a text; empty for an empty one."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32] if text else ""


def same_file(then: Mapping[str, Any], path: Path) -> bool | None:
    """Whether this file has the content that was recorded; None where nothing tells.

    A file of the same size and time of change is the same. Reads the file whole only where a whole digest was
    recorded, for another file. Raises OSError.
    """
    found = stamp(path)
    if found.size != then.get("bytes"):
        return False if "bytes" in then else None
    if found.mtime_ns == then.get("mtime_ns") and str(path.absolute()) == then.get("path"):
        return True
    record = verified(path)
    if sha256 := then.get("sha256"):
        return bool(sha256 == (record.sha256 if record is not None else sha256_of(path)))
    if sampled := then.get("samples"):
        return bool(sampled == samples(path))
    return None

"""Judging a real file before it is loaded, or before it is downloaded: header in, plan out.

In: the parts on this disk, or a repository's files and sizes on the Hub; a machine; what the user insists on. Out: the
plan of `fit.py`. A file that cannot fit raises `DoesNotFit` with what would. One header is read, never the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mull.errors import ModelFileError
from mull.models.catalogue.catalogue import Catalogue
from mull.models.catalogue.entry import CatalogueEntry, CatalogueFile
from mull.models.catalogue.recommend import check_fit
from mull.models.gguf.header import read_header
from mull.models.memory.fit import MemoryPlan, plan
from mull.models.memory.layout import MemoryLayout, from_entry, from_header, from_headers
from mull.models.memory.machine import Machine
from mull.models.reference import part_paths
from mull.settings import EngineSettings, over


def before_loading(path: Path, machine: Machine, settings: EngineSettings) -> MemoryPlan:
    """The plan for a file on this disk; what `settings` say is kept. Raises ModelFileError for a damaged header."""
    layout = from_headers([read_header(part) for part in part_paths(path)])
    return plan(layout, machine, ctx=settings.ctx, gpu_layers=settings.gpu_layers, kv_type=settings.kv_type)


def shared_context(path: Path, machine: Machine, settings: EngineSettings, sequences: int) -> int:
    """Tokens that the caches of so many sequences may hold together, the model being loaded as `settings` say.

    A cache that several share is planned like that of one very long conversation.
    """
    layout = from_headers([read_header(part) for part in part_paths(path)])
    longest = (settings.ctx or layout.n_ctx_train) * sequences
    return plan(
        replace(layout, n_ctx_train=longest),
        machine,
        gpu_layers=settings.gpu_layers,
        kv_type=settings.kv_type,
    ).ctx


def load_settings(
    path: Path, machine: Machine, settings: EngineSettings
) -> tuple[EngineSettings, MemoryPlan]:
    """What to load a file with: the user's word where there is one, the plan's otherwise; and the plan itself.

    The verdict may be worth a notice. The context is the longest that fits, not one to allocate at once.
    """
    found = before_loading(path, machine, settings)
    planned = EngineSettings(ctx=found.ctx, gpu_layers=found.gpu_layers, kv_type=found.kv_type)
    planned = replace(planned, cpu_experts=found.expert_offload or None)
    return over(settings, planned), found


def before_download(
    name: str,
    repo: str,
    revision: str,
    files: Sequence[tuple[str, int]],
    machine: Machine,
    catalogue: Catalogue,
    entry: CatalogueEntry | None = None,
) -> MemoryPlan | None:
    """The plan for files on the Hub, `files` being (name, bytes) of the parts in order.

    None where neither their header nor the catalogue tells enough. Raises DoesNotFit, HubError, and ModelFileError
    for what is no GGUF.
    """
    layout = _remote(repo, revision, files) or _known(entry, files)
    return check_fit(name, layout, machine, catalogue, entry) if layout else None


def _remote(repo: str, revision: str, files: Sequence[tuple[str, int]]) -> MemoryLayout | None:
    """From the first part's header; the weights of a split model are the sizes of its parts."""
    from mull.models.hub.remote_header import remote_header

    try:
        header = remote_header(repo, files[0][0], revision)
        layout = from_header(header.metadata, []) if len(files) > 1 else from_headers([header])
    except ModelFileError as error:
        if error.code == "model_not_gguf":
            raise
        return None
    return replace(layout, weights=sum(size for _, size in files)) if len(files) > 1 else layout


def _known(entry: CatalogueEntry | None, files: Sequence[tuple[str, int]]) -> MemoryLayout | None:
    """From the catalogue's figures and the files' real sizes."""
    if entry is None:
        return None
    file = CatalogueFile("", tuple(name for name, _ in files), sum(size for _, size in files))
    return from_entry(entry, file)

"""The memory plan of a model file on this disk, from its header.

In: the file's path, a machine, the user's engine settings. Out: a `MemoryPlan`, or the settings completed by it. Raises
ModelFileError for a damaged header, and for a file that is no language model. (`backends/load_plan.py` calls this for
the present machine.)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mull.models.gguf.header import read_header
from mull.models.gguf.kind import check_kind
from mull.models.memory.fit import MemoryPlan, plan
from mull.models.memory.layout import MemoryLayout, from_headers
from mull.models.memory.layout_cache import stored_layout
from mull.models.memory.machine import Machine
from mull.models.naming.filenames import part_paths
from mull.settings import DRAFT_ALL, EngineSettings, over


def plan_file(
    path: Path, machine: Machine, settings: EngineSettings, *, record: Path | None = None
) -> MemoryPlan:
    """The memory plan of a file; `settings` that are set are not changed. Raises ModelFileError.

    `record`: the file in which the header's figures are stored (None: nowhere).
    """
    parts = part_paths(path)

    def read() -> MemoryLayout:
        headers = [read_header(part) for part in parts]
        check_kind(headers[0], path)
        return from_headers(headers)

    layout = stored_layout(parts, record, read)
    return plan(
        layout,
        machine,
        ctx=settings.ctx,
        gpu_layers=settings.gpu_layers,
        kv_type=settings.kv_type,
        drafts_all=settings.draft == DRAFT_ALL,
    )


def shared_context(path: Path, machine: Machine, settings: EngineSettings, sequences: int) -> int:
    """Tokens that fit in the KV cache of `sequences` sequences together, with the model loaded with `settings`.

    A shared cache is planned like that of one very long conversation.
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
    path: Path, machine: Machine, settings: EngineSettings, *, record: Path | None = None
) -> tuple[EngineSettings, MemoryPlan]:
    """The user's settings, completed by the memory plan; and the plan.

    `ctx` is the longest context that fits, an upper limit rather than one to allocate at once.
    """
    found = plan_file(path, machine, settings, record=record)
    planned = EngineSettings(ctx=found.ctx, gpu_layers=found.gpu_layers, kv_type=found.kv_type)
    planned = replace(planned, cpu_experts=found.expert_offload or None)
    return over(settings, planned), found

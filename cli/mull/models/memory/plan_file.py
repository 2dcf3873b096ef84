"""Judging a real file before it is loaded, or before it is downloaded: header in, plan out.

In: the parts on this disk, or a repository's files and sizes on the Hub; a machine; what the user insists on. Out: the
plan of `fit.py`. A file that cannot fit raises `DoesNotFit` with what would. One header is read, never the weights.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mull.models.gguf.header import read_header
from mull.models.memory.fit import MemoryPlan, plan
from mull.models.memory.layout import from_headers
from mull.models.memory.machine import Machine
from mull.models.naming.filenames import part_paths
from mull.settings import EngineSettings, over


def plan_file(path: Path, machine: Machine, settings: EngineSettings) -> MemoryPlan:
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
    found = plan_file(path, machine, settings)
    planned = EngineSettings(ctx=found.ctx, gpu_layers=found.gpu_layers, kv_type=found.kv_type)
    planned = replace(planned, cpu_experts=found.expert_offload or None)
    return over(settings, planned), found

"""How a model is computed with on this machine: threads, batch size, flash attention, KV type, size of the context.

In: what was said (by the user, by the plan for this machine's memory, by what `mull bench --tune` measured here) and
the model's size. Out: numbers for a context, each with its reason in a sentence. Nothing is measured here; whoever
changes a rule says what it was measured with.
"""

from __future__ import annotations

from dataclasses import dataclass

from mull.engine.threads import default_threads
from mull.errors import UsageError
from mull.models.memory.kv_size import SCORES
from mull.settings import EngineSettings

DEFAULT_BATCH_SIZE = 512
"""Tokens per llama_decode, llama.cpp's own size of a micro-batch: a greater batch would only be split there, and
greater micro-batches take memory that grows with the vocabulary and the context."""

SMALL_MODEL = 20_000_000
"""Parameters. Below, a step takes a millisecond: it is not worth a thread beside it, nor a second one to compute with,
which would gain little on an idle machine and lose nearly everything on a busy one (measured with pebble: 880 tokens
per second with one thread, 7 with two, while another program kept both cores busy)."""

ANSWER_RESERVE = 1024
"""Tokens of answer that a context is made for; it grows when they are used up. A context is allocated and zeroed whole:
llama-cli spends seconds on the 32,768 tokens of a small model before it reads the first word (measured)."""

MAX_GROWTH = 8192
"""Tokens by which a context grows at most beyond what is needed; below, it doubles: growing moves the cache."""

CONTEXT_STEP = 256
"""Tokens; llama.cpp pads contexts to it."""

FLASH_CONTEXT = 512
"""Tokens of context up to which flash attention is the quicker one on a CPU. For fewer than 64 rows its kernel goes
over the whole cache once for each row; without it the rows share the way. Measured with llama-bench, 0.6B shape, two
Zen 4 cores, generation with and without it: 26 and 22 tokens per second at depth 0, 19 and 21 at 256, 16 and 23 at 512,
12 and 17 at 1,024, 8 and 11 at 2,048; 32 rows at depth 1,024: 39 and 64; 512 tokens at depth 3,584: 36 and 43."""

SHORT_ANSWER = 128
"""Tokens of answer for which it is worth to begin in a context of FLASH_CONTEXT tokens: outgrowing it costs about
eight."""

MIN_MICRO_BATCH = 64
"""Of a micro-batch: below, a prompt is computed by slower kernels."""

SMALL_FILE = 64 << 20
"""Bytes. A model file below it is read in a moment, and fits every machine with its whole context."""

KV_TYPES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class ComputeParams:
    """What contexts of a model are made with. `flash_attention` None: as `attention` says of each."""

    threads: int
    batch_size: int
    flash_attention: bool | None
    kv_type: str


def choose_params(n_params: int, settings: EngineSettings) -> ComputeParams:
    """What was said where something was, else the rule. Raises UsageError for what does not go together."""
    kv_type = settings.kv_type or "f16"
    if kv_type not in KV_TYPES:
        raise UsageError(
            "invalid_kv_type", f"There is no KV cache type {kv_type}.", f"Use {', '.join(KV_TYPES)}."
        )
    flash_attention = settings.flash_attention
    if kv_type != "f16":
        if flash_attention is False:
            raise UsageError(
                "conflicting_options",
                f"A KV cache of {kv_type} needs flash attention.",
                "Switch it on, or use f16.",
            )
        flash_attention = True
    return ComputeParams(
        threads=settings.threads or (default_threads() if n_params > SMALL_MODEL else 1),
        batch_size=settings.batch_size or DEFAULT_BATCH_SIZE,
        flash_attention=flash_attention,
        kv_type=kv_type,
    )


@dataclass(frozen=True, slots=True)
class Attention:
    """`flash` None: wherever llama.cpp has it. `rows`: of a micro-batch, tokens computed at once."""

    flash: bool | None
    rows: int


def choose_attention(chosen: ComputeParams, n_ctx: int, n_head: int, *, on_cpu: bool) -> Attention:
    """How a context of so many tokens attends, its model having so many heads.

    `on_cpu`: all of it is computed on an x86 CPU, where this was measured.
    """
    flash, rows = chosen.flash_attention, min(chosen.batch_size, n_ctx)
    if flash is None and not (on_cpu and n_ctx > FLASH_CONTEXT):
        return Attention(None, rows)
    if flash:
        return Attention(True, rows)
    room = SCORES // (4 * max(n_head, 1) * n_ctx) // MIN_MICRO_BATCH * MIN_MICRO_BATCH
    if flash is None and room < MIN_MICRO_BATCH:
        return Attention(None, rows)
    return Attention(False, min(rows, max(room, MIN_MICRO_BATCH)))


def reasons(n_params: int) -> dict[str, str]:
    """Why the rules say what they say of such a model, by the names of the settings."""
    return {
        "threads": "one per physical core: hyper-threads and efficiency cores slow a matrix product down"
        if n_params > SMALL_MODEL
        else "one: a step of so small a model takes a millisecond",
        "batch_size": "llama.cpp's own micro-batch",
        "flash_attention": f"wherever llama.cpp has it, but not on an x86 CPU beyond {FLASH_CONTEXT} tokens",
        "kv_type": "f16 keeps what the model computes; q8_0 and q4_0 save memory",
    }

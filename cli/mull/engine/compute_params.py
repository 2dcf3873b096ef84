"""The parameters of llama.cpp contexts: threads, batch size, flash attention, KV type, context size.

In: settings (from the user, the memory plan, or `mull bench --tune`) and the model's size. Out: numbers for a context,
each with its reason in a sentence. Raises UsageError for settings that exclude each other. Nothing is measured here;
each constant states the measurement it comes from, and a change needs a new one.
"""

from __future__ import annotations

from mull.dataclass import dataclass
from mull.engine.threads import default_threads
from mull.errors import UsageError
from mull.models.memory.kv_size import SCORES
from mull.settings import EngineSettings

DEFAULT_BATCH_SIZE = 512
"""Tokens per llama_decode: the default size of llama.cpp's micro-batch. A larger batch would only be split there, and
larger micro-batches take memory that grows with the vocabulary and the context."""

SMALL_MODEL = 20_000_000
"""Parameters, at most, of a small model. A step of one takes a millisecond, which is not worth a separate decode
thread. Nor is it computed with two threads: they would gain little on an idle machine and lose nearly everything on a
busy one (measured with pebble: 880 tokens per second with one thread, 7 with two, while another program used both
cores)."""

ANSWER_RESERVE = 1024
"""Tokens that a new context reserves for the answer; it grows when they are used up. A context is allocated and zeroed
as a whole: llama-cli spends seconds on the 32,768 tokens of a small model before it starts the prompt (measured)."""

MAX_GROWTH = 8192
"""Tokens by which a context grows at most beyond what is needed. Smaller ones double: growing moves the KV cache."""

CONTEXT_STEP = 256
"""Tokens. llama.cpp pads contexts to a multiple of it."""

FLASH_CONTEXT = 512
"""Tokens of context up to which flash attention is faster on a CPU. For fewer than 64 rows its kernel reads the whole
KV cache once for each row; without it, all rows share one pass. Measured with llama-bench, 0.6B shape, two Zen 4 cores,
generation with and without it: 26 and 22 tokens per second at depth 0, 19 and 21 at 256, 16 and 23 at 512, 12 and 17 at
1,024, 8 and 11 at 2,048; 32 rows at depth 1,024: 39 and 64; 512 tokens at depth 3,584: 36 and 43."""

SHORT_ANSWER = 128
"""Tokens of answer, at least, for which starting in a context of FLASH_CONTEXT tokens pays: moving out of it costs the
time of about eight tokens."""

MIN_MICRO_BATCH = 64
"""Tokens. Smaller micro-batches of a prompt are computed by slower kernels."""

SMALL_FILE = 64 << 20
"""Bytes. A smaller model file loads in a moment, and fits every machine with its whole context."""

KV_TYPES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class ComputeParams:
    """The parameters of a model's contexts. `flash_attention` None: `choose_attention` decides for each context."""

    threads: int
    batch_size: int
    flash_attention: bool | None
    kv_type: str


def choose_params(n_params: int, settings: EngineSettings) -> ComputeParams:
    """The settings, completed by the rules. Raises UsageError for settings that exclude each other."""
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
    """`flash`: flash attention; None: llama.cpp decides. `micro_batch`: tokens computed at once."""

    flash: bool | None
    micro_batch: int


def choose_attention(
    chosen: ComputeParams, n_ctx: int, n_head: int, *, on_cpu: bool, sparse: bool = False
) -> Attention:
    """Flash attention and micro-batch of a context of `n_ctx` tokens, for a model with `n_head` attention heads.

    `on_cpu`: everything is computed on an x86 CPU, where this was measured. `sparse`: see `kv/attention_cost.py`.
    """
    flash, micro_batch = chosen.flash_attention, min(chosen.batch_size, n_ctx)
    if flash is None and (sparse or not on_cpu or n_ctx <= FLASH_CONTEXT):
        return Attention(None, micro_batch)
    if flash:
        return Attention(True, micro_batch)
    # Without flash attention, the scores of a micro-batch take memory.
    most = SCORES // (4 * max(n_head, 1) * n_ctx) // MIN_MICRO_BATCH * MIN_MICRO_BATCH
    if flash is None and most < MIN_MICRO_BATCH:
        return Attention(None, micro_batch)
    return Attention(False, min(micro_batch, max(most, MIN_MICRO_BATCH)))


def reasons(n_params: int) -> dict[str, str]:
    """The reasons for the rules' choices for a model of this size, by the names of the settings."""
    return {
        "threads": "one per physical core: hyper-threads and efficiency cores slow matrix products down"
        if n_params > SMALL_MODEL
        else "one: a step of such a small model takes a millisecond",
        "batch_size": "llama.cpp's default micro-batch",
        "flash_attention": f"on where supported, but off on an x86 CPU beyond {FLASH_CONTEXT} tokens of context",
        "kv_type": "f16 keeps what the model computes; q8_0 and q4_0 save memory",
    }

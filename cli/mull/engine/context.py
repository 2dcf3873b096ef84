"""A llama_context of a fixed size, with its batch and the means to interrupt a decode.

In: rows (token, position, sequence, whether logits are wanted). Out: logits, or a code such as ABORTED. Raises
EngineError when there is no memory for the context, ValueError for a batch longer than its size, on which llama.cpp
would abort the process. A big model decodes in a separate thread, so that the caller sees signals and stops meanwhile.
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mull.engine import compute_params
from mull.engine.adaptive_threads import AdaptiveThreads
from mull.engine.batch import Batch
from mull.engine.file_check import DEVICE_MEMORY
from mull.engine.generative import not_generative
from mull.engine.interruptible import FATAL, Interrupt, JobThread, StopWatch
from mull.engine.kv.attention_cost import Layout
from mull.engine.kv.state_layout import with_streams
from mull.engine.model import Model
from mull.engine.native import library, nextn
from mull.engine.native.heap import state_buffer
from mull.engine.native.memory_errors import lacking
from mull.errors import EngineError
from mull.fs import trace
from mull.settings import EngineSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_X86 = frozenset({"x86_64", "amd64"})

_SPLIT_KV = 256
"""Cells from which flash attention may split the KV cache between the threads, so that their number changes the last
bits: 512 of them (ggml-cpu/ops.cpp, use_split_kv_path), rounded up to a multiple of 256 (llama-kv-cache.cpp). Nothing
else that is computed on a CPU depends on the number of threads (tested)."""

ABORTED = 2  # llama.h, llama_decode
NO_KV_SLOT = 1


def attention_for(
    model: Model, settings: EngineSettings, n_ctx: int, *, layout: Layout = Layout.PLAIN, n_seq: int = 1
) -> compute_params.Attention:
    """Flash attention and micro-batch of a context of this size, whose layout is for `n_seq` sequences."""
    n_ctx = n_ctx // n_seq if layout is Layout.SEPARATE else n_ctx
    sparse = layout is Layout.FLASH
    on_cpu = platform.machine().lower() in _X86 and not model.on_gpu
    chosen = compute_params.choose_params(model.n_params, settings)
    return compute_params.choose_attention(chosen, n_ctx, model.n_head, on_cpu=on_cpu, sparse=sparse)


def check_context(model: Model, settings: EngineSettings, n_ctx: int) -> None:
    """Make a context of this size and free it: whether a GPU has memory for it beside its layers of the model.

    Raises EngineError (DEVICE_MEMORY, context_failed). Without layers on a GPU nothing is made.
    """
    if model.on_gpu:
        Context(model, settings, n_ctx, 1).close()


def threads_for(model: Model, settings: EngineSettings, *, fixed: bool | None = None) -> AdaptiveThreads:
    """How many threads compute with this model: at most the plan's, or `fixed` (None: where the settings name them).

    Where a GPU computes, nothing is adapted: there the threads wait for it.
    """
    most = compute_params.choose_params(model.n_params, settings).threads
    fixed = settings.threads is not None if fixed is None else fixed
    return AdaptiveThreads(most, fixed=fixed or model.on_gpu)


class Context:
    """`n_ctx` tokens of KV cache for `n_seq` sequences, and at most `n_rows` rows of logits per step.

    `layout`: how the sequences share them. `threads`: what contexts before this one learnt. `n_rollback`: by how many
    tokens a recurrent state can be rolled back; a model's own limit may be 0 (`n_rollback`).
    `nextn_states`: make the hidden states available that NextN layers need. `head`: compute the NextN layers, not the
    model. Raises EngineError when there is no memory for it, ModelFileError for an encoder, which has no KV cache.
    """

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        n_ctx: int,
        n_seq: int,
        *,
        n_rows: int = 1,
        layout: Layout = Layout.PLAIN,
        threads: AdaptiveThreads | None = None,
        n_rollback: int = 0,
        nextn_states: bool = False,
        head: bool = False,
    ) -> None:
        llama = library.bindings()
        big = model.n_params > compute_params.SMALL_MODEL
        chosen = compute_params.choose_params(model.n_params, settings)
        self.layout = layout
        self._n_seq = n_seq
        self.attention = attention_for(model, settings, n_ctx, layout=layout, n_seq=n_seq)
        self._llama = llama
        self._interrupt = Interrupt(llama)
        params = _params(llama, model, settings, n_ctx, self.attention)
        params.n_seq_max, params.kv_unified = n_seq, self.unified and n_seq > 1
        # Rows of logits, one per sequence or draft: the default reserves one per token, 300 MB at a vocabulary
        # of 150,000.
        params.n_outputs_max = max(n_seq, n_rows)
        self._threads = threads or threads_for(model, settings)
        self.threads = self._threads.most  # of the last step
        params.n_threads = params.n_threads_batch = self.threads
        params.abort_callback = self._interrupt.callback
        params.abort_callback_data = self._interrupt.data
        if head:
            params.ctx_type = llama.LLAMA_CONTEXT_TYPE_MTP
        else:
            params.n_rs_seq = n_rollback
        library.forget_log_errors()
        with trace.span("context"):
            self.handle: int | None = llama.llama_init_from_model(model.handle, params)
        if not self.handle:
            reason = library.last_log_error() or "not enough memory"
            fewer = lacking(reason, on_gpu=model.on_gpu) == "device"
            raise EngineError(
                DEVICE_MEMORY if fewer else "context_failed",
                f"A context of {n_ctx:,} tokens cannot be created: {reason}.",
                "Put fewer layers on the GPU (--gpu-layers N), or give a smaller --ctx."
                if fewer
                else "Give a smaller --ctx, or use a smaller model.",
            )
        _apply_adapters(llama, model, self.handle)
        self.memory = llama.llama_get_memory(self.handle)
        if not self.memory:  # an encoder
            llama.llama_free(self.handle)
            raise not_generative(model.path, model.architecture)
        self.n_ctx = int(llama.llama_n_ctx(self.handle))
        self.n_ctx_seq = int(llama.llama_n_ctx_seq(self.handle))  # the most that one sequence can hold
        self.n_batch = int(llama.llama_n_batch(self.handle))
        self._splits_kv = self.attention.flash is not False and chosen.kv_type == "f16"
        self._alone = n_seq == 1
        self._width = int(llama.llama_model_n_embd_out(model.handle))
        self.batch = Batch(llama, self.n_batch)
        self.n_rollback = int(llama.llama_n_rs_seq(self.handle))
        self.rollback = 0  # by how many tokens the recurrent state can be rolled back now
        if nextn_states or head:
            nextn.enable_states(self.handle)
        self.fatal: str | None = None  # why llama.cpp would have ended the process; nothing works after it
        self._interruptible = big or model.on_gpu
        # For the main thread, and for all threads where a GPU computes.
        self._thread: JobThread | None = None
        self._watch = StopWatch(self._interrupt)
        if model.on_gpu:
            self._thread = JobThread()
            self._thread.watch(self._failed)

    @property
    def unified(self) -> bool:
        """Whether all sequences share one KV cache."""
        return self.layout is not Layout.SEPARATE

    def decode(self, stopped: Callable[[], bool], *, repeatable: bool = False) -> int:
        """Decode the batch; llama_decode's code, 0 for success. `stopped` is polled while a big model computes.

        `repeatable`: the same bits as in every other run.
        """
        if self.fatal is not None:
            return FATAL
        rows = self.batch.size
        self.rollback = 0
        threads = self._threads.begin(rows, fixed=repeatable and self._threads_change_bits())
        if threads != self.threads:
            self._llama.llama_set_n_threads(self.handle, threads, threads)
            self.threads = threads
        self._interrupt.clear()
        code = self._run(stopped) if self._interruptible else self._compute()
        if code == 0:
            self._threads.end(rows, threads)
            self.rollback = min(self.n_rollback, rows - 1) if self._alone else 0
        return code

    def _threads_change_bits(self) -> bool:
        deep = self.batch.last_position >= _SPLIT_KV or not self._alone
        return deep and self._splits_kv and self.n_ctx > _SPLIT_KV

    def _failed(self, message: str) -> None:
        """In the decode thread, which then never returns: a fatal error of the device."""
        self.fatal = message or library.last_log_error() or "llama.cpp gave no reason"

    def _run(self, stopped: Callable[[], bool]) -> int:
        if self._thread is None and threading.current_thread() is not threading.main_thread():
            return self._watch.run(self._compute, stopped)
        self._thread = self._thread or JobThread()
        return self._thread.run(self._compute, stopped, self._interrupt)

    def _compute(self) -> int:
        code = int(self._llama.llama_decode(self.handle, self.batch.raw))
        self._llama.llama_synchronize(self.handle)
        return code

    def logits(self, row: int, n_vocab: int) -> NDArray[np.float32]:
        """The raw logits of an output row of the last decode. They are llama.cpp's memory, valid until the next
        decode."""
        import numpy as np

        place = ctypes.addressof(self.logits_pointer(row).contents)
        return np.frombuffer(memoryview((ctypes.c_float * n_vocab).from_address(place)), np.float32)

    def logits_pointer(self, row: int) -> Any:
        """The same as a ctypes pointer, without numpy."""
        return self._llama.llama_get_logits_ith(self.handle, row)

    def hidden_states(self, first: int, count: int) -> NDArray[np.float32]:
        """A copy of the last decode's hidden states, (count, width), of tokens `first` and after it in the batch."""
        return nextn.states(self.handle, first, count, self._width)

    def save(self, seq: int) -> Any | None:
        """One sequence's state as bytes (a ctypes array), None when it cannot be saved.

        It is the same whether all sequences share one KV cache or not.
        """
        size = self._llama.llama_state_seq_get_size(self.handle, seq)
        data = state_buffer(size)
        if not self._llama.llama_state_seq_get_data(self.handle, data, size, seq) == size > 0:
            return None
        return data if self.unified else with_streams(data, 1)

    def state_size(self, seq: int) -> int:
        """The size in bytes of what `save` returns."""
        return int(self._llama.llama_state_seq_get_size(self.handle, seq))

    def restore(self, seq: int, data: Any) -> bool:
        """Restore a saved state, from this or an equal but smaller context; False where llama.cpp rejects it."""
        if not self.unified and (data := with_streams(data, self._n_seq)) is None:
            return False
        return bool(self._llama.llama_state_seq_set_data(self.handle, data, len(data), seq))

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first tokens of a sequence into another, which is empty. It may get more than `length` tokens, and
        none where its memory cannot be copied."""
        if self.unified:
            self._llama.llama_memory_seq_cp(self.memory, source, target, 0, length)
        elif (state := self.save(source)) is not None:
            self.restore(target, state)

    def close(self) -> None:
        """Free the context. May be called more than once."""
        if self.handle is not None and self.fatal is None:
            self._watch.close()
            if self._thread is not None:
                self._thread.close()
            self._llama.llama_free(self.handle)
            self.handle = None


def _params(
    llama: Any, model: Model, settings: EngineSettings, n_ctx: int, attention: compute_params.Attention
) -> Any:
    """llama_context_params but for sequences, rows, threads and what to compute."""
    chosen = compute_params.choose_params(model.n_params, settings)
    params = llama.llama_context_default_params()
    params.n_ctx = n_ctx
    params.n_batch, params.n_ubatch = min(chosen.batch_size, n_ctx), attention.micro_batch
    params.no_perf = True
    params.swa_full = (
        False  # a sliding-window model needs cells for its window only; the memory plan counts no more
    )
    params.offload_kqv = params.op_offload = model.on_gpu
    params.type_k = params.type_v = getattr(llama, f"GGML_TYPE_{chosen.kv_type.upper()}")
    if attention.flash is not None:
        on, off = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED, llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.flash_attn_type = on if attention.flash else off
    return params


def _apply_adapters(llama: Any, model: Model, handle: int) -> None:
    if not model.adapters:
        return
    handles = (llama.llama_adapter_lora_p_ctypes * len(model.adapters))(
        *(each.handle for each in model.adapters)
    )
    scales = (ctypes.c_float * len(model.adapters))(*(each.scale for each in model.adapters))
    llama.llama_set_adapters_lora(handle, handles, len(model.adapters), scales)

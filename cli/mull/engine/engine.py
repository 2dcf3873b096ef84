"""The one decode loop: requests in, streams of token pieces out.

Each request is a sequence. A step gathers one batch from all sequences whose reader has read its events (one token of
each that generates, prompt chunks of the others), decodes it, and lets each sequence sample its own rows of logits.
Stops are checked between steps and while llama.cpp computes; they leave the KV cache fit for the next request.
Raises EngineError for what llama.cpp cannot compute. Text, thinking and screens are unknown here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

from mull.engine.compute_params import (
    ANSWER_RESERVE,
    DEFAULT_BATCH_SIZE,
    FLASH_CONTEXT,
    SHORT_ANSWER,
    choose_params,
)
from mull.engine.context import ABORTED, NO_KV_SLOT, Context, attention_for, threads_for
from mull.engine.generation import Generation
from mull.engine.interruptible import FATAL
from mull.engine.kv.attention_cost import further_passes
from mull.engine.kv.prefill import SMALLEST_CHUNK, ChunkSize
from mull.engine.kv.prompt_cache import PromptCache
from mull.engine.kv.slot import Slot
from mull.engine.kv.state_store import StateStore
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.request import Ended, Piece, Prefill, Request
from mull.engine.resizable_context import ResizableContext
from mull.engine.sampling.chain import Chain
from mull.engine.scheduler import Scheduler, Share
from mull.engine.sequence import LiveSequence, PieceTable
from mull.engine.speculative.drafting import Drafting
from mull.errors import RAISE_CTX, SHORTEN, ContextOverflow, EngineError
from mull.settings import DEVICE_NONE, EngineSettings, Sampling, over

__all__ = ["Ended", "Engine", "Generation", "Piece", "Prefill", "Request"]

_DEFAULT_CONTEXT = 4096  # tokens, for a model that states no limit: llama.cpp's own default


class Engine:
    """Computes with one model. `n_parallel` requests can be live at once; a context manager.

    `n_ctx_total`: tokens that all sequences together may hold; None: `n_parallel` times what each may hold.
    `fixed_threads`: the number of threads is not adapted while it runs; None: it is where the settings name none.
    The engine owns `draft_model`, and raises EngineError where the two vocabularies differ.
    """

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        *,
        n_parallel: int = 1,
        n_ctx_total: int | None = None,
        draft_model: Model | None = None,
        state_store: StateStore | None = None,
        fixed_threads: bool | None = None,
    ) -> None:
        self.model = model
        self.settings = settings
        self.n_ctx_max = settings.ctx or model.n_ctx_train or _DEFAULT_CONTEXT  # tokens of one sequence
        self.n_parallel = n_parallel  # requests that can be live at once
        self._drafting = Drafting(model, settings, draft_model, alone=n_parallel == 1)
        self._scheduler = Scheduler(model, n_parallel)
        self._prompt_cache = PromptCache(model, settings, state_store)
        self._resizable = ResizableContext(
            model,
            settings,
            self._scheduler,
            self._prompt_cache,
            limit=max(self.n_ctx_max, n_ctx_total or self.n_ctx_max * n_parallel),
            n_rows=self._drafting.max_rows,
            threads=threads_for(model, settings, fixed=fixed_threads),
            n_rollback=self._drafting.n_rollback,
            nextn_states=self._drafting.needs_states,
        )
        self._chunk = ChunkSize(
            choose_params(model.n_params, settings).batch_size,
            n_parallel,
            on_gpu=model.on_gpu,
        )
        self._pieces = PieceTable(model)

    @property
    def n_ctx(self) -> int:
        """Size of the context as it is now, in tokens; it grows on demand up to `n_ctx_max` per sequence."""
        return self._resizable.n_ctx

    @property
    def uses_flash(self) -> bool | None:
        """Whether the context uses flash attention as it is now; None: llama.cpp decides, or there is no context."""
        context = self._resizable.context
        return None if context is None else context.attention.flash

    @property
    def unified(self) -> bool:
        """Whether all sequences share one KV cache, as it is now."""
        context = self._resizable.context
        return context is None or context.unified

    @property
    def can_truncate(self) -> bool:
        """Whether the KV cache can be truncated to any length; if not, name checkpoints (`Request.checkpoints`)."""
        return self._prompt_cache.can_truncate

    @property
    def has_preempted(self) -> bool:
        """Whether a preempted request waits for cells of the KV cache: a bad time to start another."""
        return self._scheduler.has_preempted

    def cached(self, tokens: Sequence[int]) -> int:
        """How many of a prompt's first tokens are in the KV cache now."""
        return self._scheduler.cached(tokens)

    def prefix_in_progress(self, tokens: Sequence[int]) -> bool:
        """Whether a live request is computing a long prefix of this prompt, which could be copied a moment later."""
        return self._scheduler.prefix_in_progress(tokens)

    def reserve(self, tokens: int, prompts: Sequence[Sequence[int]] = ()) -> None:
        """Make room for so many tokens more, as far as the limit allows: growing later means moving the KV cache.

        `prompts` are all that come next: what idle slots hold of them stays, and the KV cache takes the layout that is
        fastest for them, if that saves more than moving what it holds.
        """
        self._resizable.reserve(tokens, prompts, may_move=True)

    def overflow(self, tokens: int, *, at_least: bool = False) -> ContextOverflow:
        """The error for a prompt of so many tokens. Its hint names --ctx only up to what the model was trained for."""
        helps = self.n_ctx_max < (self.model.n_ctx_train or self.n_ctx_max + 1)
        return ContextOverflow(tokens, self.n_ctx_max, RAISE_CTX if helps else SHORTEN, at_least=at_least)

    def generate(self, request: Request, stopped: Callable[[], bool] = lambda: False) -> Generation:
        """Start a request. Raises ContextOverflow before anything is computed, EngineError when all slots are busy."""
        prompt = list(request.tokens)
        if not prompt:
            raise EngineError("empty_prompt", "There is nothing to answer.", "Give a prompt.")
        if len(prompt) >= self.n_ctx_max:
            raise self.overflow(len(prompt))
        slot = self._scheduler.idle_slot(prompt)
        if slot is None:
            raise EngineError(
                "engine_busy", f"{self.n_parallel} requests are being answered.", "Wait for one to end."
            )
        chain = Chain(self.model, over(request.sampling, Sampling(seed=request.drawn_seed)))
        chain.accept(prompt)
        slot.busy = True
        try:
            self._reuse_cached(slot, request, prompt)
        except BaseException:
            chain.free()
            slot.busy = False
            raise
        cached = len(slot.tokens)
        generation = Generation(
            slot=slot,
            pending=prompt[cached:],
            stopped=stopped,
            cached=cached,
            n_ctx_max=self.n_ctx_max,
            drafter=self._drafting.drafter(prompt, stopped, repeatable=request.sampling.repeatable),
            _chain=chain,
            _request=request,
            _pieces=self._pieces,
            _drafting=self._drafting,
            _step=self.step,
            _release=self._release,
        )
        self._scheduler.live.append(generation)
        return generation

    def save_prompt_cache(self, next_prompt: Callable[[], Sequence[int]]) -> None:
        """Write to disk what other processes can reuse of the last conversation. Call it after the answer was shown.

        `next_prompt()` returns the first tokens of the conversation's next prompt; it is called only when there may be
        something worth writing. Nothing is done without a state store, or while a request is live.
        """
        slot = max(self._scheduler.slots, key=lambda slot: len(slot.tokens))
        context = self._resizable.context
        if context is not None and slot.tokens and not self._scheduler.live:
            self._prompt_cache.store(context, slot, next_prompt)

    def close(self) -> None:
        """End every request and free the context and the draft model."""
        for sequence in list(self._scheduler.live):
            sequence.close()
        self._resizable.close()
        self._drafting.close()
        for slot in self._scheduler.slots:
            slot.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # before a prompt is computed

    def _reuse_cached(self, slot: Slot, request: Request, prompt: list[int]) -> None:
        """Leave as much of the prompt as possible in the slot, and reserve cells for the rest and for the answer."""
        context = self._resizable.context
        if context is not None:
            slot.keep_prefix(context, prompt)
            self._scheduler.copy_prefix(slot, prompt, context)
        # With several slots, `reserve` is called for all of them at once: growing would move every sequence.
        answer = 0 if self.n_parallel > 1 else ANSWER_RESERVE
        if request.max_tokens is not None:
            answer = min(request.max_tokens, answer)
        needed = min(len(prompt) + answer, self.n_ctx_max)
        if self._starts_with_flash(len(prompt)):
            needed = min(needed, FLASH_CONTEXT)
        hit = self._prompt_cache.lookup(request, len(slot.tokens), max(needed, self.n_ctx), self.n_ctx_max)
        if hit is not None and self.n_parallel == 1:
            needed = max(needed, len(hit.tokens))  # it is restored whole before it is truncated
        self._resizable.reserve(needed - len(slot.tokens), [prompt])
        if hit is not None and self._resizable.context is not None:
            self._prompt_cache.restore(self._resizable.context, slot, hit)

    def _starts_with_flash(self, prompt: int) -> bool:
        """Whether to start in a small context, where flash attention is faster, though the answer may outgrow it."""
        alone = self.n_parallel == 1 and not self.model.recurrent  # a recurrent state cannot be transposed
        if not alone or max(self.n_ctx, prompt + SHORT_ANSWER) > FLASH_CONTEXT:
            return False
        return attention_for(self.model, self.settings, FLASH_CONTEXT + 1).flash is False

    # one step

    def step(self) -> None:
        """Decode one batch for every live sequence whose events have been read."""
        self._scheduler.discard_drafts()
        shares = self._schedule()
        context = self._resizable.context
        if not shares or context is None:  # the second: never, for cells are reserved
            return
        batch = context.batch
        batch.clear()
        draft = self._draft(context, shares)
        rows = [
            batch.add(
                sequence.pending[:count] + draft,
                len(sequence.slot.tokens),
                sequence.slot.seq,
                logits=(count == len(sequence.pending)) + len(draft),
            )
            for sequence, count in shares
        ]
        begun = time.perf_counter()
        try:
            code = context.decode(
                lambda: any(sequence.stopped() for sequence, _ in shares),
                repeatable=any(sequence.repeatable for sequence, _ in shares),
            )
        except BaseException:
            self._roll_back(context, shares)
            raise
        if code:
            self._failed(context, shares, code)
            return
        elapsed = max(time.perf_counter() - begun, 1e-6)
        if len(shares) == 1:
            sequence, count = shares[0]
            if sequence.drafter is not None:
                self._drafting.record(context, len(sequence.slot.tokens), sequence.pending[:count] + draft)
            self._drafting.costs.record(batch.size, elapsed, prompt=shares[0][1] > 1)
        if batch.size >= SMALLEST_CHUNK and not draft:
            self._prompt_cache.record_prefill(batch.size, elapsed)
        if batch.size >= self._chunk.smallest and not draft:
            self._chunk.record(batch.size, elapsed)
        rows_before = [(count, len(sequence.slot.tokens)) for sequence, count in shares]
        for (sequence, count), row in zip(shares, rows, strict=True):
            sequence.decoded(count, context, row, draft)
            if sequence.at_checkpoint:
                self._prompt_cache.checkpoint(context, sequence.slot)
        self._resizable.record(
            rows_before, further_passes((sequence.slot.seq, count) for sequence, count in shares)
        )

    def _schedule(self) -> list[Share]:
        """The next batch, with cells reserved for it. Sequences are preempted while there are too few."""
        while True:
            context = self._resizable.context
            shares = self._scheduler.shares(self._chunk, None if context is None else context.n_batch)
            if not shares or self._resizable.reserve_step(shares):
                return shares
            if context is None or not self._scheduler.preempt(context):
                return []

    def _draft(self, context: Context, shares: list[Share]) -> list[int]:
        """A draft to be verified with the pending token. Several live sequences fill a batch without drafts."""
        sequence, count = shares[0]
        if len(self._scheduler.live) > 1 or len(sequence.pending) > 1:
            return []
        free = self._resizable.room_after(sequence) - count
        most = self._drafting.longest(context)
        return sequence.propose_draft(min(free, context.n_batch - count, most))

    def _failed(self, context: Context, shares: list[Share], code: int) -> None:
        self._roll_back(context, shares)
        if code == ABORTED:
            return  # each sequence checks `stopped` at its next poll; the others continue
        if code == NO_KV_SLOT and (
            self._resizable.grow(context.n_ctx + DEFAULT_BATCH_SIZE)
            or self._scheduler.evict_idle(context)
            or self._scheduler.preempt(context)
        ):
            return
        reason = library.last_log_error() or f"llama_decode returned {code}"
        if code == FATAL:
            raise EngineError(
                "device_lost",
                f"The GPU failed: {context.fatal or reason}.",
                f"Start mull again; --device {DEVICE_NONE} computes without it.",
            )
        raise EngineError(
            "decode_failed",
            f"llama.cpp failed: {reason}.",
            "Run `mull doctor` to check this installation.",
        )

    def _roll_back(self, context: Context, shares: list[Share]) -> None:
        """Remove what an interrupted batch left in the KV cache."""
        for sequence, _ in shares:
            sequence.roll_back(context)

    def _release(self, sequence: LiveSequence) -> None:
        self._scheduler.release(sequence, self._resizable.context)

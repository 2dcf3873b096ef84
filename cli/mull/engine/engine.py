"""The one decode loop: requests in, streams of token pieces out.

A request owns a sequence. Each step gathers one batch from all sequences whose reader has caught up (one token for
each that generates, prompt chunks from the others), decodes it once, and samples each finished row with its own chain.
A stop is looked at between steps and while the library computes; it leaves the cache fit for the next request.
Tokens can be injected as if they had been sampled. It knows nothing of text, thinking or screens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from mull.engine import scheduler
from mull.engine.compute_params import BATCH, GROWTH, ROOM, ROUND, SHALLOW, SHORT_ANSWER, computation
from mull.engine.context import ABORTED, NO_ROOM, Context, attention_of
from mull.engine.kv.prompt_cache import PromptCache
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.kv.state_store import StateStore
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.request import Ended, Piece, Prefill, Request
from mull.engine.sampling.chain import Chain
from mull.engine.sequence import Generation
from mull.engine.speculative.drafting import Drafting
from mull.errors import ContextOverflow, EngineError
from mull.settings import EngineSettings

__all__ = ["Ended", "Engine", "Generation", "Piece", "Prefill", "Request"]

_FIRST_CHUNK = 128  # tokens, before the speed is known
_SMALLEST_CHUNK = 32
_CHUNK_SECONDS = 2.0  # of prompt processing per step: how often progress is seen
_SIDE_BY_SIDE_SECONDS = 60.0  # where nobody watches a single prompt; a CPU can be interrupted all the same
_GPU_CHUNK_SECONDS = 0.15  # a GPU cannot be interrupted, so a chunk must be shorter than a stop may take


class Engine:
    """Computes with one model. `n_parallel` requests can be live at once; a context manager.

    `n_ctx_total`: tokens that all sequences together may hold, None: as many as each may, times their number.
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
    ) -> None:
        self.model = model
        self._drafting = Drafting(model, settings, draft_model)
        self.settings = settings
        # What one sequence may hold, in tokens. Models that name no limit get llama.cpp's own default of sorts.
        self.n_ctx_max = settings.ctx or model.n_ctx_train or 4096
        self._n_ctx_total = max(self.n_ctx_max, n_ctx_total or self.n_ctx_max * n_parallel)
        self._slots = [Slot(seq, model.window) for seq in range(n_parallel)]
        self._live: list[Generation] = []
        self._context: Context | None = None
        self._batch_size = computation(model.n_params, settings).batch_size
        self._chunk = _FIRST_CHUNK
        self._chunk_seconds = _SIDE_BY_SIDE_SECONDS if n_parallel > 1 else _CHUNK_SECONDS
        if library.offloads(settings.gpu_layers):
            self._chunk_seconds = _GPU_CHUNK_SECONDS
        self._pieces: dict[int, Piece] = {}
        self._past = PromptCache(model, settings, state_store)

    @property
    def n_ctx(self) -> int:
        """The size of the context as it is now, in tokens; it grows on demand up to `n_ctx_max` per sequence."""
        return self._context.n_ctx if self._context is not None else 0

    def cached(self, tokens: Sequence[int]) -> int:
        """How many of a prompt's first tokens a request would find in the cache now."""
        return max((common_prefix(slot.tokens, tokens) for slot in self._slots if not slot.busy), default=0)

    @property
    def n_parallel(self) -> int:
        """How many requests can be live at once."""
        return len(self._slots)

    @property
    def crowded(self) -> bool:
        """Whether a live request waits for room in the cache: no time to begin another."""
        return any(generation.parked for generation in self._live)

    def worth_waiting(self, tokens: Sequence[int]) -> bool:
        """Whether a live request is just computing a long beginning of this prompt, which could then be copied."""
        return not self.model.recurrent and scheduler.is_coming(tokens, self._slots, self._live)

    def reserve(self, tokens: int) -> None:
        """Have room for so many tokens beside those that are held, if the limit allows: growing later moves all."""
        self._make_room(tokens)

    def generate(self, request: Request, stopped: Callable[[], bool] = lambda: False) -> Generation:
        """Start a request. Raises ContextOverflow before anything is computed, EngineError when all slots are busy."""
        prompt = list(request.tokens)
        if not prompt:
            raise EngineError("empty_prompt", "There is nothing to answer.", "Give a prompt.")
        if len(prompt) >= self.n_ctx_max:
            raise ContextOverflow(len(prompt), self.n_ctx_max)
        idle = [slot for slot in self._slots if not slot.busy]
        if not idle:
            raise EngineError(
                "engine_busy", f"{len(self._slots)} requests are being answered.", "Wait for one to end."
            )
        slot = max(idle, key=lambda slot: common_prefix(slot.tokens, prompt))
        if self._context is not None:
            slot.reuse(self._context, prompt)
        room = ROOM if request.max_tokens is None else min(request.max_tokens, ROOM)
        if self.n_parallel > 1:
            room = 0  # for several it is reserved at once; growing would move all of them
            if self._context is not None and not self.model.recurrent:
                scheduler.borrow(slot, self._slots, prompt, self._context)
        chain = Chain(self.model, request.sampling)
        chain.accept(prompt)
        slot.busy = True
        try:
            needed = min(len(prompt) + room, self.n_ctx_max)
            if self._begins_shallow(len(prompt)):
                needed = min(needed, SHALLOW)
            found = self._past.find(request, len(slot.tokens), max(needed, self.n_ctx), self.n_ctx_max)
            if found is not None and self.n_parallel == 1:
                needed = max(needed, len(found.tokens))  # it is put back whole before it is cut
            self._make_room(needed - len(slot.tokens))
            if found is not None and self._context is not None:
                self._past.restore(self._context, slot, found)
        except BaseException:
            chain.free()
            slot.busy = False
            raise
        cached = len(slot.tokens)
        drafter = self._drafting.drafter(prompt, stopped, repeatable=request.sampling.repeatable)
        generation = Generation(self, slot, chain, request, prompt[cached:], stopped, cached, drafter=drafter)
        self._live.append(generation)
        return generation

    def _begins_shallow(self, prompt: int) -> bool:
        """Whether an answer begins in a small context for its speed there, whatever it may need later."""
        alone = self.n_parallel == 1 and not self.model.recurrent  # a recurrent state cannot be turned
        if not alone or max(self.n_ctx, prompt + SHORT_ANSWER) > SHALLOW:
            return False
        return attention_of(self.model, self.settings, SHALLOW + 1).flash is False

    def keep(self, ahead: Callable[[], Sequence[int]]) -> None:
        """Write on disk what another process can use of the last conversation, once its answer has been shown.

        `ahead()` gives the tokens that its next prompt will begin with; it is asked only if there may be something
        worth writing. Nothing is done without a state store, or while a request runs.
        """
        slot = max(self._slots, key=lambda slot: len(slot.tokens))
        if self._context is not None and slot.tokens and not self._live:
            self._past.keep(self._context, slot, ahead)

    @property
    def rewinds(self) -> bool:
        """Whether the cache can be cut back to any length; if not, name checkpoints (`Request.checkpoints`)."""
        return self._past.cuts

    def close(self) -> None:
        """End every request and free the context."""
        for generation in list(self._live):
            generation.close()
        if self._context is not None:
            self._context.close()
            self._context = None
        self._drafting.close()
        for slot in self._slots:
            slot.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # one step

    def step(self) -> None:
        """Decode one batch for every live sequence whose events have been read."""
        for generation in self._live:
            generation.forget_draft()
        shares = self._shares()
        while shares and not self._make_room(sum(count for _, count in shares)):
            if self._context is None or not scheduler.give_way(self._live, self._context):
                return
            shares = self._shares()
        if not shares or (context := self._context) is None:  # _make_room made one
            return
        batch = context.batch
        batch.clear()
        draft = self._draft(context, shares)
        rows = [
            batch.add(
                g.pending[:count] + draft,
                len(g.slot.tokens),
                g.slot.seq,
                logits=(count == len(g.pending)) + len(draft),
            )
            for g, count in shares
        ]
        begun = time.perf_counter()
        try:
            code = context.decode(lambda: any(g.stopped() for g, _ in shares))
        except BaseException:
            self._roll_back(context, shares)
            raise
        if code:
            self._failed(context, shares, code)
            return
        elapsed = max(time.perf_counter() - begun, 1e-6)
        if len(shares) == 1:
            self._drafting.costs.took(batch.size, elapsed, prompt=shares[0][1] > 1)
        if batch.size >= _SMALLEST_CHUNK and not draft:
            self._past.computed(batch.size, elapsed)
            self._chunk = min(
                self._batch_size, max(_SMALLEST_CHUNK, int(batch.size / elapsed * self._chunk_seconds))
            )
        for (generation, count), row in zip(shares, rows, strict=True):
            generation.decoded(count, context, row, draft)
            if generation.at_checkpoint:
                self._past.reached(context, generation.slot)

    def _draft(self, context: Context, shares: list[tuple[Generation, int]]) -> list[int]:
        """Tokens to be checked with the pending one. Several live sequences fill a batch by themselves."""
        generation, count = shares[0]
        if len(self._live) > 1 or len(generation.pending) > 1:
            return []
        free = context.n_ctx - self._held - count
        return generation.draft(min(free, context.n_batch - count, self._drafting.rows - 1))

    def _shares(self) -> list[tuple[Generation, int]]:
        """How many pending tokens each sequence may put into this batch: the generating ones first, one each."""
        waiting = [generation for generation in self._live if generation.wants_step]
        room = self._chunk + len(waiting) - 1  # prompts go on beside any number that generate
        if self._context is not None:
            room = min(room, self._context.n_batch)
        shares = []
        for generation in sorted(waiting, key=lambda g: len(g.pending)) if len(waiting) > 1 else waiting:
            if generation.overflows:
                generation.finish("context")
            elif room:
                count = min(generation.share(room), room) if len(waiting) > 1 else generation.share(room)
                room -= count
                shares.append((generation, count))
        return shares

    def _failed(self, context: Context, shares: list[tuple[Generation, int]], code: int) -> None:
        self._roll_back(context, shares)
        if code == ABORTED:
            return  # each reader's next look at `stopped` ends its own request; the others go on
        if code == NO_ROOM and (
            self._grow(context.n_ctx + BATCH)
            or scheduler.clear_idle(self._slots, context)
            or scheduler.give_way(self._live, context)
        ):
            return
        reason = library.last_log_error() or f"llama_decode returned {code}"
        raise EngineError("decode_failed", f"llama.cpp failed: {reason}.", "`mull doctor` may know why.")

    def _roll_back(self, context: Context, shares: list[tuple[Generation, int]]) -> None:
        """Forget what an interrupted batch left in the cache."""
        for generation, _ in shares:
            generation.roll_back(context)

    # the context's size

    @property
    def _held(self) -> int:
        """Tokens that the sequences hold together."""
        return sum(len(slot.tokens) - slot.shared for slot in self._slots)

    def _make_room(self, tokens: int) -> bool:
        """Have a context with room for so many more tokens, as far as the limit allows; False when there is none."""
        if self._held + tokens <= self.n_ctx:
            return True
        if self._context is not None and self.n_parallel > 1:
            scheduler.tidy(self._slots, self._context)
        needed = self._held + tokens
        return needed <= self.n_ctx or self._grow(needed)

    def _grow(self, needed: int) -> bool:
        """Replace the context by one of at least `needed` tokens, the cache moved over. False at the limit."""
        old = self._context
        limit = _rounded(self._n_ctx_total)
        needed += sum(slot.shared for slot in self._slots)  # what is shared is moved as often as it is held
        ahead = 0
        if old is not None:
            ahead = old.n_ctx + (ROOM if old.n_ctx <= SHALLOW < needed else min(old.n_ctx, GROWTH))
        size = min(limit, max(_rounded(needed), ahead))
        if old is not None and size <= old.n_ctx:
            return False
        for generation in self._live:
            generation.forget_draft()
        states = [self._moved(slot, old, size) if old is not None else None for slot in self._slots]
        if old is not None:
            old.close()  # first, so that both are never in memory together
            self._context = None
        try:
            rows = self._drafting.rows
            self._context = Context(self.model, self.settings, size, len(self._slots), n_rows=rows)
        except EngineError:
            for slot in self._slots:
                slot.forget()
            raise
        for slot, state in zip(self._slots, states, strict=True):
            lost = slot.settle(self._context, state)
            for generation in self._live:
                if generation.slot is slot:
                    generation.pending[:0] = lost
        return True

    def _moved(self, slot: Slot, old: Context, size: int) -> Any | None:
        """A sequence's state for a context of another size, which may attend in another way."""
        state, other = slot.move(old), attention_of(self.model, self.settings, size)
        if state is None or self.model.recurrent or other.flash == old.attention.flash:
            return state
        from mull.engine.kv.transpose_v import turned

        self._past.outgrown(slot.tokens, state, old.n_ctx)
        return turned(state)

    def piece(self, token: int) -> Piece:
        """The piece of a sampled token. Made once per token."""
        piece = self._pieces.get(token)
        if piece is None:
            model = self.model
            piece = Piece(token, model.piece(token), model.is_marker(token), ends=model.is_eog(token))
            self._pieces[token] = piece
        return piece

    def cannot_cut(self) -> None:
        """This model's memory turned out not to forget its last tokens: wrong guesses would cost too much."""
        self._drafting.give_up()

    def release(self, generation: Generation) -> None:
        """Its sequence is free for another request."""
        if generation in self._live:
            self._live.remove(generation)
            generation.slot.busy = False
            scheduler.let_in(self._live, self._slots, None if self.model.recurrent else self._context)


def _rounded(tokens: int) -> int:
    return -(-tokens // ROUND) * ROUND

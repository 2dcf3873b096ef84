"""The context that an engine decodes in, replaced by a larger one when its sequences need more cells.

In: numbers of tokens to make room for. Out: a `Context` that has them, up to a limit. What the sequences hold is moved
from the old context to the new one; what cannot be moved becomes pending and is computed again.
Raises EngineError when there is no memory for the new context; the KV cache is empty then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mull.engine.compute_params import ANSWER_RESERVE, CONTEXT_STEP, FLASH_CONTEXT, MAX_GROWTH
from mull.engine.context import Context, attention_for
from mull.engine.kv.prompt_cache import PromptCache
from mull.engine.kv.slot import Slot
from mull.engine.model import Model
from mull.engine.native.heap import release_freed_memory
from mull.engine.scheduler import Scheduler
from mull.errors import EngineError
from mull.settings import EngineSettings


class ResizableContext:
    """`context` is None before the first `reserve` and after `close`. `limit`: tokens of all sequences together."""

    def __init__(
        self,
        model: Model,
        settings: EngineSettings,
        scheduler: Scheduler,
        prompt_cache: PromptCache,
        *,
        limit: int,
        n_rows: int,
    ) -> None:
        self.context: Context | None = None
        self._model = model
        self._settings = settings
        self._scheduler = scheduler
        self._prompt_cache = prompt_cache
        self._limit = limit
        self._n_rows = n_rows  # of logits per step

    @property
    def n_ctx(self) -> int:
        """Size of the context as it is now, in tokens."""
        return self.context.n_ctx if self.context is not None else 0

    def reserve(self, tokens: int, prompts: Sequence[Sequence[int]] = ()) -> bool:
        """Provide cells for so many tokens more, by eviction or growth; False when the limit does not allow it.

        `prompts` come next: what idle slots hold of them stays.
        """
        scheduler, context = self._scheduler, self.context
        needed = scheduler.used + tokens
        if needed <= self.n_ctx:
            return True
        if context is not None and len(scheduler.slots) > 1:
            scheduler.evict_unshared(context, tokens, scheduler.needed_by(prompts))
            needed = scheduler.used + tokens
        return needed <= self.n_ctx or self.grow(needed)

    def grow(self, needed: int) -> bool:
        """Replace the context by one of at least `needed` tokens. False at the limit."""
        old, slots = self.context, self._scheduler.slots
        needed += sum(
            slot.shared for slot in slots
        )  # a shared prefix is moved once for each slot that holds it
        size = self._new_size(needed)
        if old is not None and size <= old.n_ctx:
            return False
        self._scheduler.discard_drafts()
        states = [self._saved(slot, old, size) if old is not None else None for slot in slots]
        self.close()  # first, so that both contexts are never in memory together
        try:
            new = Context(self._model, self._settings, size, len(slots), n_rows=self._n_rows)
        except EngineError:
            for slot in slots:
                slot.reset()
            raise
        self.context = new
        for slot, state in zip(slots, states, strict=True):
            lost = slot.restore(new, state)
            for sequence in self._scheduler.live:
                if sequence.slot is slot:
                    sequence.pending[:0] = lost
        states.clear()
        release_freed_memory()
        return True

    def close(self) -> None:
        """Free the context."""
        if self.context is not None:
            self.context.close()
            self.context = None

    def _new_size(self, needed: int) -> int:
        ahead = 0
        if self.context is not None:
            current = self.context.n_ctx
            leaves_flash = current <= FLASH_CONTEXT < needed
            ahead = current + (ANSWER_RESERVE if leaves_flash else min(current, MAX_GROWTH))
        return min(_rounded(self._limit), max(_rounded(needed), ahead))

    def _saved(self, slot: Slot, old: Context, size: int) -> Any | None:
        """A sequence's state for a context of another size, in which flash attention may be off."""
        state = slot.save(old)
        flash = attention_for(self._model, self._settings, size).flash
        if state is None or self._model.recurrent or flash == old.attention.flash:
            return state
        from mull.engine.kv.transpose_v import transpose_v

        self._prompt_cache.retain_outgrown(slot.tokens, state, old.n_ctx)
        return transpose_v(state)


def _rounded(tokens: int) -> int:
    return -(-tokens // CONTEXT_STEP) * CONTEXT_STEP

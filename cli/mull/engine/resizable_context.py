"""The context that an engine decodes in, replaced by a larger one when its sequences need more cells.

In: numbers of tokens to make room for, and the rows of each step. Out: a `Context` that has them, up to a limit, in the
layout that is faster for these steps: one KV cache for all sequences, with flash attention or without, or, while that
takes little memory, one for each. What the sequences hold is moved from the old context to the new one; what cannot be
moved becomes pending and is computed again.
Raises EngineError when there is no memory for the new context; the KV cache is empty then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mull.engine.adaptive_threads import AdaptiveThreads
from mull.engine.compute_params import (
    ANSWER_RESERVE,
    CONTEXT_STEP,
    FLASH_CONTEXT,
    MAX_GROWTH,
    SHORT_ANSWER,
    choose_params,
)
from mull.engine.context import Context, attention_for
from mull.engine.kv.attention_cost import Layout, LayoutCost, Rows, cost, move_cost, pass_cost
from mull.engine.kv.prompt_cache import PromptCache
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.model import Model
from mull.engine.native.heap import release_freed_memory
from mull.engine.scheduler import Scheduler, Share
from mull.engine.sequence import LiveSequence
from mull.errors import EngineError
from mull.settings import EngineSettings

_USED = 4
"""The part of the tokens reserved for answers that steps find in use on average: a quarter."""


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
        threads: AdaptiveThreads,
        n_rollback: int = 0,
        nextn_states: bool = False,
    ) -> None:
        self.context: Context | None = None
        self._model = model
        self._settings = settings
        self._scheduler = scheduler
        self._prompt_cache = prompt_cache
        self._limit = limit
        self._n_rows = n_rows  # of logits per step
        self._threads = threads
        self._n_rollback = n_rollback  # tokens by which a recurrent state can be rolled back
        self._nextn_states = nextn_states
        self._cost = LayoutCost()
        self._pass = pass_cost(model.n_params, model.n_layer, model.n_embd)
        rule = choose_params(model.n_params, settings).flash_attention is None
        self._may_change = len(scheduler.slots) > 1 and rule and not model.recurrent

    @property
    def n_ctx(self) -> int:
        """Size of the context as it is now, in tokens."""
        return self.context.n_ctx if self.context is not None else 0

    @property
    def _layout(self) -> Layout:
        return self.context.layout if self.context is not None else Layout.PLAIN

    def room_after(self, sequence: LiveSequence) -> int:
        """How many tokens more this sequence can hold as things are."""
        if self.context is None:
            return 0
        if self.context.unified:
            return self.n_ctx - self._scheduler.used
        return self.context.n_ctx_seq - len(sequence.slot.tokens)

    def reserve(self, tokens: int, prompts: Sequence[Sequence[int]] = (), *, may_move: bool = False) -> bool:
        """Provide cells for so many tokens more, by eviction or growth; False when the limit does not allow it.

        `prompts` come next: what idle slots hold of them stays. `may_move`: they are all that come next, and what is
        held may be moved to another layout for them.
        """
        longest = max(map(len, prompts), default=0)
        if self._holds_each(longest):
            return True
        scheduler, context = self._scheduler, self.context
        needed = scheduler.used + tokens
        if needed > self.n_ctx and context is not None and len(scheduler.slots) > 1:
            scheduler.evict_unshared(context, tokens, scheduler.needed_by(prompts))
            needed = scheduler.used + tokens
        fits = needed <= self.n_ctx
        if fits and not may_move:
            return True
        separate = self._separate_size(longest + SHORT_ANSWER) if prompts else 0
        layout = self._best_layout(tokens, prompts, separate, fits=fits)
        if layout is Layout.SEPARATE:
            self._replace(separate, layout)
        elif not fits:
            return self._grow(needed, layout)
        elif layout is not self._layout:
            self._replace(self.n_ctx, layout)
        return True

    def reserve_step(self, shares: Sequence[Share]) -> bool:
        """The same for the tokens of a step."""
        longest = max(len(sequence.slot.tokens) + count for sequence, count in shares)
        return self._holds_each(longest) or self.reserve(sum(count for _, count in shares))

    def grow(self, needed: int) -> bool:
        """Replace the context by one of at least `needed` tokens. False at the limit."""
        return self._grow(needed, self._layout)

    def record(self, rows: Rows, passes: int) -> None:
        """Such a step was computed; `further_passes` with a KV cache for each sequence.

        Change the layout where the steps have lost more by it than moving costs.
        """
        context = self.context
        if context is None or not self._has_choice(context.n_ctx):
            return
        self._cost.record(self._layout, rows, self._scheduler.used, passes * self._pass)
        moved = self._scheduler.moved
        for layout in self._cost.better(moved):
            size = self._separate_size() if layout is Layout.SEPARATE else context.n_ctx
            if size and moved <= size:
                self._replace(size, layout)
                return

    def _holds_each(self, longest: int) -> bool:
        """Whether sequences have a KV cache each, in which `longest` tokens fit; larger ones are made for them.

        Where that takes too much memory, the sequences move to one KV cache for all.
        """
        context = self.context
        if context is None or context.unified:
            return False
        if longest <= context.n_ctx_seq:
            return True
        size = self._separate_size(max(longest, 2 * context.n_ctx_seq))
        self._replace(size or context.n_ctx, Layout.SEPARATE if size else Layout.FLASH)
        return size > 0

    def _separate_size(self, longest: int = 0) -> int:
        """The size of a context in which each sequence has a KV cache, for those that are live and one of `longest`
        tokens; 0 where it would take much more memory than what they hold."""
        scheduler = self._scheduler
        lengths = [len(slot.tokens) for slot in scheduler.slots]
        lengths += [
            len(live.slot.tokens) + len(live.pending) + min(live.remaining, SHORT_ANSWER)
            for live in scheduler.live
        ]
        size = len(scheduler.slots) * _rounded(max(longest, *lengths))
        return size if size <= min(self._limit, scheduler.used + MAX_GROWTH) else 0

    def _grow(self, needed: int, layout: Layout) -> bool:
        """`grow` to this layout; to one KV cache in place of one for each (`_holds_each` makes larger ones)."""
        # A shared prefix is moved once for each slot that holds it.
        size = self._new_size(needed + sum(slot.shared for slot in self._scheduler.slots))
        if self.context is not None and size <= self.context.n_ctx:
            return False
        self._replace(size, layout if layout is not Layout.SEPARATE else Layout.FLASH)
        return True

    def _has_choice(self, n_ctx: int) -> bool:
        return self._may_change and attention_for(self._model, self._settings, n_ctx).flash is False

    def _best_layout(
        self, tokens: int, prompts: Sequence[Sequence[int]], separate: int, *, fits: bool
    ) -> Layout:
        """When these prompts and their answers fill `tokens` more cells, beside what is live.

        `separate`: the size of a context with a KV cache for each sequence, 0 where there is none. `fits`: the context
        can stay as it is, so that another layout has to save more than moving costs.
        """
        scheduler, now = self._scheduler, self._layout
        if not self._may_change or not prompts:
            return now
        first, live = prompts[0], scheduler.live
        new = [len(first) - scheduler.cached(first)]
        new += [len(one) - max(scheduler.cached(one), common_prefix(first, one)) for one in prompts[1:]]
        # Most answers are shorter than what is reserved for them.
        answer = max(0, tokens - sum(new)) // _USED // len(prompts)
        cells = scheduler.used + sum(len(one.pending) for one in live)
        cells += min(tokens, sum(new)) + answer * len(prompts)
        prefill = [(count, len(prompt) - count // 2) for count, prompt in zip(new, prompts, strict=True)]
        depths = [len(one.slot.tokens) + len(one.pending) for one in live]
        decode = [(1, depth) for depth in (*depths, *(len(prompt) + answer for prompt in prompts))]

        def spent(layout: Layout) -> float:
            moved = move_cost(scheduler.moved) if fits and layout is not now else 0.0
            return moved + cost(layout, prefill, cells) + max(answer, 1) * cost(layout, decode, cells)

        layouts = [now]
        if not fits or (self._has_choice(self.n_ctx) and scheduler.moved + tokens <= self.n_ctx):
            layouts = [Layout.PLAIN, Layout.FLASH]
        if separate and self._has_choice(separate):
            layouts.append(Layout.SEPARATE)
        return min(layouts, key=spent)

    def _replace(self, size: int, layout: Layout) -> None:
        """Move everything to a new context of this size."""
        old, slots = self.context, self._scheduler.slots
        self._cost.reset()
        self._scheduler.discard_drafts()
        states = [self._saved(slot, old, size, layout) if old is not None else None for slot in slots]
        self.close()  # first, so that both contexts are never in memory together
        try:
            new = Context(
                self._model,
                self._settings,
                size,
                len(slots),
                n_rows=self._n_rows,
                layout=layout,
                threads=self._threads,
                n_rollback=self._n_rollback,
                nextn_states=self._nextn_states,
            )
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

    def _saved(self, slot: Slot, old: Context, size: int, layout: Layout) -> Any | None:
        """A sequence's state for a context of this size and layout, in which the attention may be another."""
        state, n_seq = slot.save(old), len(self._scheduler.slots)
        flash = attention_for(self._model, self._settings, size, layout=layout, n_seq=n_seq).flash
        if state is None or self._model.recurrent or flash == old.attention.flash:
            return state
        from mull.engine.kv.transpose_v import transpose_v

        if flash is False and n_seq == 1:
            self._prompt_cache.retain_outgrown(slot.tokens, state, old.n_ctx)
        return transpose_v(state, back=flash is not False)


def _rounded(tokens: int) -> int:
    return -(-tokens // CONTEXT_STEP) * CONTEXT_STEP

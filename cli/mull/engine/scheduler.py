"""Who may use the KV cache, and who decodes next: slots, shared prefixes, batch shares, preemption, eviction.

In: prompts, and the sequences that are live. Out: a slot for a prompt; for each step, how many tokens of which sequence
go into the batch. A shared prefix is copied: it then occupies the same cells, and costs neither time nor memory. Where
a memory cannot be copied (recurrent ones, a sliding window that has moved on) the tokens are computed. Nothing is
decoded here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mull.engine.context import Context
from mull.engine.kv.prefill import ChunkSize
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.model import Model
from mull.engine.sequence import LiveSequence

MIN_SHARED = 32
"""Tokens that a copied prefix must save; fewer are computed in the same batch as the rest of the prompt."""

Share = tuple[LiveSequence, int]
"""A sequence, and how many of its pending tokens go into a batch."""


class Scheduler:
    """The slots of one model's KV cache and the live sequences, oldest first."""

    def __init__(self, model: Model, n_parallel: int) -> None:
        self.slots = [Slot(seq, model.window) for seq in range(n_parallel)]
        self.live: list[LiveSequence] = []
        self._can_copy = not model.recurrent and n_parallel > 1
        self._released = 0

    @property
    def used(self) -> int:
        """Cells that all sequences occupy together, in tokens."""
        return sum(len(slot.tokens) - slot.shared for slot in self.slots)

    @property
    def moved(self) -> int:
        """Tokens to move when the context is replaced: a shared prefix once for each slot that holds it."""
        return sum(len(slot.tokens) for slot in self.slots)

    @property
    def has_preempted(self) -> bool:
        """Whether a preempted sequence waits for cells."""
        return any(sequence.preempted for sequence in self.live)

    # before a prompt is computed

    def cached(self, prompt: Sequence[int]) -> int:
        """How many of the prompt's first tokens an idle slot holds."""
        return max((common_prefix(slot.tokens, prompt) for slot in self.slots if not slot.busy), default=0)

    def needed_by(self, prompts: Sequence[Sequence[int]]) -> dict[Slot, int]:
        """For the idle slots that hold most of these prompts: how many of their tokens the prompts continue."""
        idle = [slot for slot in self.slots if not slot.busy]
        needed: dict[Slot, int] = {}
        for prompt in prompts:
            length, slot = max(
                ((common_prefix(slot.tokens, prompt), slot) for slot in idle),
                key=lambda found: found[0],
                default=(0, None),
            )
            if slot is not None and length >= MIN_SHARED:
                needed[slot] = max(length, needed.get(slot, 0))
        return needed

    def idle_slot(self, prompt: Sequence[int]) -> Slot | None:
        """The idle slot for a prompt; None when all are busy.

        The one that saves most, less what it loses by dropping the rest of its tokens. Where none saves anything, an
        empty one, or the one that was released first.
        """

        def gain(slot: Slot) -> int:
            return 2 * common_prefix(slot.tokens, prompt) - len(slot.tokens)

        idle = [slot for slot in self.slots if not slot.busy]
        best = max(idle, key=gain, default=None)
        if best is None or gain(best) > 0:
            return best
        return min(idle, key=lambda slot: (bool(slot.tokens), slot.released))

    def prefix_in_progress(self, prompt: Sequence[int]) -> bool:
        """Whether a live sequence is computing a long prefix of this prompt, which could be copied a moment later."""
        if not self._can_copy:
            return False
        here = max(common_prefix(slot.tokens, prompt) for slot in self.slots)
        coming = (common_prefix(other.prompt, prompt) for other in self.live if other.in_prefill)
        return max(coming, default=0) >= here + MIN_SHARED

    def copy_prefix(self, slot: Slot, prompt: Sequence[int], context: Context) -> None:
        """Copy the longest prefix of the prompt that another slot holds, if it is longer than the slot's own.

        The prompt's last token is never copied: its logits start the answer.
        """
        if not self._can_copy:
            return
        others = [other for other in self.slots if other is not slot and other.tokens]
        shared, _, donor = max(
            # Of equals the one with fewest tokens after it: there a sliding window has not moved on.
            ((common_prefix(other.tokens, prompt), -len(other.tokens), other) for other in others),
            key=lambda found: found[:2],
            default=(0, 0, slot),
        )
        shared = min(shared, len(prompt) - 1)
        if shared >= len(slot.tokens) + MIN_SHARED:
            slot.copy(context, donor, shared)

    # each step

    def shares(self, chunk: ChunkSize, n_batch: int | None) -> list[Share]:
        """The next batch: one token of each sequence that generates, and prompt chunks, in the order of their slots:
        where each has a KV cache, llama.cpp computes neighbours together.

        `chunk`: how many prompt tokens. `n_batch`: the most tokens that a batch can take, None: not known yet.
        Sequences that outgrow their context are ended.
        """
        waiting = [sequence for sequence in self.live if sequence.wants_step]
        limit = chunk.tokens + len(waiting) - 1  # generating sequences do not slow prompts down
        if n_batch is not None:
            limit = min(limit, n_batch)
        shares = []
        for sequence in sorted(waiting, key=lambda s: len(s.pending)) if len(waiting) > 1 else waiting:
            if sequence.overflows:
                sequence.finish("context")
            elif limit:
                count = sequence.next_chunk(limit, chunk.shortest)
                if len(waiting) > 1:
                    count = min(count, limit)
                limit -= count
                shares.append((sequence, count))
        return sorted(shares, key=lambda share: share[0].slot.seq)

    def discard_drafts(self) -> None:
        """Remove every draft that was not accepted from the KV cache."""
        for sequence in self.live:
            sequence.discard_draft()

    # a full cache

    def evict_unshared(self, context: Context, tokens: int, needed: Mapping[Slot, int]) -> None:
        """Evict what only idle slots hold, those first that were released first, until `tokens` more fit.

        Prefixes shared with other slots cost no cells, and stay for the next prompt. `needed`: tokens that stay.
        """
        idle = [slot for slot in self.slots if not slot.busy and slot.tokens]
        for slot in sorted(idle, key=lambda slot: (slot in needed, slot.released)):
            if self.used + tokens <= context.n_ctx:
                break
            if slot not in needed or self._can_copy:  # what cannot be copied cannot be truncated either
                slot.truncate(context, max(slot.shared, needed.get(slot, 0)))
        for slot in self.slots:
            donors = (other for other in self.slots if other is not slot and other.shared < slot.shared)
            if slot.shared and not any(common_prefix(o.tokens, slot.tokens) >= slot.shared for o in donors):
                slot.shared = 0  # the slot that it was copied from is evicted: the cells count as its own

    def evict_idle(self, context: Context) -> bool:
        """Evict everything that idle slots hold; whether that was anything."""
        idle = [slot for slot in self.slots if not slot.busy and slot.tokens]
        for slot in idle:
            slot.clear(context)
        return bool(idle)

    def preempt(self, context: Context) -> bool:
        """Take the cells of the youngest running sequence; False when only one is running.

        Its text is computed again when another sequence has ended: this costs time, but no token.
        """
        running = [sequence for sequence in self.live if not sequence.preempted]
        if len(running) < 2:
            return False
        running[-1].preempt(context)
        return True

    def release(self, sequence: LiveSequence, context: Context | None) -> None:
        """Free the slot of a sequence that has ended, and resume the preempted one that has waited longest."""
        if sequence not in self.live:
            return
        self.live.remove(sequence)
        self._released += 1
        sequence.slot.busy, sequence.slot.released = False, self._released
        resumed = next((other for other in self.live if other.preempted), None)
        if resumed is None:
            return
        resumed.preempted = False
        if context is not None:
            self.copy_prefix(resumed.slot, resumed.pending, context)
            del resumed.pending[: len(resumed.slot.tokens)]

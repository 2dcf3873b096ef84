"""Slots: what each sequence of the KV cache holds, and how much of it the next prompt can reuse.

In: a prompt's tokens. Out: a slot that holds a prefix of them.
The record is exact: it is truncated together with the cache. Where a memory cannot be truncated (recurrent, hybrid and
sliding-window ones), both are cleared and the prompt is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mull.engine.context import Context
from mull.engine.native import library

_BLOCK = 64  # tokens compared at once, at the speed of C


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """The number of equal leading tokens."""
    length, at = min(len(a), len(b)), 0
    while at < length and a[at : at + _BLOCK] == b[at : at + _BLOCK]:
        at += _BLOCK
    return next((i for i in range(at, length) if a[i] != b[i]), length)


class Slot:
    """One sequence of a context: `tokens` are in the KV cache, at positions 0, 1, 2, ..."""

    def __init__(self, seq: int, window: int) -> None:
        self.seq = seq
        self.tokens: list[int] = []
        self.shared = 0  # leading tokens whose cells belong to other sequences too
        self.busy = False
        self.released = 0  # its place in the order in which slots became idle
        self._window = window  # of sliding attention, in tokens; 0 for none

    def keep_prefix(self, context: Context, prompt: Sequence[int]) -> int:
        """Keep what the slot shares with `prompt` and drop the rest; the number of tokens kept.

        The prompt's last token is never among them: its logits start the answer.
        """
        shared = min(common_prefix(self.tokens, prompt), len(prompt) - 1)
        last = library.bindings().llama_memory_seq_pos_max(context.memory, self.seq)
        # The second: an exception interrupted a step.
        if shared < len(self.tokens) or last != shared - 1:
            self.truncate(context, shared)
        return len(self.tokens)

    def copy(self, context: Context, donor: Slot, length: int) -> None:
        """Copy the first `length` tokens of another slot; the slot is left empty where the memory cannot be copied."""
        self.clear(context)
        context.copy(donor.seq, self.seq, length)
        self.tokens = donor.tokens[:length]
        self.truncate(context, length)  # checks what is really there
        self.shared = len(self.tokens) if context.unified else 0

    def truncate(self, context: Context, length: int) -> None:
        """Hold at most the first `length` tokens; none when the memory cannot be truncated there."""
        llama = library.bindings()
        if context.rollback and self._roll_back(context, length):
            return
        removed = llama.llama_memory_seq_rm(context.memory, self.seq, length, -1)
        first = llama.llama_memory_seq_pos_min(context.memory, self.seq)
        last = llama.llama_memory_seq_pos_max(context.memory, self.seq)
        # A sliding window drops its oldest positions: after truncation those that it needs may be gone.
        intact = last == length - 1 and first <= max(0, length - self._window if self._window else 0)
        if removed and (intact or length == 0):
            del self.tokens[length:]
            self.shared = min(self.shared, length)
        else:
            self.clear(context)

    def _roll_back(self, context: Context, length: int) -> bool:
        """Roll a recurrent state back to `length` tokens; False where none was saved there.

        llama.cpp has a state for each of the last tokens of a step, and takes one back only once.
        """
        llama = library.bindings()
        tokens = llama.llama_memory_seq_pos_max(context.memory, self.seq) + 1 - length
        if not 0 < tokens <= context.rollback:
            return False
        context.rollback -= tokens
        if not llama.llama_memory_seq_rm(context.memory, self.seq, length, -1):
            return False
        del self.tokens[length:]
        return int(llama.llama_memory_seq_pos_max(context.memory, self.seq)) == length - 1

    def clear(self, context: Context) -> None:
        """Remove everything that it holds from the KV cache."""
        llama = library.bindings()
        llama.llama_memory_seq_rm(context.memory, self.seq, -1, -1)
        self.reset()

    def reset(self) -> None:
        """Record that it holds nothing: the KV cache was cleared or freed."""
        self.tokens = []
        self.shared = 0

    def save(self, context: Context) -> Any | None:
        """The sequence's state, for `restore` in another context; None when there is none or it cannot be saved."""
        return context.save(self.seq) if self.tokens else None

    def restore(self, context: Context, state: object | None) -> list[int]:
        """Put a saved state into a new context; the tokens that must be computed again because that failed."""
        self.shared = 0  # each sequence was saved whole
        if not self.tokens or (state is not None and context.restore(self.seq, state)):
            return []
        lost = self.tokens
        self.clear(context)
        return lost

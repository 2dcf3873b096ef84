"""What each sequence of the KV cache holds, and how much of it the next prompt can use again.

In: a prompt's tokens. Out: how many of its first tokens need not be computed again.
The record is exact: it is cut back with the cache, and where the cache cannot be cut back (recurrent, hybrid and
sliding-window memories) both are emptied and the prompt is computed again; nothing is said, nothing is lost.
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
    """One sequence of a context: `tokens` are in the cache, at positions 0, 1, 2, ..."""

    def __init__(self, seq: int, window: int) -> None:
        self.seq = seq
        self.tokens: list[int] = []
        self.shared = 0  # of the first tokens, whose cells belong to other sequences too
        self.busy = False
        self._window = window  # of sliding attention, 0 for none

    def reuse(self, context: Context, prompt: Sequence[int]) -> int:
        """Keep what `prompt` shares with the cache and drop the rest; the number of tokens kept.

        The prompt's last token is never among them: its logits start the answer.
        """
        shared = min(common_prefix(self.tokens, prompt), len(prompt) - 1)
        last = library.bindings().llama_memory_seq_pos_max(context.memory, self.seq)
        if (
            shared < len(self.tokens) or last != shared - 1
        ):  # the second: a step was broken off by an exception
            self.cut(context, shared)
        return len(self.tokens)

    def copy(self, context: Context, donor: Slot, length: int) -> None:
        """Hold the first `length` tokens of another sequence without computing them; none where that cannot be."""
        self.clear(context)
        library.bindings().llama_memory_seq_cp(context.memory, donor.seq, self.seq, 0, length)
        self.tokens = donor.tokens[:length]
        self.cut(context, length)  # looks at what is really there
        self.shared = len(self.tokens)

    def cut(self, context: Context, length: int) -> None:
        """Hold at most the first `length` tokens from here on; none when the memory cannot be cut there."""
        llama = library.bindings()
        removed = llama.llama_memory_seq_rm(context.memory, self.seq, length, -1)
        first = llama.llama_memory_seq_pos_min(context.memory, self.seq)
        last = llama.llama_memory_seq_pos_max(context.memory, self.seq)
        # A sliding window forgets its beginning: after a cut the positions that it needs may be gone.
        intact = last == length - 1 and first <= max(0, length - self._window if self._window else 0)
        if removed and (intact or length == 0):
            del self.tokens[length:]
            self.shared = min(self.shared, length)
        else:
            self.clear(context)

    def clear(self, context: Context) -> None:
        llama = library.bindings()
        llama.llama_memory_seq_rm(context.memory, self.seq, -1, -1)
        self.forget()

    def forget(self) -> None:
        """The cache is empty or gone."""
        self.tokens = []
        self.shared = 0

    def move(self, old: Context) -> Any | None:
        """The sequence's state, to be given to `settle` in another context."""
        return old.save(self.seq) if self.tokens else None

    def settle(self, new: Context, state: object | None) -> list[int]:
        """Put a moved state into a new context; the tokens that must be computed again because that failed."""
        self.shared = 0  # each sequence was moved whole
        if not self.tokens or (state is not None and new.restore(self.seq, state)):
            return []
        lost = self.tokens
        self.clear(new)
        return lost

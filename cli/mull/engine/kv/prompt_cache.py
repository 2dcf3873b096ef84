"""The prompt cache: states of earlier prompts, in memory and on disk, from which a new prompt can continue.

In: a slot that holds too little of a prompt, and later what it holds. Out: a slot that holds more of it, bit for bit as
if it had been computed. A state is restored only where that is faster than computing, by the throughput measured with
this model on this machine. Without a state store, the disk is not used. Disk errors mean cache misses.

A memory that can be truncated (full attention) is saved once, after the answer, and serves every prompt with the same
prefix. One that cannot (sliding window, recurrent) is also copied at the prompt's checkpoints; these copies, too, are
written to disk after the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from mull.dataclass import dataclass
from mull.engine.compute_params import FLASH_CONTEXT
from mull.engine.context import Context, attention_for
from mull.engine.kv import cache_key
from mull.engine.kv.prefill import SHORT, reusable_length
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.kv.state_store import StateStore, StoredState
from mull.engine.kv.throughput import Throughput
from mull.engine.model import Model
from mull.engine.request import Request
from mull.settings import EngineSettings

MIN_SECONDS = 0.25  # of computing that a cached state must save, where the state store does not say otherwise
_NEW_SHARE = 8  # an eighth of an entry must be new, so that a growing conversation is not written every turn
_DELAY_SHARE = 10  # copying a state at a checkpoint may delay the answer by a tenth of what it saves later
_IN_MEMORY = 1 << 30  # bytes of snapshots
_SNAPSHOTS = 4


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state in memory: what `StoredState` is on disk."""

    tokens: list[int]
    data: Any

    @property
    def size(self) -> int:
        return len(self.data)


CachedState = Snapshot | StoredState


@dataclass(frozen=True, slots=True)
class CacheHit:
    """A cached state, and how many of its first tokens a prompt can use. `transposed`: its V has to be transposed."""

    state: CachedState
    length: int
    transposed: bool = False

    @property
    def tokens(self) -> list[int]:
        return self.state.tokens


class PromptCache:
    """The states that one engine can restore."""

    def __init__(self, model: Model, settings: EngineSettings, state_store: StateStore | None) -> None:
        self._model = model
        self._settings = settings
        self._state_store = state_store
        self._min_seconds = state_store.min_seconds if state_store is not None else MIN_SECONDS
        self._can_truncate = not model.recurrent and not model.window
        self._snapshots: list[Snapshot] = []  # the newest first
        self._outgrown: tuple[Snapshot, int] | None = None  # and the size of the context that it is from
        self._restored: list[int] = []  # the tokens of the state that was restored last
        self._throughput = Throughput()
        self._families: dict[tuple[bool, bool | None], str] = {}  # by long context, and by flash attention

    @property
    def can_truncate(self) -> bool:
        """Whether the memory can be truncated to any length, so that checkpoints need no snapshots."""
        return self._can_truncate

    # before a prompt is computed

    def lookup(self, request: Request, have: int, n_ctx: int, limit: int) -> CacheHit | None:
        """The cached state that gives most of the prompt, in less time than computing it; None for a miss.

        `have`: tokens of the prompt that the slot holds already. `n_ctx`: the size of the context to come. `limit`: how
        many tokens it can hold.
        """
        if len(request.tokens) - have <= SHORT:
            return None
        states: list[CachedState] = [*self._snapshots, *self._entries(n_ctx)]
        hits = [
            CacheHit(state, self._usable(state, request)) for state in states if len(state.tokens) <= limit
        ]
        hits += self._outgrown_by(request, n_ctx)
        paying = [hit for hit in hits if self._pays(hit, have)]
        return max(paying, key=lambda hit: (hit.length, -hit.state.size), default=None)

    def _outgrown_by(self, request: Request, n_ctx: int) -> list[CacheHit]:
        """States of small contexts that the prompt continues from their very end: conversations that have grown.

        Flash attention rounds differently. So do answers, token by token; but where only the question differs, the
        answer should be the same with and without the prompt cache, so states used in part are left out.
        """
        if attention_for(self._model, self._settings, n_ctx).flash is not False:
            return []
        small = self._family_of(FLASH_CONTEXT) != self._family_of(n_ctx)
        entries = self._entries(FLASH_CONTEXT) if small else []
        whole = [entry for entry in entries if self._usable(entry, request) == len(entry.tokens)]
        return [CacheHit(entry, len(entry.tokens), transposed=True) for entry in whole]

    def _pays(self, hit: CacheHit, have: int) -> bool:
        """Whether restoring is faster than computing; assumed until the prompt speed was measured."""
        if hit.length <= have:
            return False
        saves = self._throughput.prefill_seconds(hit.length - have)
        return not saves or not self._min_seconds or self._throughput.restore_seconds(hit.state.size) < saves

    def _usable(self, state: CachedState, request: Request) -> int:
        """How many of the prompt's tokens this state can serve."""
        total = len(request.tokens)
        shared = min(common_prefix(state.tokens, request.tokens), total - 1)
        if shared == len(state.tokens):
            return shared
        return reusable_length(shared, total, request.checkpoints) if self._can_truncate else 0

    def restore(self, context: Context, slot: Slot, hit: CacheHit) -> None:
        """Put a cached state into the slot. Where that fails, the slot is left empty."""
        begun = time.monotonic()
        data = self._data(hit.state)
        if data is not None and hit.transposed:
            from mull.engine.kv.transpose_v import transpose_v

            data = transpose_v(data)
        if data is None:
            return
        slot.clear(context)
        if not context.restore(slot.seq, data):
            slot.clear(context)  # the cells that other sequences leave free are too few
            return
        slot.tokens, self._restored = list(hit.tokens), hit.tokens
        if hit.length < len(slot.tokens):
            slot.truncate(context, hit.length)
        self._throughput.record_restore(hit.state.size, time.monotonic() - begun)

    def _data(self, state: CachedState) -> Any | None:
        if isinstance(state, Snapshot):
            return state.data
        if self._state_store is None:
            return None
        self._state_store.touch(state)
        return self._state_store.load(state)

    # while it is computed

    def record_prefill(self, tokens: int, seconds: float) -> None:
        """A batch of so many prompt tokens took so long."""
        if tokens >= SHORT:
            self._throughput.record_prefill(tokens, seconds)

    def checkpoint(self, context: Context, slot: Slot) -> None:
        """The slot holds a prompt up to one of its checkpoints: copy its state, if it cannot be truncated to it
        later."""
        if self._can_truncate:
            return
        size = context.state_size(slot.seq)
        known = [self._restored, *(snapshot.tokens for snapshot in self._snapshots)]
        near = max((len(tokens) for tokens in known if _starts_with(slot.tokens, tokens)), default=0)
        saves = self._throughput.prefill_seconds(len(slot.tokens) - near)
        costly = saves < self._min_seconds or self._throughput.save_seconds(size) * _DELAY_SHARE > saves
        if size > _IN_MEMORY or (self._min_seconds and costly):
            return
        snapshot = self._copy(context, slot)
        if snapshot is not None:
            self._snapshots = [snapshot, *self._snapshots][:_SNAPSHOTS]
            while sum(s.size for s in self._snapshots) > _IN_MEMORY:
                self._snapshots.pop()

    def retain_outgrown(self, tokens: Sequence[int], data: Any, n_ctx: int) -> None:
        """A sequence leaves a context of `n_ctx` tokens for one without flash attention. Retain its state: prompts with
        the same prefix start in a small context again."""
        if self._state_store is not None:
            self._outgrown = Snapshot(list(tokens), data), n_ctx

    # after the answer

    def store(self, context: Context, slot: Slot, next_prompt: Callable[[], Sequence[int]]) -> None:
        """Write what other processes can reuse. `next_prompt()`: the first tokens of the conversation's next prompt."""
        state_store = self._state_store
        longest = max(len(tokens) for tokens in (slot.tokens, *(s.tokens for s in self._snapshots)))
        if state_store is None or self._throughput.prefill_seconds(longest) < self._min_seconds:
            return
        if not self._family(state_store, context.n_ctx):
            return
        if self._outgrown is not None:
            snapshot, n_ctx = self._outgrown
            if self._is_new(snapshot.tokens, snapshot.size, self._entries(n_ctx)):
                self._write(state_store, n_ctx, snapshot)
            self._outgrown = None
        for snapshot in sorted(self._snapshots, key=lambda s: len(s.tokens)):
            if self._is_new(snapshot.tokens, snapshot.size, self._entries(context.n_ctx)):
                self._write(state_store, context.n_ctx, snapshot)
        entries = self._entries(context.n_ctx)
        shared = common_prefix(slot.tokens, next_prompt())
        size = context.state_size(slot.seq) * shared // len(slot.tokens)
        whole = shared == len(slot.tokens)
        wanted = (self._can_truncate or whole) and self._is_new(slot.tokens[:shared], size, entries)
        if wanted and _fits_memory(size):
            if not whole:
                slot.truncate(context, shared)
            end = self._copy(context, slot) if len(slot.tokens) == shared else None
            if end is not None and self._write(state_store, context.n_ctx, end) and self._can_truncate:
                for entry in entries:
                    if _starts_with(
                        end.tokens, entry.tokens
                    ):  # the new entry serves the same prompts and more
                        state_store.remove(entry)
        if state_store.folder.is_dir():
            self._throughput.store(state_store.throughput, self._family(state_store, context.n_ctx))

    def _is_new(self, tokens: Sequence[int], size: int, entries: Sequence[StoredState]) -> bool:
        """Whether an entry of these tokens would save another process more than writing it costs."""
        covered = [common_prefix(entry.tokens, tokens) for entry in entries]
        if not self._can_truncate:
            covered = [n for n, entry in zip(covered, entries, strict=True) if n == len(entry.tokens)]
        new = len(tokens) - max(covered, default=0)
        if new <= SHORT or new * _NEW_SHARE < len(tokens):
            return False
        least = max(self._min_seconds, self._throughput.save_seconds(size))
        return not self._min_seconds or self._throughput.prefill_seconds(new) >= least

    def _write(self, state_store: StateStore, n_ctx: int, snapshot: Snapshot) -> bool:
        begun = time.monotonic()
        if not state_store.put(self._family(state_store, n_ctx), snapshot.tokens, snapshot.data):
            return False
        self._throughput.record_save(snapshot.size, time.monotonic() - begun)
        return True

    # both

    def _copy(self, context: Context, slot: Slot) -> Snapshot | None:
        data = context.save(slot.seq)
        return None if data is None else Snapshot(list(slot.tokens), data)

    def _entries(self, n_ctx: int) -> list[StoredState]:
        state_store = self._state_store
        if state_store is None or not state_store.folder.is_dir():
            return []
        family = self._family(state_store, n_ctx)
        return state_store.entries(family) if family else []

    def _family_of(self, n_ctx: int) -> str:
        return self._family(self._state_store, n_ctx) if self._state_store is not None else ""

    def _family(self, state_store: StateStore, n_ctx: int) -> str:
        """The cache key for contexts of this size, empty when states cannot be shared. The first call for a family
        also loads the throughput that other processes measured with it."""
        long = cache_key.is_long(self._model, n_ctx)
        flash = attention_for(self._model, self._settings, n_ctx).flash
        if (long, flash) not in self._families:
            family = cache_key.family(self._model, self._settings, long=long, flash=flash)
            self._families[long, flash] = family
            self._throughput.fill(Throughput.load(state_store.throughput, family))
        return self._families[long, flash]


def _fits_memory(size: int) -> bool:
    """Whether the machine has twice so many bytes of free memory."""
    from mull.models.memory.machine import main_memory

    return 2 * size < main_memory()[1]


def _starts_with(tokens: Sequence[int], prefix: Sequence[int]) -> bool:
    return len(prefix) <= len(tokens) and common_prefix(tokens, prefix) == len(prefix)

"""What was computed before and can be put back: states of earlier prompts, in memory and on disk.

In: a slot whose own past is not enough for a prompt, and later what it holds. Out: a slot that holds more of the
prompt, bit for bit as if it had computed it. Used only where putting back is quicker than computing, by rates measured
with this model on this machine. Without a shelf nothing touches the disk.

A memory that can be cut back (full attention) is saved once, after the answer, and serves every prompt that begins
alike. One that cannot (sliding window, recurrent) is also saved on its way, at the places where prompts fork; it is
written after the answer all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mull.engine.compute_params import SHALLOW
from mull.engine.context import Context, attention_of
from mull.engine.kv import cache_key
from mull.engine.kv.prefill import SHORT, landing
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.kv.state_store import StateStore, StoredState
from mull.engine.kv.throughput import Rates
from mull.engine.model import Model
from mull.engine.request import Request
from mull.settings import EngineSettings

WORTH = 0.25  # seconds of computing that a state must save, where no shelf says otherwise
_NEW_SHARE = 8  # an eighth of an entry must be new, so that a growing conversation is not written every turn
_DELAY_SHARE = 10  # copying a state on the way may delay the answer by a tenth of what it saves later
_IN_MEMORY = 1 << 30  # bytes of states copied on the way
_SNAPSHOTS = 4


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state in memory: what `StoredState` is on disk."""

    tokens: list[int]
    data: Any

    @property
    def size(self) -> int:
        return len(self.data)


Held = Snapshot | StoredState


@dataclass(frozen=True, slots=True)
class CacheHit:
    """A state, and how many of its first tokens a prompt can use. `small`: of a context that attends in another way."""

    held: Held
    length: int
    small: bool = False

    @property
    def tokens(self) -> list[int]:
        return self.held.tokens


class PromptCache:
    """The states that an engine can go back to."""

    def __init__(self, model: Model, settings: EngineSettings, state_store: StateStore | None) -> None:
        self._model = model
        self._settings = settings
        self._state_store = state_store
        self._worth = state_store.worth if state_store is not None else WORTH
        self._cuts = not model.recurrent and not model.window
        self._snapshots: list[Snapshot] = []  # the newest first
        self._outgrown: tuple[Snapshot, int] | None = None  # and the size of the context that it is from
        self._put_back: list[int] = []  # the tokens of the state that was put back last
        self._rates = Rates()
        self._families: dict[tuple[bool, bool | None], str] = {}  # of long contexts, of kinds of attention

    @property
    def cuts(self) -> bool:
        """Whether the memory can be cut back to any length, so that nothing has to be saved on the way."""
        return self._cuts

    # before a prompt is computed

    def find(self, request: Request, have: int, n_ctx: int, most: int) -> CacheHit | None:
        """What would give more of the prompt than the `have` tokens that are there, in less time than computing it.

        `n_ctx`: the size of the context to come; `most`: how many tokens it could hold.
        """
        if len(request.tokens) - have <= SHORT:
            return None
        held: list[Held] = [*self._snapshots, *self._entries(n_ctx)]
        found = [CacheHit(state, self._usable(state, request)) for state in held if len(state.tokens) <= most]
        found += self._outgrown_by(request, n_ctx)
        paying = [state for state in found if self._pays(state, have)]
        return max(paying, key=lambda state: (state.length, -state.held.size), default=None)

    def _outgrown_by(self, request: Request, n_ctx: int) -> list[CacheHit]:
        """States of small contexts from whose very end a longer one goes on: conversations that have grown.

        What was computed in a small context is rounded otherwise. So are answers, token by token; but where only the
        question is another one, the answer should be the same with and without this, and such states are left out.
        """
        if attention_of(self._model, self._settings, n_ctx).flash is not False:
            return []
        entries = self._entries(SHALLOW) if self._family_of(SHALLOW) != self._family_of(n_ctx) else []
        whole = [entry for entry in entries if self._usable(entry, request) == len(entry.tokens)]
        return [CacheHit(entry, len(entry.tokens), small=True) for entry in whole]

    def _pays(self, found: CacheHit, have: int) -> bool:
        """Whether putting it back is quicker than computing what it gives; so it is held to be until measured."""
        if found.length <= have:
            return False
        saves = self._rates.computing(found.length - have)
        return not saves or not self._worth or self._rates.restoring(found.held.size) < saves

    def _usable(self, held: Held, request: Request) -> int:
        """How many of the prompt's tokens this state can serve."""
        total = len(request.tokens)
        shared = min(common_prefix(held.tokens, request.tokens), total - 1)
        if shared == len(held.tokens):
            return shared
        return landing(shared, total, request.checkpoints) if self._cuts else 0

    def restore(self, context: Context, slot: Slot, found: CacheHit) -> None:
        """Have the slot hold what was found. Where that fails, it holds nothing."""
        begun = time.monotonic()
        held, length = found.held, found.length
        data = self._data(held)
        if data is not None and found.small:
            from mull.engine.kv.transpose_v import turned

            data = turned(data)
        if data is None:
            return
        slot.clear(context)
        if not context.restore(slot.seq, data):
            slot.clear(context)  # many sequences in one cache: there is no room for so long a one
            return
        slot.tokens, self._put_back = list(held.tokens), held.tokens
        if length < len(slot.tokens):
            slot.cut(context, length)
        self._rates.restored(held.size, time.monotonic() - begun)

    def _data(self, held: Held) -> Any | None:
        if isinstance(held, Snapshot):
            return held.data
        if self._state_store is None:
            return None
        self._state_store.touch(held)
        return self._state_store.state(held)

    # while it is computed

    def computed(self, tokens: int, seconds: float) -> None:
        """A batch of so many tokens took so long."""
        if tokens >= SHORT:
            self._rates.computed(tokens, seconds)

    def reached(self, context: Context, slot: Slot) -> None:
        """The slot holds a prompt up to one of its forks."""
        if self._cuts:
            return
        size = context.state_size(slot.seq)
        known = [self._put_back, *(snapshot.tokens for snapshot in self._snapshots)]
        near = max((len(tokens) for tokens in known if _begins(slot.tokens, tokens)), default=0)
        saves = self._rates.computing(len(slot.tokens) - near)
        dear = saves < self._worth or self._rates.saving(size) * _DELAY_SHARE > saves
        if size > _IN_MEMORY or (self._worth and dear):
            return
        snapshot = self._copy(context, slot)
        if snapshot is not None:
            self._snapshots = [snapshot, *self._snapshots][:_SNAPSHOTS]
            while sum(s.size for s in self._snapshots) > _IN_MEMORY:
                self._snapshots.pop()

    def outgrown(self, tokens: Sequence[int], data: Any, n_ctx: int) -> None:
        """A sequence leaves a context of `n_ctx` tokens for one that attends in another way. What it held is what
        prompts that begin alike will look for, in a small context again."""
        if self._state_store is not None:
            self._outgrown = Snapshot(list(tokens), data), n_ctx

    # after the answer

    def keep(self, context: Context, slot: Slot, ahead: Callable[[], Sequence[int]]) -> None:
        """Write what another process can use. `ahead()`: how the conversation's next prompt will begin."""
        state_store = self._state_store
        longest = max(len(tokens) for tokens in (slot.tokens, *(s.tokens for s in self._snapshots)))
        if state_store is None or self._rates.computing(longest) < self._worth:
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
        shared = common_prefix(slot.tokens, ahead())
        size = context.state_size(slot.seq) * shared // len(slot.tokens)
        at_its_end = shared == len(slot.tokens)
        wanted = (self._cuts or at_its_end) and self._is_new(slot.tokens[:shared], size, entries)
        if wanted and _fits_memory(size):
            if not at_its_end:
                slot.cut(context, shared)
            end = self._copy(context, slot) if len(slot.tokens) == shared else None
            if end is not None and self._write(state_store, context.n_ctx, end) and self._cuts:
                for entry in entries:
                    if _begins(end.tokens, entry.tokens):  # the new one serves whatever this one did
                        state_store.remove(entry)
        self._rates.write(state_store.rates(self._family(state_store, context.n_ctx)))

    def _is_new(self, tokens: Sequence[int], size: int, entries: Sequence[StoredState]) -> bool:
        """Whether an entry of these tokens would save another process more than writing it costs."""
        covered = [common_prefix(entry.tokens, tokens) for entry in entries]
        if not self._cuts:
            covered = [n for n, entry in zip(covered, entries, strict=True) if n == len(entry.tokens)]
        new = len(tokens) - max(covered, default=0)
        if new <= SHORT or new * _NEW_SHARE < len(tokens):
            return False
        return not self._worth or self._rates.computing(new) >= max(self._worth, self._rates.saving(size))

    def _write(self, state_store: StateStore, n_ctx: int, snapshot: Snapshot) -> bool:
        begun = time.monotonic()
        if not state_store.put(self._family(state_store, n_ctx), snapshot.tokens, snapshot.data):
            return False
        self._rates.saved(snapshot.size, time.monotonic() - begun)
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
        """Empty when there is none. With the rates that were measured before, when it is seen for the first time."""
        long = cache_key.is_long(self._model, n_ctx)
        flash = attention_of(self._model, self._settings, n_ctx).flash
        if (long, flash) not in self._families:
            family = cache_key.family(self._model, self._settings, long=long, flash=flash)
            self._families[long, flash] = family
            self._rates.fill(Rates.read(state_store.rates(family)))
        return self._families[long, flash]


def _fits_memory(size: int) -> bool:
    """Whether a copy of so many bytes leaves the machine as much again."""
    import psutil

    return bool(2 * size < psutil.virtual_memory().available)


def _begins(tokens: Sequence[int], beginning: Sequence[int]) -> bool:
    return len(beginning) <= len(tokens) and common_prefix(tokens, beginning) == len(beginning)

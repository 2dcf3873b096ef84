"""Drafts by a model's own NextN layer (multi-token prediction), which continues from the model's hidden states.

In: the hidden states of the tokens that the model decodes. Out: the layer's greedy continuation of a text. The layer
has a KV cache in a context of its own: at each position the token there, with the hidden state of the token before. It
computes only when it drafts, from the newest hidden states; where it lacks those in between, it starts behind the gap.
That may cost acceptance, and never changes the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mull.engine.context import Context, threads_for
from mull.engine.kv.slot import common_prefix
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.sampling.chain import Chain
from mull.engine.speculative.base import CONTEXT_RESERVE, averaged
from mull.errors import EngineError
from mull.settings import EngineSettings, Sampling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEWEST = 32  # hidden states that a draft can start from: computing those of a whole prompt costs a part of its time
_CATCHING_UP = 8  # tokens computed before a draft, from which the time says nothing about the next one


class NextnHead:
    """The NextN layer of a model, and the one text that it follows.

    `cost`: of a drafted token in steps of the model, from the numbers of weights, before any was timed.
    """

    def __init__(self, model: Model, settings: EngineSettings) -> None:
        output = min(model.n_vocab * model.n_embd, model.n_params)
        self.cost = (output + (model.n_params - output) / (model.n_layer + 1)) / model.n_params
        self.seconds = 0.0  # per drafted token
        self._model = model
        self._settings = settings
        self._threads = threads_for(model, settings)
        self._context: Context | None = None
        self._chain: Chain | None = None
        self._owner: object = None  # whose text is in the KV cache
        self._first = 0  # the first position in the KV cache
        self._cells: list[int] = []  # the tokens there, from that position on
        # Position: the token that the model decoded there, and its hidden state. The newest, in order.
        self._states: dict[int, tuple[int, NDArray[np.float32]]] = {}

    def record(self, context: Context, position: int, tokens: Sequence[int]) -> None:
        """The model decoded these tokens, the first at `position`, as the only ones of a step."""
        end = position + len(tokens)
        self._states = {at: state for at, state in self._states.items() if end - _NEWEST <= at < position}
        skipped = max(0, len(tokens) - _NEWEST)
        states = context.hidden_states(skipped, len(tokens) - skipped)
        for place, token in enumerate(tokens[skipped:]):
            self._states[position + skipped + place] = token, states[place]
        overlapping = self._cells[max(0, position - self._first) :] if position >= self._first else []
        self._truncate(position + common_prefix(overlapping, tokens))

    def draft(self, text: Sequence[int], owner: object, count: int, stopped: Callable[[], bool]) -> list[int]:
        """At most `count` tokens that may come next; none where the state of the token before the last is missing.

        `owner`: whose text it is; a text only ever grows.
        """
        end = len(text)
        if owner is not self._owner:
            self._truncate(self._first + common_prefix(self._cells, text[self._first : end - 1]))
            self._owner = owner
        self._truncate(end - 1)
        start = self._missing_from(text)
        if start >= end:
            return []
        begun = time.monotonic()
        try:
            drafted = self._continue(text[start:], start, count, stopped)
        except EngineError:
            self._clear()
            return []
        if drafted and end - start <= _CATCHING_UP:
            self.seconds = averaged(self.seconds, (time.monotonic() - begun) / len(drafted))
        self._truncate(end)  # what follows was computed from the layer's own states
        return drafted

    def close(self) -> None:
        """Free its context; it may be used again."""
        self._clear()
        if self._context is not None:
            self._context.close()
            self._context = None
        if self._chain is not None:
            self._chain.free()
            self._chain = None

    def _missing_from(self, text: Sequence[int]) -> int:
        """The first position whose cell can be computed and is missing. Clears the cells before a gap."""
        wanted = self._first + len(self._cells)
        start = len(text)
        while start > max(wanted, 1) and self._has_state(start - 2, text):
            start -= 1
        if start > wanted:
            self._clear()
        return start

    def _has_state(self, position: int, text: Sequence[int]) -> bool:
        known = self._states.get(position)
        return known is not None and known[0] == text[position]

    def _continue(
        self, tokens: Sequence[int], start: int, count: int, stopped: Callable[[], bool]
    ) -> list[int]:
        """Compute the cells of `tokens`, then the layer's own continuation."""
        import numpy as np

        context = self._room(start + len(tokens))
        for at in range(0, len(tokens), context.n_batch):
            chunk = tokens[at : at + context.n_batch]
            states = np.stack([self._states[start + at + place - 1][1] for place in range(len(chunk))])
            if not self._decode(context, chunk, start + at, states, stopped):
                return []
        if self._chain is None:
            self._chain = Chain(self._model, Sampling(temperature=0.0))
        drafted: list[int] = []
        while True:
            row = context.batch.size - 1
            drafted.append(self._chain.sample(context, row))
            position = start + len(tokens) + len(drafted) - 1
            if len(drafted) == count or position >= context.n_ctx:
                break
            if not self._decode(context, drafted[-1:], position, context.hidden_states(row, 1), stopped):
                break
        return drafted

    def _decode(
        self,
        context: Context,
        tokens: Sequence[int],
        position: int,
        states: NDArray[np.float32],
        stopped: Callable[[], bool],
    ) -> bool:
        context.batch.clear()
        context.batch.add(tokens, position, 0, logits=1)
        context.batch.attach(states)
        if stopped() or context.decode(stopped, repeatable=True):  # equal drafts, so equal batches
            library.bindings().llama_memory_seq_rm(context.memory, 0, position, -1)
            return False
        if not self._cells:
            self._first = position
        self._cells += tokens
        return True

    def _room(self, tokens: int) -> Context:
        """The context, with cells up to position `tokens`. Raises EngineError when there is no memory for it."""
        old = self._context
        if old is not None and tokens <= old.n_ctx:
            return old
        state = None
        if old is not None:
            state, self._context = old.save(0), None
            old.close()
        size = tokens + CONTEXT_RESERVE
        self._context = new = Context(self._model, self._settings, size, 1, threads=self._threads, head=True)
        if self._cells and (state is None or not new.restore(0, state)):
            self._clear()
        return new

    def _truncate(self, end: int) -> None:
        """Remove the cells from position `end` on."""
        remaining = max(0, end - self._first)
        if remaining >= len(self._cells):
            return
        del self._cells[remaining:]
        removed = self._context is not None and library.bindings().llama_memory_seq_rm(
            self._context.memory, 0, end, -1
        )
        if not removed or not self._cells:
            self._clear()

    def _clear(self) -> None:
        self._first, self._cells = 0, []
        if self._context is not None:
            library.bindings().llama_memory_seq_rm(self._context.memory, 0, -1, -1)

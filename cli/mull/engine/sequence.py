"""A request that is being answered: what its reader sees, and what the decode loop asks of it.

In: rows of logits from the loop, tokens to inject from the reader. Out: an iterator of `Prefill` and `Piece`, and after
its end the one word `ended`. It owns a slot of the cache and a sampler chain until it is closed; it decodes nothing.
Nothing is sampled before its reader asks for it: a step with a draft leaves several rows of logits, and each is looked
at when its turn comes. So the reader may stop, inject or bind between any two tokens, and never has one taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Self

from mull.engine.context import Context
from mull.engine.kv.prefill import share
from mull.engine.kv.slot import Slot
from mull.engine.request import Binding, Ended, Piece, Prefill, Request
from mull.engine.sampling.chain import Chain
from mull.engine.speculative.prompt_lookup import Drafter
from mull.errors import MullError

if TYPE_CHECKING:
    from mull.engine.engine import Engine


@dataclass(eq=False)
class Generation:
    """A running request: an iterator of `Prefill` and `Piece`. After its end, `ended` says why.

    Close it (or read it to its end) to give its sequence back; the cache keeps what it computed.
    """

    _engine: Engine
    slot: Slot
    _chain: Chain
    _request: Request
    pending: list[int]  # tokens that are said but not yet in the cache
    stopped: Callable[[], bool]
    cached: int
    ended: Ended | None = None
    generated: int = 0
    parked: bool = False  # it has handed back its cells and waits for others to end
    top: int | None = None  # set by its reader: how many of the likeliest tokens to name with each piece
    complete: bool = True  # once it is closed: whether the grammar that bound it was, if any
    drafter: Drafter | None = None
    drafted: int = 0  # tokens that were guessed and computed ahead
    accepted: int = 0  # those of them that were said
    _rows: int = 0  # rows of logits not looked at yet
    _draft: deque[int] = field(default_factory=deque)  # tokens in the cache, not yet said
    _events: deque[Prefill | Piece] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._total = len(self._request.tokens)
        self._limit = self._request.max_tokens if self._request.max_tokens is not None else 1 << 62
        self._events.append(Prefill(self.cached, self._total, self.cached))
        self._context: Context | None = None  # where the rows are
        self._row = 0  # the next of them
        self._failure: MullError | None = None

    def __iter__(self) -> Iterator[Prefill | Piece]:
        return self

    def __next__(self) -> Prefill | Piece:
        while (event := self.poll()) is None:
            if self.ended is not None:
                self.close()
                raise StopIteration
            self._engine.step()
        return event

    def poll(self) -> Prefill | Piece | None:
        """The next event, if it is there already. None: it has ended, or a step has to be computed first.

        Raises what sampling its tokens raised: that is nobody else's affair in the step.
        """
        if not self._events and self.ended is None:
            if self._failure is not None:
                raise self._failure
            if self.stopped():
                self.finish("stopped")
            elif self.generated >= self._limit:
                self.finish("length")
            elif self._rows:
                self._choose()
        return self._events.popleft() if self._events else None

    def inject(self, tokens: Sequence[int]) -> None:
        """Go on with these tokens as if the model had chosen them. No effect once it has ended."""
        if self.ended is not None:
            return
        piece = self._engine.model.piece
        marker = self._engine.model.is_marker
        self.pending.extend(tokens)
        self._chain.accept(tokens)
        self.generated += len(tokens)
        self._events.extend(Piece(token, piece(token), marker(token), injected=True) for token in tokens)
        self.forget_draft()
        if self.drafter is not None:
            for token in tokens:
                self.drafter.told(token)

    def bind(self, binding: Binding | None) -> None:
        """Let the next tokens fit a grammar, or let them free. Read all events first: nothing is sampled ahead."""
        if self._chain.handle is not None:
            self._chain.bind(binding)

    def close(self) -> None:
        """End it now, whatever it was doing."""
        self.finish("stopped")
        if self._chain.handle is not None:
            self.complete = self._chain.complete
        self._chain.free()
        self._engine.release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what the engine asks and tells

    @property
    def wants_step(self) -> bool:
        """Its reader has caught up, and there is something to compute."""
        idle = self._events or self._rows or self.ended or self.parked or self._failure
        return not idle and self.generated < self._limit

    @property
    def prompt(self) -> Sequence[int]:
        return self._request.tokens

    @property
    def is_reading(self) -> bool:
        """Its prompt is not in the cache yet."""
        return self.ended is None and len(self.slot.tokens) < self._total

    @property
    def overflows(self) -> bool:
        """What is pending does not fit the context even at its greatest."""
        return len(self.slot.tokens) + len(self.pending) > self._engine.n_ctx_max

    def share(self, room: int) -> int:
        """How many pending tokens should go into a batch that has so much room."""
        at = len(self.slot.tokens)
        if at >= self._total:
            return min(len(self.pending), room)
        return share(at, self._total, self._request.checkpoints, room)

    @property
    def at_checkpoint(self) -> bool:
        """The slot holds the prompt up to one of its forks."""
        return len(self.slot.tokens) in self._request.checkpoints

    def finish(self, ended: Ended) -> None:
        if self.ended is None:
            self.ended = ended
        self.forget_draft()

    def draft(self, most: int) -> list[int]:
        """At most so many tokens that may follow the pending one, for the same step."""
        most = min(most, self._limit - self.generated - 1)
        if self.drafter is None or most < 1 or self.is_reading:  # a prompt is computed as it always is
            return []
        draft = self.drafter.propose(most)[:most]
        piece = self._engine.piece
        return list(takewhile(lambda token: not piece(token).ends, draft))

    def forget_draft(self) -> None:
        """Take what was computed ahead and not said out of the cache; the rows are worth nothing any more."""
        if not self._rows or self._context is None:
            return
        ahead = len(self._draft)
        self._rows = 0
        self._draft.clear()
        if not self.pending and self.ended is None:
            self.pending.append(self.slot.tokens.pop())  # the row that would follow it is lost
            ahead += 1
        if ahead:
            self.roll_back(self._context)

    def roll_back(self, context: Context) -> None:
        """Cut the cache back to what is on record for it."""
        known = self.slot.tokens
        self.slot.cut(context, len(known))
        if len(self.slot.tokens) < len(known):
            self.pending[:0] = known
            self.drafter = None
            self._engine.cannot_cut()

    def decoded(self, count: int, context: Context, row: int, draft: Sequence[int] = ()) -> None:
        """The first `count` pending tokens are in the cache, and the draft that follows them.

        When they were all, `row` is that of their last, and the rows of the draft follow it.
        """
        slot, pending = self.slot, self.pending
        slot.tokens += pending[:count]
        del pending[:count]
        if self.generated == 0 and len(slot.tokens) <= self._total:
            self._events.append(Prefill(len(slot.tokens), self._total, self.cached))
        if pending:
            return
        self._context, self._row, self._rows = context, row, 1 + len(draft)
        self._draft.extend(draft)
        self.drafted += len(draft)
        try:
            self._choose()
        except MullError as error:
            self._failure = error

    def _choose(self) -> None:
        """Say the next token, from the next row."""
        context, row = self._context, self._row
        if context is None:  # never while there are rows
            return
        token = self._chain.sample(context, row)
        piece = self._engine.piece(token)
        if self.top is not None:
            from mull.engine.sampling.logprobs import chances

            piece = replace(
                piece, chances=chances(context.logits(row, self._engine.model.n_vocab), token, self.top)
            )
        if token in self._request.stop_tokens:
            self.finish("stop")
        elif piece.ends and token not in self._request.go_on_tokens:
            self.finish("eog")
        else:
            self._say(token)
            self._events.append(piece)

    def _say(self, token: int) -> None:
        self.generated += 1
        self._row += 1
        self._rows -= 1
        if self._draft and self._draft[0] == token:
            self._draft.popleft()
            self.slot.tokens.append(token)
            self.accepted += 1
        else:
            self.pending.append(token)
            self.forget_draft()
        if self.drafter is not None:
            self.drafter.told(token)

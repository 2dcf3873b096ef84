"""The state of one request: a passive state machine between the decode loop and the reader of its events.

In: rows of logits from the loop; injected tokens and grammars from the reader. Out: `Prefill` and `Piece` events, the
tokens to decode next, and why it ended. It holds a slot of the KV cache and a sampler chain, and never calls the
engine. Sampling is lazy: after a step with a draft, each row of logits is sampled when its event is asked for. So the
reader may stop, inject or set a grammar between any two tokens, and no token is ever taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from mull.engine.context import Context
from mull.engine.kv.prefill import next_chunk
from mull.engine.kv.slot import Slot
from mull.engine.model import Model
from mull.engine.request import Ended, GrammarSpec, Piece, Prefill, Request
from mull.engine.sampling import logits
from mull.engine.sampling.chain import Chain
from mull.engine.speculative.base import Drafter
from mull.engine.speculative.drafting import Drafting
from mull.errors import MullError

_NO_LIMIT = 1 << 62


class PieceTable(dict[int, Piece]):
    """The piece of each token that was sampled so far; made on first use, then shared by all requests."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def __missing__(self, token: int) -> Piece:
        model = self.model
        piece = Piece(token, model.piece(token), model.is_special(token), is_eog=model.is_eog(token))
        self[token] = piece
        return piece


@dataclass(eq=False, kw_only=True)
class LiveSequence:
    """A request that is being answered. Close it to give its slot back; the KV cache keeps what was computed."""

    slot: Slot
    pending: list[int]  # tokens of the text that are not in the KV cache yet
    stopped: Callable[[], bool]
    cached: int  # of the prompt's first tokens, how many were in the KV cache before
    n_ctx_max: int  # tokens that one sequence may hold
    _chain: Chain
    _request: Request
    _pieces: PieceTable
    _drafting: Drafting
    drafter: Drafter | None = None
    ended: Ended | None = None
    generated: int = 0
    preempted: bool = False  # its cells were given to other sequences; it waits until one of them ends
    top_logprobs: int | None = (
        None  # set by its reader: how many of the most likely tokens to report with each piece
    )
    complete: bool = True  # once it is closed: whether the grammar that constrained it was complete
    drafted: int = 0  # tokens that were drafted
    accepted: int = 0  # drafted tokens that were accepted
    threads: tuple[int, int] | None = None  # the fewest and the most that its tokens were computed with
    _rows: int = 0  # rows of logits that are not sampled yet
    _draft: deque[int] = field(default_factory=deque)  # drafted tokens in the KV cache, not accepted yet
    _events: deque[Prefill | Piece] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._total = len(self._request.tokens)
        self._limit = _NO_LIMIT if self._request.max_tokens is None else self._request.max_tokens
        self._events.append(Prefill(self.cached, self._total, self.cached))
        self._context: Context | None = None  # where the rows are
        self._row = 0  # the next of them
        self._failure: MullError | None = None

    # for its reader

    def poll(self) -> Prefill | Piece | None:
        """The next event, if it can be had without decoding. None: it has ended, or the engine has to step first.

        Raises what sampling its tokens raised; other sequences of the same step are not affected.
        """
        if not self._events and self.ended is None:
            if self._failure is not None:
                raise self._failure
            if self.stopped():
                self.finish("stopped")
            elif self.generated >= self._limit:
                self.finish("length")
            elif self._rows:
                self._sample()
        return self._events.popleft() if self._events else None

    def inject(self, tokens: Sequence[int]) -> None:
        """Continue with these tokens as if the model had generated them. No effect once it has ended."""
        if self.ended is not None:
            return
        model = self._pieces.model
        self.pending.extend(tokens)
        self._chain.accept(tokens)
        self.generated += len(tokens)
        self._events.extend(
            Piece(token, model.piece(token), model.is_special(token), injected=True) for token in tokens
        )
        self.discard_draft()
        if self.drafter is not None:
            for token in tokens:
                self.drafter.observe(token)

    def constrain(self, grammar: GrammarSpec | None) -> None:
        """Constrain the next tokens by a grammar; None: by nothing. Read all events first: nothing is sampled ahead."""
        if self._chain.handle is not None:
            self._chain.constrain(grammar)

    def close(self) -> None:
        """End it now, whatever its state, and free its sampler chain."""
        self.finish("stopped")
        if self._chain.handle is not None:
            self.complete = self._chain.complete
        self._chain.free()

    # for the decode loop

    @property
    def wants_step(self) -> bool:
        """Its reader has read all events, and there is something to compute."""
        idle = self._events or self._rows or self.ended or self.preempted or self._failure
        return not idle and self.generated < self._limit

    @property
    def repeatable(self) -> bool:
        """Whether the same request gives the same text in every run."""
        return self._request.sampling.repeatable

    @property
    def prompt(self) -> Sequence[int]:
        """The tokens of its prompt."""
        return self._request.tokens

    @property
    def remaining(self) -> int:
        """The most tokens that it may still generate."""
        return self._limit - self.generated

    @property
    def in_prefill(self) -> bool:
        """Its prompt is not in the KV cache yet."""
        return self.ended is None and len(self.slot.tokens) < self._total

    @property
    def overflows(self) -> bool:
        """Its pending tokens do not fit in the context, even at its largest."""
        return len(self.slot.tokens) + len(self.pending) > self.n_ctx_max

    def next_chunk(self, limit: int, shortest: int) -> int:
        """How many pending tokens belong in the next batch; `limit`: how many the batch can take.

        `shortest`: see `ChunkSize`.
        """
        at = len(self.slot.tokens)
        if at >= self._total:
            return min(len(self.pending), limit)
        return next_chunk(at, self._total, self._request.checkpoints, limit, shortest)

    @property
    def at_checkpoint(self) -> bool:
        """The slot holds the prompt exactly up to one of its checkpoints."""
        return len(self.slot.tokens) in self._request.checkpoints

    def finish(self, ended: Ended) -> None:
        """End it, unless it has ended already."""
        if self.ended is None:
            self.ended = ended
        self.discard_draft()

    def propose_draft(self, limit: int) -> list[int]:
        """At most `limit` tokens that may follow the pending one, to be verified in the same step."""
        limit = min(limit, self._limit - self.generated - 1)
        if (
            self.drafter is None or limit < 1 or self.in_prefill
        ):  # a draft would change how a prompt is batched
            return []
        draft = self.drafter.propose(limit)[:limit]
        pieces = self._pieces
        return list(takewhile(lambda token: not pieces[token].is_eog, draft))

    def discard_draft(self) -> None:
        """Remove drafted tokens that were not accepted from the KV cache; their rows of logits are dropped."""
        if not self._rows or self._context is None:
            return
        ahead = len(self._draft)
        self._rows = 0
        self._draft.clear()
        if not self.pending and self.ended is None:
            self.pending.append(self.slot.tokens.pop())  # its row is lost, so it has to be decoded again
            ahead += 1
        if ahead:
            self.roll_back(self._context)

    def roll_back(self, context: Context) -> None:
        """Truncate the KV cache to the tokens on record for it."""
        known = self.slot.tokens
        self.slot.truncate(context, len(known))
        if len(self.slot.tokens) < len(known):
            self.pending[:0] = known
            self.drafter = None
            self._drafting.disable()  # this memory cannot be truncated: a rejected draft costs too much

    def preempt(self, context: Context) -> None:
        """Give up its cells. Its text becomes pending, to be computed again after `preempted` is reset."""
        self.preempted = True
        self.pending[:0] = self.slot.tokens
        self.slot.clear(context)

    def decoded(self, count: int, context: Context, row: int, draft: Sequence[int] = ()) -> None:
        """The first `count` pending tokens are in the KV cache, and the draft that follows them.

        When no token is pending any more, `row` is the row of the last one, and the rows of the draft follow it.
        """
        slot, pending = self.slot, self.pending
        if self.generated:
            fewest, most = self.threads or (context.threads, context.threads)
            self.threads = min(fewest, context.threads), max(most, context.threads)
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
            self._sample()
        except MullError as error:
            self._failure = error

    def _sample(self) -> None:
        """Sample the next token from the next row."""
        context, row = self._context, self._row
        if context is None:  # never while there are rows
            return
        if not self.generated and (found := logits.fault(context, row, self._pieces.model.n_vocab)):
            raise logits.unusable(found)
        token = self._chain.sample(context, row)
        if not logits.is_chosen_for_good(context, row, token):
            raise logits.unusable("computes logits that are not numbers (NaN or infinite)")
        piece = self._pieces[token]
        if self.top_logprobs is not None:
            from mull.engine.sampling.logprobs import log_probs

            every = context.logits(row, self._pieces.model.n_vocab)
            piece = replace(piece, logprobs=log_probs(every, token, self.top_logprobs))
        if token in self._request.stop_tokens:
            self.finish("stop")
        elif piece.is_eog and token not in self._request.ignored_eog:
            self.finish("eog")
        else:
            self._append(token)
            self._events.append(piece)

    def _append(self, token: int) -> None:
        """Extend the text; a draft that continues otherwise is rejected."""
        self.generated += 1
        self._row += 1
        self._rows -= 1
        if self._draft and self._draft[0] == token:
            self._draft.popleft()
            self.slot.tokens.append(token)
            self.accepted += 1
        else:
            self.pending.append(token)
            self.discard_draft()
        if self.drafter is not None:
            self.drafter.observe(token)

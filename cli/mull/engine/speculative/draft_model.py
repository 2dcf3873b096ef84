"""A small model that drafts for a big one: it says what it finds likeliest, and the big one checks it.

In: a big text's tokens, as they are said. Out: the small model's own greedy continuation, as long as pays. It keeps a
cache of the text beside the big model's, and cuts it back to what was really said. Its vocabulary must be the same.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from mull.engine.context import Context
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.sampling.chain import Chain
from mull.engine.speculative.prompt_lookup import AcceptanceRate, Costs, PromptLookup, length
from mull.errors import EngineError
from mull.settings import EngineSettings, Sampling

_PRIOR = 0.7  # chance of a guess, before any was checked
_COST = 0.15  # of a step of the big model: what a guess costs, before any was timed
_RATE = 0.2  # weight of a new measurement
_TRY_AGAIN = 64  # tokens after which a model that guessed badly may try again
_TRIAL = 3  # tokens that it then guesses
_ROOM = 1024  # tokens that a context is made greater than the text
_CATCHING_UP = 32  # tokens at once, from which the time says nothing about the next guess
_UNCHECKED = 5  # first tokens of a vocabulary that may differ: beginnings and ends, which are never drafted
_PADDING = 128  # tokens by which two vocabularies may differ in size: rounded up to please a GPU


def check(model: Model, helper: Model) -> None:
    """Whether `helper` can draft for `model`. Raises EngineError: it has another vocabulary, or one cannot go back."""
    for one in (model, helper):
        if one.recurrent:
            raise EngineError(
                "draft_memory",
                f"{one.path.name} cannot take part in drafting: its memory cannot be cut back.",
                "Leave --draft out.",
            )
    if not _same_vocabulary(model, helper):
        raise EngineError(
            "draft_vocabulary",
            f"{helper.path.name} cannot draft for {model.path.name}: their vocabularies differ.",
            "Give --draft a small model of the same family, or leave it out.",
        )


def _same_vocabulary(model: Model, helper: Model) -> bool:
    llama = library.bindings()
    if llama.llama_vocab_type(model.vocabulary) != llama.llama_vocab_type(helper.vocabulary):
        return False
    if abs(model.n_vocab - helper.n_vocab) > _PADDING:
        return False
    text = llama.llama_vocab_get_text
    tokens = range(_UNCHECKED, min(model.n_vocab, helper.n_vocab))
    return all(text(model.vocabulary, token) == text(helper.vocabulary, token) for token in tokens)


class DraftModel:
    """A loaded model and the one sequence in which it follows the texts of an engine."""

    def __init__(self, model: Model, settings: EngineSettings, n_vocab: int) -> None:
        self.model = model
        self.seconds = 0.0  # per guessed token
        self._settings = EngineSettings(threads=settings.threads, gpu_layers=settings.gpu_layers)
        self._n_vocab = n_vocab
        self._slot = Slot(0, model.window)
        self._context: Context | None = None
        self._chain = Chain(model, Sampling(temperature=0.0))
        self._followed: object = None  # whose text is in the cache
        self._known = 0  # of its first tokens, how many are sure to be

    def guess(self, text: Sequence[int], whose: object, count: int, stopped: Callable[[], bool]) -> list[int]:
        """At most `count` tokens that this model would say next; fewer where a stop, the context or memory ends it."""
        if len(text) + count > (self.model.n_ctx_train or 4096):
            return []
        try:
            context = self._following(text, whose, count)
        except EngineError:  # no memory for it: the answer goes on without
            return []
        slot, begun = self._slot, time.monotonic()
        guessed: list[int] = []
        ahead = list(text[len(slot.tokens) :])
        catching_up = len(ahead)
        while len(guessed) < count:
            for start in range(0, len(ahead), context.n_batch):
                if not self._compute(context, ahead[start : start + context.n_batch], stopped):
                    return guessed
            token = self._chain.sample(context, context.batch.size - 1)
            if token >= self._n_vocab:
                break
            guessed.append(token)
            ahead = [token]
        if guessed and catching_up < _CATCHING_UP:
            each = (time.monotonic() - begun) / len(guessed)
            self.seconds += _RATE * (each - self.seconds) if self.seconds else each
        return guessed

    def close(self) -> None:
        """Give everything back, the model too."""
        self._chain.free()
        self._free()
        self.model.close()

    def _free(self) -> None:
        if self._context is not None:
            self._context.close()
            self._context = None
        self._slot.forget()

    def _following(self, text: Sequence[int], whose: object, count: int) -> Context:
        """A context that holds a beginning of the text, and nothing else, with room for the rest and a draft."""
        slot, old = self._slot, self._context
        if old is None or len(text) + count > old.n_ctx:
            state, held = slot.move(old) if old is not None else None, slot.tokens
            self._free()
            self._context = old = Context(self.model, self._settings, len(text) + count + _ROOM, 1)
            slot.tokens = held
            slot.settle(old, state)
        sure = min(self._known, len(slot.tokens)) if whose is self._followed else 0
        agreed = sure + common_prefix(slot.tokens[sure:], text[sure:-1])
        if agreed < len(slot.tokens):
            slot.cut(old, agreed)
        self._followed, self._known = whose, len(text)
        return old

    def _compute(self, context: Context, tokens: Sequence[int], stopped: Callable[[], bool]) -> bool:
        slot = self._slot
        context.batch.clear()
        context.batch.add(tokens, len(slot.tokens), slot.seq, logits=1)
        if stopped() or context.decode(stopped):
            slot.cut(context, len(slot.tokens))
            return False
        slot.tokens += tokens
        return True


class Guesser:
    """One text's drafter: from the text itself where that promises enough, else from the small model."""

    def __init__(
        self, model: DraftModel, prompt: Sequence[int], costs: Costs, stopped: Callable[[], bool]
    ) -> None:
        self._model = model
        self._costs = costs
        self._stopped = stopped
        self._text = list(prompt)
        self._lookup = PromptLookup(prompt, costs)
        self._odds = AcceptanceRate(_PRIOR)
        self._guessed: deque[int] = deque()
        self._silent = 0  # tokens since the last guess

    def told(self, token: int) -> None:
        self._text.append(token)
        self._lookup.told(token)
        self._silent += 1
        if self._guessed:
            right = self._guessed.popleft() == token
            self._odds.count(right)
            if not right:
                self._guessed.clear()

    def propose(self, most: int) -> list[int]:
        self._guessed.clear()
        if draft := self._lookup.propose(most):
            return draft
        count = length(lambda _place: self._odds.chance, self._seconds, most)
        if not count and self._silent >= _TRY_AGAIN:
            count = min(_TRIAL, most)
        if not count:
            return []
        self._silent = 0
        draft = self._model.guess(self._text, self, count, self._stopped)
        self._guessed.extend(draft)
        return draft

    def _seconds(self, rows: int) -> float:
        """What a step of so many rows takes, the guessing of all but the first included."""
        each = _COST * self._costs.seconds(1)
        if self._costs.timed and self._model.seconds:
            each = self._model.seconds
        return self._costs.seconds(rows) + (rows - 1) * each

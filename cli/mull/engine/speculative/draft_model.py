"""A small model that drafts for a big one.

In: the big model's text, token by token. Out: the small model's own greedy continuation, as long as that pays. It keeps
a KV cache of the text, and truncates it where a draft was rejected. Both models must have the same vocabulary: else
`check_compatible` raises EngineError.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from mull.engine.context import Context, threads_for
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.sampling.chain import Chain
from mull.engine.speculative.base import (
    CONTEXT_RESERVE,
    AcceptanceRate,
    DraftingModel,
    StepCosts,
    averaged,
    draft_length,
)
from mull.engine.speculative.prompt_lookup import PromptLookup
from mull.errors import EngineError
from mull.settings import EngineSettings, Sampling

_PRIORS = (0.7, 0.7, 0.7, 0.7)
"""Probability of acceptance of a draft's first, second, third and later tokens, at the start."""
_COST = 0.15  # of a step of the big model: the cost of a drafted token, before any was timed
_TRIAL = 3  # tokens of a trial: a draft that is not expected to pay
_TRIAL_AFTER = 128  # tokens without a draft before the first trial
_SOONEST, _LATEST = 8, 2048  # the same after trials that paid, and after others
_CATCHING_UP = 32  # tokens of the text computed at once: the time says nothing about the next draft
_UNCHECKED = 5  # first tokens of a vocabulary that may differ: begin and end markers, which are never drafted
_PADDING = 128  # tokens by which two vocabularies may differ in size: padded for GPUs


def check_compatible(model: Model, draft_model: Model) -> None:
    """Raises EngineError where `draft_model` cannot draft for `model`: its vocabulary differs, or a memory cannot be
    truncated."""
    for one in (model, draft_model):
        if one.recurrent:
            raise EngineError(
                "draft_memory",
                f"{one.path.name} does not support speculative decoding: its memory cannot be truncated.",
                "Leave --draft out.",
            )
    if not _same_vocabulary(model, draft_model):
        raise EngineError(
            "draft_vocabulary",
            f"{draft_model.path.name} cannot draft for {model.path.name}: their vocabularies differ.",
            "Give --draft a small model of the same family, or leave it out.",
        )


def _same_vocabulary(model: Model, other: Model) -> bool:
    llama = library.bindings()
    if llama.llama_vocab_type(model.vocabulary) != llama.llama_vocab_type(other.vocabulary):
        return False
    if abs(model.n_vocab - other.n_vocab) > _PADDING:
        return False
    text = llama.llama_vocab_get_text
    tokens = range(_UNCHECKED, min(model.n_vocab, other.n_vocab))
    return all(text(model.vocabulary, token) == text(other.vocabulary, token) for token in tokens)


class DraftModel:
    """A loaded draft model, and the one sequence in which it follows the texts of an engine."""

    def __init__(self, model: Model, settings: EngineSettings, n_vocab: int) -> None:
        self.model = model
        self.cost = _COST
        self.seconds = 0.0  # per drafted token
        self._settings = EngineSettings(
            threads=settings.threads, gpu_layers=settings.gpu_layers, device=settings.device
        )
        self._threads = threads_for(model, settings)
        self._n_vocab = n_vocab
        self._slot = Slot(0, model.window)
        self._context: Context | None = None
        self._chain = Chain(model, Sampling(temperature=0.0))
        self._owner: object = None  # whose text is in the KV cache
        self._known = 0  # tokens at its beginning that are known to match

    def draft(self, text: Sequence[int], owner: object, count: int, stopped: Callable[[], bool]) -> list[int]:
        """At most `count` tokens that this model would generate next; fewer where a stop, the context or memory ends
        it.

        `owner`: whose text it is; a text only ever grows.
        """
        if len(text) + count > (self.model.n_ctx_train or 4096):
            return []
        try:
            context = self._follow(text, owner, count)
        except EngineError:  # no memory for it: the answer is generated without drafts
            return []
        slot, begun = self._slot, time.monotonic()
        drafted: list[int] = []
        ahead = list(text[len(slot.tokens) :])
        catching_up = len(ahead)
        while len(drafted) < count:
            for start in range(0, len(ahead), context.n_batch):
                if not self._decode(context, ahead[start : start + context.n_batch], stopped):
                    return drafted
            token = self._chain.sample(context, context.batch.size - 1)
            if token >= self._n_vocab:
                break
            drafted.append(token)
            ahead = [token]
        if drafted and catching_up < _CATCHING_UP:
            self.seconds = averaged(self.seconds, (time.monotonic() - begun) / len(drafted))
        return drafted

    def close(self) -> None:
        """Free everything, the model included."""
        self._chain.free()
        self._free()
        self.model.close()

    def _free(self) -> None:
        if self._context is not None:
            self._context.close()
            self._context = None
        self._slot.reset()

    def _follow(self, text: Sequence[int], owner: object, count: int) -> Context:
        """A context that holds a prefix of the text and nothing else, with cells for the rest and a draft."""
        slot, old = self._slot, self._context
        if old is None or len(text) + count > old.n_ctx:
            state, tokens = slot.save(old) if old is not None else None, slot.tokens
            self._free()
            self._context = old = Context(
                self.model,
                self._settings,
                len(text) + count + CONTEXT_RESERVE,
                1,
                threads=self._threads,
            )
            slot.tokens = tokens
            slot.restore(old, state)
        known = min(self._known, len(slot.tokens)) if owner is self._owner else 0
        matching = known + common_prefix(slot.tokens[known:], text[known:-1])
        if matching < len(slot.tokens):
            slot.truncate(old, matching)
        self._owner, self._known = owner, len(text)
        return old

    def _decode(self, context: Context, tokens: Sequence[int], stopped: Callable[[], bool]) -> bool:
        slot = self._slot
        context.batch.clear()
        context.batch.add(tokens, len(slot.tokens), slot.seq, logits=1)
        if stopped() or context.decode(stopped, repeatable=True):  # equal drafts, so equal batches
            slot.truncate(context, len(slot.tokens))
            return False
        slot.tokens += tokens
        return True


class Evidence:
    """How many of a model's drafted tokens were accepted, and when it makes a trial.

    `since`: tokens since its last draft. A trial that paid halves the time to the next one, another doubles it: a model
    whose drafts never pay makes a few trials in thousands of tokens, and one whose drafts do is found out soon.
    """

    def __init__(self) -> None:
        self._rates = [AcceptanceRate(prior) for prior in _PRIORS]
        self._wait = _TRIAL_AFTER
        self.since = 0

    def rate(self, place: int) -> AcceptanceRate:
        """Of a draft's token at this place."""
        return self._rates[min(place, len(_PRIORS) - 1)]

    @property
    def trial_due(self) -> bool:
        """Whether to draft though it is not expected to pay."""
        return self.since >= self._wait

    def tried(self, *, paid: bool) -> None:
        """A trial was verified."""
        self._wait = max(self._wait // 2, _SOONEST) if paid else min(self._wait * 2, _LATEST)


class ModelDrafter:
    """One text's drafter: by prompt lookup where that promises enough, else by a draft model or a NextN layer.

    `evidence`: of texts before this one too, where a draft may depend on them.
    """

    def __init__(
        self,
        model: DraftingModel,
        prompt: Sequence[int],
        costs: StepCosts,
        stopped: Callable[[], bool],
        evidence: Evidence,
    ) -> None:
        self._model = model
        self._costs = costs
        self._stopped = stopped
        self._text = list(prompt)
        self._lookup = PromptLookup(prompt, costs)
        self._evidence = evidence
        self._drafted: deque[int] = deque()
        self._verified = 0  # tokens of the draft
        self._trial = 0  # the length of the draft where that is a trial

    def observe(self, token: int) -> None:
        self._text.append(token)
        self._lookup.observe(token)
        self._evidence.since += 1
        if self._drafted:
            accepted = self._drafted.popleft() == token
            self._evidence.rate(self._verified).count(accepted)
            self._verified += 1
            if not accepted:
                self._drafted.clear()
            if self._trial and not self._drafted:
                tokens = self._verified + accepted  # one more than were accepted: the last row's own
                singles = tokens * self._costs.seconds(1)
                self._evidence.tried(paid=singles > self._seconds(self._trial + 1))

    def propose(self, limit: int) -> list[int]:
        self._drafted.clear()
        if draft := self._lookup.propose(limit):
            return draft
        evidence = self._evidence
        count = draft_length(lambda place: evidence.rate(place).probability, self._seconds, limit)
        trial = not count and evidence.trial_due
        if trial:
            count = min(_TRIAL, limit)
        if not count:
            return []
        evidence.since = self._verified = 0
        draft = self._model.draft(self._text, self, count, self._stopped)
        self._trial = len(draft) if trial else 0
        self._drafted.extend(draft)
        return draft

    def _seconds(self, rows: int) -> float:
        """What a step with `rows` rows takes, drafting all but the first included."""
        each = self._model.cost * self._costs.seconds(1)
        if self._costs.measured and self._model.seconds:
            each = self._model.seconds
        return self._costs.seconds(rows) + (rows - 1) * each

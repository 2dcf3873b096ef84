"""Whether and how an engine decodes speculatively: which drafter each request gets, and what steps cost.

In: a model, its settings, and a draft model, if any, which is owned from then on. Out: a drafter for each request, or
none. Raises EngineError for two models that do not go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mull.engine.compute_params import SMALL_MODEL
from mull.engine.context import Context
from mull.engine.model import Model
from mull.engine.speculative.base import MAX_DRAFT, Drafter, DraftingModel, StepCosts, TypicalCosts
from mull.engine.speculative.draft_model import DraftModel, Evidence, ModelDrafter, check_compatible
from mull.engine.speculative.nextn import NextnHead
from mull.engine.speculative.prompt_lookup import PromptLookup
from mull.models.memory.architecture import ROLLBACK
from mull.settings import DRAFT_ALL, DRAFT_OFF, EngineSettings

SMALL = SMALL_MODEL
"""Parameters. For smaller models prompt lookup does not pay: another row costs nearly as much as another step (measured
with pebble on one thread: 4 rows take 1.7 to 2.1 times as long as one, 16 rows 6 to 8 times)."""


class Drafting:
    """One engine's drafting. `max_rows`: rows of logits that a step may need for it; `costs`: of the engine's steps.

    NextN layers are used, and recurrent states rolled back, where the settings ask for it (`DRAFT_ALL`) and the engine
    computes one sequence only (`alone`): saving states costs every step 2 to 3% (measured at 80M and 400M parameters,
    one thread), and a text that repeats nothing gains nothing. `n_rollback`: what the context has to be able to roll
    back. `needs_states`: `record` wants them.
    """

    def __init__(
        self, model: Model, settings: EngineSettings, draft_model: Model | None, *, alone: bool = True
    ) -> None:
        self.costs = StepCosts()
        self._model: DraftingModel | None = None
        self._evidence = Evidence()  # of all texts
        pays = draft_model is not None or model.n_params > SMALL
        everything = alone and settings.draft == DRAFT_ALL
        self._on = settings.draft != DRAFT_OFF and pays and (everything or not model.recurrent)
        self.n_rollback = ROLLBACK if self._on and model.recurrent else 0
        if draft_model is not None:
            check_compatible(model, draft_model)
            self._model = DraftModel(draft_model, settings, model.n_vocab)
        elif self._on and everything and model.has_nextn:
            self._model = NextnHead(model, settings)
        self.needs_states = isinstance(self._model, NextnHead)
        self.max_rows = 1 + (self.n_rollback or MAX_DRAFT) if self._on else 1

    def drafter(
        self, prompt: Sequence[int], stopped: Callable[[], bool], *, repeatable: bool
    ) -> Drafter | None:
        """A drafter for a text that starts with `prompt`, None: no drafts. `repeatable`: the answer must not depend on
        how fast the machine is."""
        if not self._on:
            return None
        costs = TypicalCosts() if repeatable else self.costs
        if self._model is not None:
            evidence = Evidence() if repeatable else self._evidence
            return ModelDrafter(self._model, prompt, costs, stopped, evidence)
        return PromptLookup(prompt, costs)

    def longest(self, context: Context) -> int:
        """The most tokens that a draft in this context may have; none where the architecture cannot be rolled back."""
        return context.n_rollback if self.n_rollback else self.max_rows - 1

    def record(self, context: Context, position: int, tokens: Sequence[int]) -> None:
        """The context has decoded these tokens, the first at `position`: a NextN layer continues from their states."""
        if isinstance(self._model, NextnHead):
            self._model.record(context, position, tokens)

    def disable(self) -> None:
        """No more drafts with this model."""
        self._on = False

    def close(self) -> None:
        """Free what drafts; prompt lookup works without it."""
        if self._model is not None:
            self._model.close()
        if isinstance(self._model, DraftModel):
            self._model = None

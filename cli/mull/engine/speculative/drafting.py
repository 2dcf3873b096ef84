"""Whether and how an engine decodes speculatively: which drafter each request gets, and what steps cost.

In: a model, its settings, and a draft model, if any, which is owned from then on. Out: a drafter for each request, or
none. Raises EngineError for two models that do not go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mull.engine.compute_params import SMALL_MODEL
from mull.engine.model import Model
from mull.engine.speculative.base import MAX_DRAFT, Drafter, StepCosts, TypicalCosts
from mull.engine.speculative.draft_model import DraftModel, ModelDrafter, check_compatible
from mull.engine.speculative.prompt_lookup import PromptLookup
from mull.settings import DRAFT_OFF, EngineSettings

SMALL = SMALL_MODEL
"""Parameters. For smaller models prompt lookup does not pay: another row costs nearly as much as another step (measured
with pebble on one thread: 4 rows take 1.7 to 2.1 times as long as one, 16 rows 6 to 8 times)."""


class Drafting:
    """One engine's drafting. `max_rows`: rows of logits that a step may need for it; `costs`: of the engine's steps."""

    def __init__(self, model: Model, settings: EngineSettings, draft_model: Model | None) -> None:
        self.costs = StepCosts()
        self._draft_model: DraftModel | None = None
        if draft_model is not None:
            check_compatible(model, draft_model)
            self._draft_model = DraftModel(draft_model, settings, model.n_vocab)
        pays = draft_model is not None or model.n_params > SMALL
        # A recurrent state cannot be rolled back when a draft is rejected.
        self._on = settings.draft != DRAFT_OFF and not model.recurrent and pays
        self.max_rows = 1 + MAX_DRAFT if self._on else 1

    def drafter(
        self, prompt: Sequence[int], stopped: Callable[[], bool], *, repeatable: bool
    ) -> Drafter | None:
        """A drafter for a text that starts with `prompt`, None: no drafts. `repeatable`: the answer must not depend on
        how fast the machine is."""
        if not self._on:
            return None
        costs = TypicalCosts() if repeatable else self.costs
        if self._draft_model is not None:
            return ModelDrafter(self._draft_model, prompt, costs, stopped)
        return PromptLookup(prompt, costs)

    def disable(self) -> None:
        """No more drafts with this model."""
        self._on = False

    def close(self) -> None:
        """Free the draft model; prompt lookup works without it."""
        if self._draft_model is not None:
            self._draft_model.close()
            self._draft_model = None

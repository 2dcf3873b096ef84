"""Whether and how an engine drafts: what its steps cost, and who guesses for each text.

In: a model, its settings, and the model that drafts for it, if any. Out: a drafter for each request, or none. The
drafting model belongs to it from then on. It raises EngineError for two models that do not go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mull.engine.compute_params import BIG
from mull.engine.model import Model
from mull.engine.speculative.draft_model import DraftModel, Guesser, check
from mull.engine.speculative.prompt_lookup import MOST, Costs, Drafter, PromptLookup, UsualCosts
from mull.settings import DRAFT_OFF, EngineSettings

SMALL = BIG
"""Parameters. Below, another row costs nearly what another step does, and there is little to guess (measured with
pebble on one thread: 4 rows take 1.7 to 2.1 times as long as one, 16 rows 6 to 8 times)."""


class Drafting:
    """What an engine knows of drafts. `rows`: of logits that a step may need for them."""

    def __init__(self, model: Model, settings: EngineSettings, helper: Model | None) -> None:
        self.costs = Costs()
        self._helper: DraftModel | None = None
        if helper is not None:
            check(model, helper)
            self._helper = DraftModel(helper, settings, model.n_vocab)
        worth = helper is not None or model.n_params > SMALL
        # A state that cannot be rolled back cannot forget a wrong guess.
        self._on = settings.draft != DRAFT_OFF and not model.recurrent and worth
        self.rows = 1 + MOST if self._on else 1

    def drafter(
        self, prompt: Sequence[int], stopped: Callable[[], bool], *, repeatable: bool
    ) -> Drafter | None:
        """Who guesses for a text that begins so. `repeatable`: the answer must not depend on the machine's pace."""
        if not self._on:
            return None
        costs = UsualCosts() if repeatable else self.costs
        if self._helper is not None:
            return Guesser(self._helper, prompt, costs, stopped)
        return PromptLookup(prompt, costs)

    def give_up(self) -> None:
        """No more drafts with this model."""
        self._on = False

    def close(self) -> None:
        """Free the drafting model; the text itself goes on guessing."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None

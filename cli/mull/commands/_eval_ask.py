"""Ask the models of a run one after the other, in each mode, and record the answers as they end.

In: a plan, models, the run's folder. Out: the answers in that folder, and why there are not all of them. A model that
cannot be loaded is the failure of that model where there are several.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING

from mull.commands._eval_models import EvalModel, check_same, recorded, settings_of
from mull.errors import Interrupted, MullError
from mull.evaluation.judging import Judging
from mull.evaluation.run import Asker
from mull.job_events import BatchProgress
from mull.settings import ParallelSettings, TurnSettings

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.commands._eval_folder import RunFolder
    from mull.commands._eval_plan import Plan
    from mull.commands._run_config import RunConfig
    from mull.control import TurnControl
    from mull.evaluation.run import Job
    from mull.events import Asked
    from mull.terminal.views.progress import ProgressLine


@dataclass(slots=True)
class Asking:
    """What all models of a run share. `failures`: the first error of each model. `once`: models without thinking."""

    plan: Plan
    folder: RunFolder
    run: RunConfig
    view: ProgressLine
    control: TurnControl
    parallel: int | None
    failures: list[MullError] = field(default_factory=list)
    once: list[str] = field(default_factory=list)

    def ask_all(self, models: Sequence[EvalModel]) -> None:
        """Raises what loading raises where there is one model. An answer that cannot be written ends the run."""
        for index, model in enumerate(models):
            if self.control.stopped:
                return
            try:
                self._ask_model(index, model)
            except Interrupted:
                return
            except MullError as error:
                if error.code == "write_failed":
                    self.failures.append(error)
                    return
                if len(models) == 1:
                    raise
                error.model = model.name
                self.failures.append(error)

    def _ask_model(self, index: int, model: EvalModel) -> None:
        from mull.backends.base import check_supported

        if not self._left(model):
            return
        run = self.run.for_model(model.resolved)
        parallel = ParallelSettings(self.parallel, self.plan.answers_per_mode)
        with closing(run.open_backend(model.resolved, parallel)) as backend:
            check_supported(backend, TurnSettings(), parallel=self.parallel)
            self.view.show_loading(backend.load(self.control))
            record = recorded(model, backend)
            check_same(self.folder.run.models[index], record)
            self.folder.loaded(index, record, self._sampling(run, backend))
            for mode in self.plan.modes:
                if self.control.stopped or self._ends(model, mode, run, backend):
                    return

    def _left(self, model: EvalModel) -> bool:
        """Whether a mode has a question that was not answered, and would not be the same as another mode."""
        modes = self.plan.modes[:1] if self._cannot_think(model) else self.plan.modes
        return any(self._jobs(model, mode) for mode in modes)

    def _jobs(self, model: EvalModel, mode: Asked) -> list[Job]:
        return list(self.plan.jobs(model.name, mode, self.folder.done))

    def _sampling(self, run: RunConfig, backend: ChatBackend) -> dict[str, dict[str, object]]:
        """The sampling of each mode as JSON values, without the seed, which every answer has."""
        found = {mode: asdict(settings_of(run, backend, mode, 0).sampling) for mode in self.plan.modes}
        return {
            mode: {name: value for name, value in each.items() if value is not None and name != "seed"}
            for mode, each in found.items()
        }

    def _ends(self, model: EvalModel, mode: Asked, run: RunConfig, backend: ChatBackend) -> bool:
        """Ask in one mode; whether the others would be the same, or as vain."""
        jobs = self._jobs(model, mode)
        if jobs:
            made = cache(partial(settings_of, run, backend))
            asker = Asker(
                backend,
                lambda job: made(job.mode, job.seed),
                self.control,
                Judging(),
                system=run.system,
            )
            self._ask_mode(asker, model, mode, jobs)
            if asker.failure is not None:
                self.failures.append(asker.failure)
            reports = asker.reports
            if reports:
                shown = next((one for one in reports if one.notice or one.applied != one.asked), reports[0])
                self.folder.applied(model.name, mode, shown.how, shown.notice)
        answers = [one for one in self.folder.answers if (one.model, one.mode) == (model.name, mode)]
        answered = any(one.error is None for one in answers)
        if self._cannot_think(model):
            self.once.append(model.name)
            return True
        return not answered

    def _cannot_think(self, model: EvalModel) -> bool:
        answers = [one for one in self.folder.answers if one.model == model.name and one.error is None]
        return bool(answers) and all(one.applied == "none" for one in answers)

    def _ask_mode(self, asker: Asker, model: EvalModel, mode: Asked, jobs: Sequence[Job]) -> None:
        total = self.plan.answers_per_mode
        skipped = done = total - len(jobs)
        failed = 0
        began = time.monotonic()
        name = mode if len(self.folder.run.models) == 1 else f"{model.name} {mode}"
        try:
            with closing(asker.ask(jobs)) as answered:
                for one in answered:
                    if one is not None:
                        self.folder.add(one)
                        done += 1
                        failed += one.error is not None
                    seconds = time.monotonic() - began
                    self.view.show(
                        BatchProgress(done, total, failed, skipped, 0, asker.tokens, seconds), name
                    )
        finally:
            self.view.clear()

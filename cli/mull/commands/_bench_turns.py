"""`mull bench` by whole turns: models of endpoints, and any model with many turns at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from mull.backends.base import check_supported
from mull.commands._bench_output import Measured
from mull.commands._tune import Subject
from mull.control import TurnControl
from mull.errors import MullError
from mull.settings import ParallelSettings, TurnSettings

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.bench.measure import Trial
    from mull.commands._run_config import RunConfig
    from mull.terminal.views.progress import ProgressLine


def measure_turns(
    run: RunConfig,
    subjects: Sequence[Subject],
    wanted: dict[str, Any],
    count: int,
    parallel: int | None,
    control: TurnControl,
    view: ProgressLine,
) -> Measured:
    """Whole turns, alone and `parallel` at a time. Raises what loading raises."""
    from mull.backends.open import open_backend
    from mull.bench.turns import turn_rounds, turn_trials

    with ExitStack() as stack:
        backends: list[ChatBackend] = []
        loads = []
        for subject in subjects:
            made = open_backend(
                subject.resolved,
                subject.engine,
                folders=run.model.folders,
                parallel=ParallelSettings(parallel) if parallel is not None else None,
            )
            backend = stack.enter_context(closing(made))
            check_supported(backend, TurnSettings(), parallel=parallel)
            began = time.perf_counter()
            view.show_loading(backend.load(control))
            loads.append(time.perf_counter() - began)
            backends.append(backend)
        measured = Measured(subjects, loads)
        contexts = [turn_trials(one.context_tokens, parallel=parallel, **wanted) for one in backends]
        collect(measured, turn_rounds(backends, min(contexts, key=len), count, control), view)
    return measured


def collect(
    measured: Measured, samples: Iterable[tuple[int, Trial, float | None]], view: ProgressLine
) -> None:
    """Take in every sample, and say what is being measured. A failure ends it, with the samples before it."""
    try:
        for index, trial, value in samples:
            if value is None:
                view.doing(f"measuring {trial.name} of {measured.subjects[index].label}")
            else:
                measured.samples.setdefault((index, trial), []).append(value)
    except MullError as error:
        measured.failure = error
    finally:
        view.clear()

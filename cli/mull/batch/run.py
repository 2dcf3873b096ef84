"""Run a batch to its end: results to where they go, progress to the screen, and the exit code of the whole.

In: a scheduler, a place to write, a progress line. Out: one JSON object per line, in the input's order or as they
finish. Whatever ends the run, every finished result is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from mull.batch.results import InOrder, Unfinished
from mull.batch.scheduler import Answered, Scheduler
from mull.errors import ExitCode, MullError
from mull.job_events import BatchProgress
from mull.terminal.views.json_output import error_object, result_object
from mull.terminal.views.progress import ProgressLine

Write = Callable[[dict[str, Any]], None]


class Outcome:
    """The answered lines so far: their number, and the exit code that they make."""

    def __init__(self, scheduler: Scheduler, total: int | None, unfinished: Unfinished) -> None:
        self._scheduler = scheduler
        self._total = total
        self._unfinished = unfinished
        self._began = time.monotonic()
        self._done = 0
        self._failed = 0
        self._code: int = ExitCode.OK

    def add(self, answered: Answered) -> None:
        self._done += 1
        result = answered.result
        if isinstance(result, MullError) or (result.error is not None and result.finish != "schema"):
            self._failed += 1
        elif self._code == ExitCode.OK:
            self._code = result.exit_code

    def progress(self) -> BatchProgress:
        skipped = self._unfinished.skipped
        return BatchProgress(
            done=self._done + skipped,
            total=self._total,
            failed=self._failed,
            skipped=skipped,
            waiting=self._scheduler.waiting,
            tokens=self._scheduler.tokens,
            seconds=time.monotonic() - self._began,
        )

    @property
    def exit_code(self) -> int:
        """1 if a line failed, else the first exit code that is not 0."""
        return ExitCode.FAILURE if self._failed else self._code


def run_batch(
    scheduler: Scheduler, outcome: Outcome, view: ProgressLine, write: Write, *, in_order: bool
) -> None:
    """Write every result. Raises what `write` raises."""
    order: InOrder[dict[str, Any]] = InOrder()
    try:
        with closing(scheduler.run()) as results:
            for answered in results:
                if answered is None:
                    view.show(outcome.progress())
                    continue
                outcome.add(answered)
                value = _object(answered, scheduler.model)
                for ready in order.put(answered.index, value) if in_order else (value,):
                    view.clear()
                    write(ready)
    finally:
        view.clear()
        for waiting in order.rest():
            write(waiting)


def _object(answered: Answered, model: str) -> dict[str, Any]:
    """The result as `ask --json` prints it, with the line that it belongs to."""
    result, line = answered.result, answered.line
    value = error_object(result, model=model) if isinstance(result, MullError) else result_object(result)
    return {"v": value.pop("v"), "id": line.id, "line": line.number, "input": line.digest, **value}

"""What a batch makes of a line and of its answer: settings from flags and line, an object from a result.

In: the command's flags, config and plan; lines; results as they finish. Out: what each line asks, result objects where
they go, and the exit code of the whole.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any

from mull.batch.lines import Line
from mull.batch.order import InOrder
from mull.batch.results import Unfinished
from mull.batch.scheduler import Answered, Asked, Scheduler
from mull.commands._options import EffortChoice, TurnFlags
from mull.commands._run_config import RunConfig, turn_settings
from mull.config import Config
from mull.errors import ExitCode, MullError
from mull.events import BatchProgress
from mull.messages import Message
from mull.settings import AnswerShape
from mull.structured.reading import read_shape
from mull.terminal.views.json_output import error_object, result_object
from mull.terminal.views.progress import BatchView

Write = Callable[[dict[str, Any]], None]

_FLAGS = frozenset(f.name for f in dataclasses.fields(TurnFlags))


class Settling:
    """What a line asks and how: its own settings where it has some, else the command's. Raises MullError."""

    def __init__(
        self,
        flags: TurnFlags,
        settings: Config,
        plan: RunConfig,
        *,
        shape: AnswerShape | None = None,
        logprobs: int | None = None,
    ) -> None:
        self._flags = flags
        self._settings = settings
        self._plan = plan
        self._shape = shape
        self._logprobs = logprobs

    def __call__(self, line: Line) -> Asked:
        said = line.settings
        messages = list(line.messages)
        system = said.get("system", self._plan.system)
        if system and messages[0].role != "system":
            messages.insert(0, Message("system", system))
        turn = turn_settings(line_flags(self._flags, said), self._settings, self._plan.resolved)
        shape = self._shape
        if "schema" in said:
            schema = said["schema"]
            shape = _shape(schema if isinstance(schema, str) else json.dumps(schema))
        elif "format" in said:
            shape = _shape(None)
        return messages, dataclasses.replace(turn, shape=shape, logprobs=self._logprobs)


def line_flags(flags: TurnFlags, said: Mapping[str, Any]) -> TurnFlags:
    """The flags with what a line says instead. Where it switches the thinking, it switches all of it."""
    own = {name: value for name, value in said.items() if name in _FLAGS}
    if "effort" in own:
        own["effort"] = EffortChoice(own["effort"])
    if "reason" in own:
        own = {"effort": None, "think_budget": None, **own}
    elif "effort" in own or own.get("think_budget"):
        own["reason"] = None
    return dataclasses.replace(flags, **own)


@lru_cache(maxsize=64)
def _shape(schema: str | None) -> AnswerShape | None:
    """Lines mostly have the same few. None: JSON of any kind."""
    return read_shape(schema=schema, json_only=schema is None)


class Progress:
    """What has been answered by now, and the exit code that this makes."""

    def __init__(self, scheduler: Scheduler, total: int | None, unfinished: Unfinished) -> None:
        self._scheduler = scheduler
        self._total = total
        self._unfinished = unfinished
        self._began = time.monotonic()
        self._done = 0
        self._failed = 0
        self._code: int = ExitCode.OK

    def take(self, answered: Answered) -> None:
        self._done += 1
        result = answered.result
        if isinstance(result, MullError) or (result.error is not None and result.finish != "schema"):
            self._failed += 1
        elif self._code == ExitCode.OK:
            self._code = result.exit_code

    def tally(self) -> BatchProgress:
        skipped = self._unfinished.skipped
        return BatchProgress(
            done=self._done + skipped,
            total=self._total,
            failed=self._failed,
            skipped=skipped,
            tokens=self._scheduler.tokens,
            seconds=time.monotonic() - self._began,
        )

    @property
    def exit_code(self) -> int:
        """1 when a line failed, else the first that was not 0."""
        return ExitCode.FAILURE if self._failed else self._code


def drive(scheduler: Scheduler, progress: Progress, view: BatchView, write: Write, *, in_order: bool) -> None:
    """Every result to where it goes; what is finished is written, however this ends."""
    order: InOrder[dict[str, Any]] = InOrder()
    try:
        with closing(scheduler.run()) as results:
            for answered in results:
                if answered is None:
                    view.show(progress.tally())
                    continue
                progress.take(answered)
                value = _object(answered, scheduler.model)
                for ready in order.put(answered.index, value) if in_order else (value,):
                    view.clear()
                    write(ready)
    finally:
        view.clear()
        for held in order.rest():
            write(held)


def _object(answered: Answered, model: str) -> dict[str, Any]:
    """The result as `ask --json` prints it, and which line it belongs to."""
    result, line = answered.result, answered.line
    said = error_object(result, model=model) if isinstance(result, MullError) else result_object(result)
    return {"v": said.pop("v"), "id": line.id, "line": line.number, "input": line.digest, **said}

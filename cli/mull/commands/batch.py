"""`mull batch`: many prompts from a file or a pipe, answered side by side, one JSON line each."""

from __future__ import annotations

import dataclasses
import json
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache, partial
from io import FileIO
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from mull.backends.base import ChatBackend
from mull.backends.open import open_backend
from mull.batch.lines import Line, count_lines, read_lines
from mull.batch.reader import Feed
from mull.batch.results import Earlier, InOrder, Unfinished, open_results
from mull.batch.scheduler import AHEAD, Answered, Asked, Scheduler
from mull.commands._ask_options import Format, Grammar, LogProbs, Schema
from mull.commands._input import STDIN
from mull.commands._options import EffortChoice, TurnFlags, takes_turn_flags
from mull.commands._run_config import RunConfig, merge, turn_settings
from mull.config import Config, read_config
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, MullError, UsageError
from mull.events import BatchProgress
from mull.messages import Message
from mull.settings import MAX_PARALLEL, AnswerFormat, ParallelSettings
from mull.structured.reading import read_answer_format
from mull.terminal.console.streams import Streams
from mull.terminal.views.json_output import dumps, error_object, result_object, write_object
from mull.terminal.views.progress import ProgressLine

Write = Callable[[dict[str, Any]], None]

File = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE]",
        help='JSON Lines: {"prompt": "…"}, {"messages": […]} or a string each; - is stdin.',
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write the results here; goes on where it was left."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Begin the -o file anew.")]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel", metavar="N", min=1, max=MAX_PARALLEL, help="Lines side by side. Unset: what pays here."
    ),
]
Unordered = Annotated[
    bool, typer.Option("--unordered", help="Results as they finish, not in the input's order.")
]
NOT_HERE = (
    *("resume", "session", "no_save", "no_cache"),  # nothing of a batch is kept
    *("thinking", "markdown", "stats"),  # nothing is drawn
    *("draft", "no_draft"),  # sequences side by side fill what drafts would
)


@dataclasses.dataclass(frozen=True, slots=True)
class BatchFlags(TurnFlags):
    """Everything that lines can have, and how they are answered. A field is a flag."""

    schema: Schema = None
    grammar: Grammar = None
    format: Format = None
    logprobs: LogProbs = None
    output: Output = None
    overwrite: Overwrite = False
    parallel: Parallel = None
    unordered: Unordered = False


@partial(takes_turn_flags, without=NOT_HERE)
def batch(context: typer.Context, file: File = None, *, flags: BatchFlags) -> None:
    """Answer many prompts: JSON Lines in, JSON Lines out.

    A line can have an id and settings of its own, named like the flags: {"id": "a7", "prompt": "…", "max_tokens": 50}
    """
    streams: Streams = context.obj
    control = TurnControl()
    settings = read_config()
    answer_format = read_answer_format(
        schema=flags.schema, grammar=flags.grammar, json_only=flags.format is not None
    )
    plan = merge(flags, settings)
    view = ProgressLine(streams, quiet=flags.quiet)
    with ExitStack() as stack:
        stack.enter_context(stop_on_interrupt(control, terminated=True))
        source, total = _input(file, streams)
        earlier, write = stack.enter_context(_output(file, flags, plan, streams))
        if earlier.finished and not flags.quiet:
            count = len(earlier.finished)
            streams.note(f"{flags.output} has {count:,} answers already; the other lines are asked.")
        unfinished = Unfinished(read_lines(source), earlier)
        feed = Feed(unfinished)
        if total is not None and feed.is_empty():  # not worth loading a model for
            if not flags.quiet:
                streams.note("There is nothing left to ask.")
            raise typer.Exit(ExitCode.OK)
        parallel = ParallelSettings(flags.parallel, turns=total)
        backend = stack.enter_context(backend_for_batch(plan, parallel, view, control))
        settle = Settling(flags, settings, plan, answer_format=answer_format, logprobs=flags.logprobs)
        scheduler = Scheduler(feed, backend, settle, control, ahead=None if flags.unordered else AHEAD)
        progress = Progress(scheduler, total, unfinished)
        drive(scheduler, progress, view, write, in_order=not flags.unordered)
    view.finish(progress.tally())
    if control.stopped and not flags.quiet:
        again = "the same command goes on" if flags.output else "with -o FILE it could go on"
        streams.note(f"Interrupted; {again}.")
    raise typer.Exit(ExitCode.INTERRUPTED if control.stopped else progress.exit_code)


def _input(file: str | None, streams: Streams) -> tuple[BinaryIO, int | None]:
    """The input's bytes and, for a file that can be read twice, how many lines it has.

    It is never closed: a thread may be waiting in it, and whoever closes it would wait for that thread. For the same
    reason stdin gets a reader of its own, which the end of the process does not touch.
    """
    if file in {None, STDIN}:
        if streams.stdin_tty and file is None:
            raise UsageError(
                "missing_input", "There is no input.", "mull batch questions.jsonl, or pipe lines in."
            )
        return open(streams.stdin.fileno(), "rb", closefd=False), None
    path = Path(file or "")
    try:
        lines = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MullError(
            "file_unreadable", f"{path} is no file that can be read.", "Check the path."
        ) from error
    if not stat.S_ISREG(path.stat().st_mode):
        return lines, None
    total = count_lines(lines)
    lines.seek(0)
    return lines, total


@contextmanager
def _output(
    file: str | None, flags: BatchFlags, plan: RunConfig, streams: Streams
) -> Iterator[tuple[Earlier, Write]]:
    """What an earlier run has answered, and where results go."""
    output = flags.output
    if output is None:
        if flags.overwrite:
            raise UsageError(
                "usage_error", "--overwrite is for a file given with -o.", "Send stdout to a file, or use -o."
            )
        yield Earlier(Path()), partial(write_object, streams)
        return
    if file not in {None, STDIN} and output.exists() and output.samefile(file or ""):
        raise UsageError("same_file", f"{output} is the input.", "Give another file with -o.")
    try:
        results, earlier = open_results(output, plan.resolved.name, overwrite=flags.overwrite)
    except OSError as failure:
        reason = failure.strerror or failure
        raise MullError(
            "write_failed", f"{output} cannot be written: {reason}.", "Check the path."
        ) from failure
    with results:
        yield earlier, partial(_append, results, output)


def _append(results: FileIO, path: Path, value: dict[str, Any]) -> None:
    left = memoryview(dumps(value).encode() + b"\n")
    try:
        while left:
            left = left[results.write(left) :]
    except OSError as failure:
        raise MullError(
            "write_failed",
            f"{path} could not be written: {failure.strerror or failure}.",
            "Nothing is lost but the last line; once there is room, the same command goes on.",
        ) from failure


@contextmanager
def backend_for_batch(
    plan: RunConfig, parallel: ParallelSettings, view: ProgressLine, control: TurnControl
) -> Iterator[ChatBackend]:
    """A loaded backend for many turns at a time; loading is shown. Raises what loading raises."""
    backend = open_backend(plan.resolved, plan.engine, parallel=parallel)
    with closing(backend):
        view.show_loading(backend.load(control))
        yield backend


_TURN_FLAGS = frozenset(f.name for f in dataclasses.fields(TurnFlags))


class Settling:
    """What a line asks and how: its own settings where it has some, else the command's. Raises MullError."""

    def __init__(
        self,
        flags: TurnFlags,
        settings: Config,
        plan: RunConfig,
        *,
        answer_format: AnswerFormat | None = None,
        logprobs: int | None = None,
    ) -> None:
        self._flags = flags
        self._settings = settings
        self._plan = plan
        self._answer_format = answer_format
        self._logprobs = logprobs

    def __call__(self, line: Line) -> Asked:
        said = line.settings
        messages = list(line.messages)
        system = said.get("system", self._plan.system)
        if system and messages[0].role != "system":
            messages.insert(0, Message("system", system))
        turn = turn_settings(line_flags(self._flags, said), self._settings, self._plan.resolved)
        answer_format = self._answer_format
        if "schema" in said:
            schema = said["schema"]
            answer_format = _answer_format(schema if isinstance(schema, str) else json.dumps(schema))
        elif "format" in said:
            answer_format = _answer_format(None)
        return messages, dataclasses.replace(turn, answer_format=answer_format, logprobs=self._logprobs)


def line_flags(flags: TurnFlags, said: Mapping[str, Any]) -> TurnFlags:
    """The flags with what a line says instead. Where it switches the thinking, it switches all of it."""
    own = {name: value for name, value in said.items() if name in _TURN_FLAGS}
    if "effort" in own:
        own["effort"] = EffortChoice(own["effort"])
    if "reason" in own:
        own = {"effort": None, "think_budget": None, **own}
    elif "effort" in own or own.get("think_budget"):
        own["reason"] = None
    return dataclasses.replace(flags, **own)


@lru_cache(maxsize=64)
def _answer_format(schema: str | None) -> AnswerFormat | None:
    """Lines mostly have the same few. None: JSON of any kind."""
    return read_answer_format(schema=schema, json_only=schema is None)


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


def drive(
    scheduler: Scheduler, progress: Progress, view: ProgressLine, write: Write, *, in_order: bool
) -> None:
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

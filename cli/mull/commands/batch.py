"""`mull batch`: many prompts from a file or a pipe, answered side by side, one JSON line each."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from mull.backends.load_plan import shared_room
from mull.backends.loading import load
from mull.batch.lines import count_lines, read_lines
from mull.batch.reader import Feed
from mull.batch.results import Earlier, Unfinished, open_results
from mull.batch.scheduler import AHEAD, Scheduler
from mull.batch.width import MOST, WIDEST, best_width
from mull.commands._ask_options import Format, Grammar, LogProbs, Schema
from mull.commands._input import STDIN
from mull.commands._options import TurnFlags, takes_turn_flags
from mull.commands._run_config import RunConfig, merge
from mull.commands.batching import Progress, Settling, Write, drive
from mull.config import read_config
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, MullError, UsageError
from mull.events import Notice
from mull.structured.reading import read_shape
from mull.terminal.console.streams import Streams
from mull.terminal.views.json_output import dumps, write_object
from mull.terminal.views.progress import BatchView
from mull.turn.turn import LoadedModel

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
        "--parallel", metavar="N", min=1, max=MOST, help="Lines side by side. Unset: what pays here."
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
    """Answer many prompts at once: JSON Lines in, JSON Lines out.

    A line can have an id and settings of its own, named like the flags: {"id": "a7", "prompt": "…", "max_tokens": 50}
    """
    streams: Streams = context.obj
    control = TurnControl()
    settings = read_config()
    shape = read_shape(schema=flags.schema, grammar=flags.grammar, json_only=flags.format is not None)
    plan = merge(flags, settings)
    view = BatchView(streams, quiet=flags.quiet)
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
        loaded = stack.enter_context(load_for_batch(plan, flags.parallel, total, view, streams, control))
        settle = Settling(flags, settings, plan, shape=shape, logprobs=flags.logprobs)
        scheduler = Scheduler(feed, loaded, settle, control, ahead=None if flags.unordered else AHEAD)
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
                "no_input", "There is no input.", "mull batch questions.jsonl, or pipe lines in."
            )
        return open(streams.stdin.fileno(), "rb", closefd=False), None
    path = Path(file or "")
    try:
        lines = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MullError("no_file", f"{path} is no file that can be read.", "Check the path.") from error
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
                "usage", "--overwrite is for a file given with -o.", "Send stdout to a file, or use -o."
            )
        yield Earlier(Path()), partial(write_object, streams)
        return
    if file not in {None, STDIN} and output.exists() and output.samefile(file or ""):
        raise UsageError("same_file", f"{output} is the input.", "Give another file with -o.")
    try:
        results, earlier = open_results(output, plan.resolved.name, overwrite=flags.overwrite)
    except OSError as failure:
        reason = failure.strerror or failure
        raise MullError("no_output", f"{output} cannot be written: {reason}.", "Check the path.") from failure
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
def load_for_batch(
    plan: RunConfig,
    parallel: int | None,
    total: int | None,
    view: BatchView,
    streams: Streams,
    control: TurnControl,
) -> Iterator[LoadedModel]:
    """The model, with as many sequences as pay, or as were asked for."""
    room = shared_room(plan.resolved.path, plan.engine, parallel or WIDEST)
    model = plan.resolved
    steps = load(
        model.name,
        model.path,
        plan.engine,
        control,
        trusted=model.trusted,
        n_parallel=parallel or best_width(model.path.stat().st_size, room, total),
        n_ctx_total=room,
    )
    try:
        while True:
            event = next(steps)
            if isinstance(event, Notice):
                view.clear()
                streams.note(event.text)
            else:
                view.loading(event.model, event.fraction)
    except StopIteration as end:
        loaded: LoadedModel = end.value
    finally:
        view.clear()
    with loaded.engine.model, loaded.engine:
        yield dataclasses.replace(loaded, load_seconds=0.0)  # no line waits for the model

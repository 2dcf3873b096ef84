"""`mull batch`: many prompts from a file or a pipe, answered side by side, one JSON line each."""

from __future__ import annotations

import dataclasses
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from mull.batch.feed import Feed
from mull.batch.lines import Line, count_lines, read_lines
from mull.batch.order import InOrder
from mull.batch.results import Earlier, Unfinished, open_results
from mull.batch.schedule import AHEAD, Answered, Scheduler
from mull.batch.width import MOST, WIDEST, best_width
from mull.commands.merge import Plan, merge, read_config, turn_settings
from mull.commands.options import EffortChoice, TurnFlags, takes_turn_flags
from mull.config import Config
from mull.errors import ExitCode, MullError, UsageError
from mull.events import Notice
from mull.hardware import shared_room
from mull.loading import load
from mull.messages import Message
from mull.question import STDIN
from mull.settings import TurnSettings
from mull.steering import Steering, stop_on_interrupt
from mull.tally import Tally
from mull.terminal.batch import BatchView
from mull.terminal.result import dumps, error_object, result_object, write_object
from mull.terminal.streams import Streams
from mull.turn import Speaker

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

Write = Callable[[dict[str, Any]], None]


@partial(takes_turn_flags, without=NOT_HERE)
def batch(
    context: typer.Context,
    file: File = None,
    *,
    flags: TurnFlags,
    output: Output = None,
    overwrite: Overwrite = False,
    parallel: Parallel = None,
    unordered: Unordered = False,
) -> None:
    """Answer many prompts at once: JSON Lines in, JSON Lines out.

    A line can have an id and settings of its own, named like the flags: {"id": "a7", "prompt": "…", "max_tokens": 50}
    """
    streams: Streams = context.obj
    steering = Steering()
    settings = read_config()
    plan = merge(flags, settings)
    view = BatchView(streams, quiet=flags.quiet)
    with ExitStack() as stack:
        stack.enter_context(stop_on_interrupt(steering, terminated=True))
        source, total = stack.enter_context(_input(file, streams))
        earlier, write = stack.enter_context(_output(output, file, plan, streams, overwrite=overwrite))
        if earlier.finished and not flags.quiet:
            streams.note(
                f"{output} has {len(earlier.finished):,} answers already; the other lines are asked."
            )
        unfinished = Unfinished(read_lines(source), earlier)
        feed = Feed(unfinished)
        speaker = stack.enter_context(loaded(plan, parallel, total, view, streams, steering))
        scheduler = Scheduler(
            feed,
            speaker,
            partial(_asked, flags, settings, plan),
            steering,
            ahead=None if unordered else AHEAD,
        )
        progress = Progress(total, unfinished)
        _drive(scheduler, progress, view, write, in_order=not unordered)
    view.finish(progress.tally(scheduler.tokens))
    if steering.stopped and not flags.quiet:
        again = "the same command goes on" if output else "with -o FILE it could go on"
        streams.note(f"Interrupted; {again}.")
    raise typer.Exit(ExitCode.INTERRUPTED if steering.stopped else progress.exit_code)


@contextmanager
def _input(file: str | None, streams: Streams) -> Iterator[tuple[BinaryIO, int | None]]:
    """The input's bytes and, for a file that can be read twice, how many lines it has."""
    if file in {None, STDIN}:
        if streams.stdin_tty and file is None:
            raise UsageError(
                "no_input", "There is no input.", "mull batch questions.jsonl, or pipe lines in."
            )
        # A reader of its own: the thread that waits in it must not hold the lock of sys.stdin when the process ends.
        with open(streams.stdin.fileno(), "rb", closefd=False) as pipe:
            yield pipe, None
        return
    path = Path(file or "")
    try:
        lines = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MullError("no_file", f"{path} is no file that can be read.", "Check the path.") from error
    with lines:
        total = None
        if stat.S_ISREG(path.stat().st_mode):
            total = count_lines(lines)
            lines.seek(0)
        yield lines, total


@contextmanager
def _output(
    output: Path | None, file: str | None, plan: Plan, streams: Streams, *, overwrite: bool
) -> Iterator[tuple[Earlier, Write]]:
    """What an earlier run has answered, and where results go."""
    if output is None:
        if overwrite:
            raise UsageError(
                "usage", "--overwrite is for a file given with -o.", "Send stdout to a file, or use -o."
            )
        yield Earlier(Path()), partial(write_object, streams)
        return
    if file not in {None, STDIN} and output.exists() and output.samefile(file or ""):
        raise UsageError("same_file", f"{output} is the input.", "Give another file with -o.")
    results, earlier = open_results(output, plan.resolved.name, overwrite=overwrite)
    with results:
        yield earlier, partial(_append, results, output)


def _append(results: BinaryIO, path: Path, value: dict[str, Any]) -> None:
    try:
        results.write(dumps(value).encode() + b"\n")
        results.flush()
    except OSError as failure:
        raise MullError(
            "write_failed",
            f"{path} could not be written: {failure.strerror or failure}.",
            "Nothing is lost but the last line; once there is room, the same command goes on.",
        ) from failure


@contextmanager
def loaded(
    plan: Plan, parallel: int | None, total: int | None, view: BatchView, streams: Streams, steering: Steering
) -> Iterator[Speaker]:
    """The model, with as many sequences as pay, or as were asked for."""
    room = shared_room(plan.resolved.path, plan.engine, parallel or WIDEST)
    model = plan.resolved
    steps = load(
        model.name,
        model.path,
        plan.engine,
        steering,
        trusted=model.trusted,
        n_parallel=parallel or best_width(room, total),
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
        speaker: Speaker = end.value
    finally:
        view.clear()
    with speaker.engine.model, speaker.engine:
        yield dataclasses.replace(speaker, load_seconds=0.0)  # no line waits for the model


def _asked(flags: TurnFlags, settings: Config, plan: Plan, line: Line) -> tuple[list[Message], TurnSettings]:
    """What a line asks and how: its own settings where it has some, else the command's."""
    own = line_flags(flags, line.settings)
    messages = list(line.messages)
    system = line.settings.get("system", plan.system)
    if system and messages[0].role != "system":
        messages.insert(0, Message("system", system))
    return messages, turn_settings(own, settings, plan.resolved)


def line_flags(flags: TurnFlags, said: Mapping[str, Any]) -> TurnFlags:
    """The flags with what a line says instead. Where it switches the thinking, it switches all of it."""
    own = dict(said)
    if "effort" in own:
        own["effort"] = EffortChoice(own["effort"])
    if "reason" in own:
        own = {"effort": None, "think_budget": None, **own}
    elif "effort" in own or own.get("think_budget"):
        own["reason"] = None
    return dataclasses.replace(flags, **own)


class Progress:
    """What has been answered by now, and the exit code that this makes."""

    def __init__(self, total: int | None, unfinished: Unfinished) -> None:
        self._total = total
        self._unfinished = unfinished
        self._began = time.monotonic()
        self._done = 0
        self._failed = 0
        self._code: int = ExitCode.OK

    def take(self, answered: Answered) -> None:
        self._done += 1
        result = answered.result
        if isinstance(result, MullError) or result.error is not None:
            self._failed += 1
        elif self._code == ExitCode.OK:
            self._code = result.exit_code

    def tally(self, tokens: int) -> Tally:
        skipped = self._unfinished.skipped
        return Tally(
            done=self._done + skipped,
            total=self._total,
            failed=self._failed,
            skipped=skipped,
            tokens=tokens,
            seconds=time.monotonic() - self._began,
        )

    @property
    def exit_code(self) -> int:
        """1 when a line failed, else the first that was not 0."""
        return ExitCode.FAILURE if self._failed else self._code


def _drive(
    scheduler: Scheduler, progress: Progress, view: BatchView, write: Write, *, in_order: bool
) -> None:
    """Every result to where it goes; what is finished is written, however this ends."""
    order: InOrder[dict[str, Any]] = InOrder()
    try:
        with closing(scheduler.run()) as results:
            for answered in results:
                if answered is None:
                    view.show(progress.tally(scheduler.tokens))
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
    result = answered.result
    said = error_object(result, model=model) if isinstance(result, MullError) else result_object(result)
    line = answered.line
    return {"v": said.pop("v"), "id": line.id, "line": line.number, "input": line.digest, **said}

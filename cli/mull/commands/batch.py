"""`mull batch`: many prompts from a file or a pipe, decoded in parallel; one JSON line each."""

from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from mull.commands._argument_checks import to_stdout
from mull.commands._ask_options import (
    Choice,
    Files,
    Format,
    Grammar,
    Lark,
    LogProbs,
    Regex,
    Schema,
    SchemaPrompt,
    answer_format_of,
)
from mull.commands._options import TurnFlags, takes_turn_flags
from mull.commands._parallel_flags import NOT_HERE
from mull.commands._session import idle_samplers
from mull.control import TurnControl, stop_on_interrupt
from mull.dataclass import dataclass
from mull.errors import ExitCode, MullError, UsageError
from mull.settings import MAX_PARALLEL, AnswerFormat, ParallelSettings
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from io import FileIO

    from mull.backends.base import ChatBackend
    from mull.batch.lines import Line
    from mull.batch.results import Earlier
    from mull.batch.run import Write
    from mull.batch.scheduler import Asked
    from mull.commands._run_config import RunConfig
    from mull.store.records import Attachment

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
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        callback=to_stdout,
        help="Write the results to a file; an interrupted run resumes there.",
        rich_help_panel="Output",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace the -o file instead of resuming.", rich_help_panel="Output"),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        max=MAX_PARALLEL,
        help="Number of lines to decode in parallel. Unset: the fastest here.",
    ),
]
Unordered = Annotated[
    bool,
    typer.Option(
        "--unordered",
        help="Write results as they finish, not in the input's order.",
        rich_help_panel="Output",
    ),
]


@dataclass(frozen=True, slots=True)
class BatchFlags(TurnFlags):
    """The flags of `batch`: what lines can set too, and how they are answered."""

    files: Files = None
    schema: Schema = None
    regex: Regex = None
    choice: Choice = None
    grammar: Grammar = None
    lark: Lark = None
    format: Format = None
    schema_prompt: SchemaPrompt = None
    logprobs: LogProbs = None
    output: Output = None
    overwrite: Overwrite = False
    parallel: Parallel = None
    unordered: Unordered = False


@partial(takes_turn_flags, without=NOT_HERE)
def batch(context: typer.Context, file: File = None, *, flags: BatchFlags) -> None:
    """Answer many prompts: JSON Lines in, JSON Lines out.

    A line can have an id and its own settings, named like the flags: {"id": "a7", "prompt": "…", "max_tokens": 50}
    """
    from mull.backends.base import check_supported
    from mull.batch.lines import read_lines
    from mull.batch.reader import LineReader
    from mull.batch.results import Unfinished
    from mull.batch.run import Outcome, run_batch
    from mull.batch.scheduler import AHEAD, Scheduler
    from mull.commands._recommend import BeyondPebble
    from mull.commands._run_config import run_config
    from mull.config import read_config
    from mull.terminal.views.progress import ProgressLine

    streams: Streams = context.obj
    control = TurnControl()
    answer_format = answer_format_of(flags)
    run = run_config(
        flags,
        read_config(),
        answer_format=answer_format,
        logprobs=flags.logprobs,
        schema_prompt=flags.schema_prompt,
    )
    output, in_order = flags.output, not flags.unordered
    view, files = ProgressLine(streams, quiet=run.quiet), _attachments(flags, streams)
    source, total = _input(file, streams)  # may wait for a pipe's writer, until Ctrl+C
    with ExitStack() as stack:
        stack.enter_context(stop_on_interrupt(control))
        parallel = ParallelSettings(flags.parallel, turns=total)
        resolved = run.model.resolve()
        if resolved.chosen_by == "builtin":
            raise BeyondPebble("batches")
        run = run.for_model(resolved).announced(streams)
        backend = stack.enter_context(closing(run.open_backend(resolved, parallel)))
        standing = run.preferences.turn_settings(backend.sampling_advice)
        check_supported(backend, standing, parallel=flags.parallel)
        earlier, write = stack.enter_context(
            _output(file, output, backend.name, streams, overwrite=flags.overwrite)
        )
        for notice in (*earlier.notices, *(() if run.quiet else idle_samplers(run, backend))):
            streams.note(notice)
        if earlier.finished and not run.quiet:
            count = len(earlier.finished)
            streams.note(f"{output} already has {count:,} answers; only the other lines are asked.")
        unfinished = Unfinished(read_lines(source), earlier)
        feed = LineReader(unfinished)
        if total is not None and feed.is_empty():  # then no model has to be loaded
            if not run.quiet:
                streams.note("Every line has its answer already.")
            raise typer.Exit(ExitCode.OK)
        view.show_loading(backend.load(control))
        settle = partial(settle_line, run, backend, files)
        scheduler = Scheduler(feed, backend, settle, control, ahead=AHEAD if in_order else None)
        outcome = Outcome(scheduler, total, unfinished)
        run_batch(scheduler, outcome, view, write, in_order=in_order)
    view.finish(outcome.progress())
    if control.stopped and not run.quiet:
        again = "the same command resumes" if output else "with -o FILE it could be resumed"
        streams.note(f"Interrupted; {again}.")
    raise typer.Exit(ExitCode.INTERRUPTED if control.stopped else outcome.exit_code)


def _input(file: str | None, streams: Streams) -> tuple[BinaryIO, int | None]:
    """The input, and the number of its lines if it is a file that can be read twice.

    It is never closed: closing would wait for the thread that may be blocked reading it. For the same reason stdin
    gets its own reader, which the end of the process does not touch.
    """
    from mull.batch.lines import count_lines
    from mull.commands._input import STDIN

    if file in {None, STDIN}:
        if streams.stdin_tty and file is None:
            raise UsageError(
                "missing_input", "There is no input.", "mull batch questions.jsonl, or pipe lines in."
            )
        return streams.stdin_lines(), None
    path = Path(file or "")
    try:
        lines = path.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MullError("file_unreadable", f"{path} cannot be read.", "Check the path.") from error
    if not stat.S_ISREG(path.stat().st_mode):
        return lines, None
    total = count_lines(lines)
    lines.seek(0)
    return lines, total


@contextmanager
def _output(
    file: str | None, output: Path | None, model: str, streams: Streams, *, overwrite: bool
) -> Iterator[tuple[Earlier, Write]]:
    """The results of an earlier run, and a function that writes one more."""
    from mull.batch.results import Earlier, open_results
    from mull.commands._input import STDIN
    from mull.fs.lock import FileInUse
    from mull.terminal.views.json_output import write_object

    if output is None:
        if overwrite:
            raise UsageError(
                "usage_error", "--overwrite needs -o.", "Redirect stdout to a file, or use -o FILE."
            )
        yield Earlier(Path()), partial(write_object, streams)
        return
    if file not in {None, STDIN} and output.exists() and output.samefile(file or ""):
        raise UsageError("same_file", f"{output} is the input.", "Give another file with -o.")
    try:
        results, earlier = open_results(output, model, overwrite=overwrite)
    except FileInUse as failure:
        raise MullError(
            "file_in_use", f"{failure.strerror}.", "Wait until it has ended, or give another file with -o."
        ) from failure
    except OSError as failure:
        reason = failure.strerror or failure
        raise MullError(
            "write_failed", f"{output} cannot be written: {reason}.", "Check the path."
        ) from failure
    with results:
        yield earlier, partial(_append, results, output)


def _append(results: FileIO, path: Path, value: dict[str, Any]) -> None:
    from mull.terminal.views.json_output import dumps

    left = memoryview(dumps(value).encode() + b"\n")
    try:
        while left:
            left = left[results.write(left) :]
    except OSError as failure:
        raise MullError(
            "write_failed",
            f"{path} could not be written: {failure.strerror or failure}.",
            "Only the last line is lost; when the disk has space again, the same command resumes.",
        ) from failure


def _attachments(flags: BatchFlags, streams: Streams) -> Sequence[Attachment]:
    """The files that go before every prompt."""
    from mull.commands._files import attach
    from mull.commands._input import STDIN

    names = flags.files or ()
    if STDIN in names:
        raise UsageError("usage_error", "A batch attaches no standard input.", "Name a file with -f.")
    attached = attach(names, slow=streams.waiting(quiet=flags.quiet))
    for note in () if flags.quiet else attached.notes:
        streams.note(note)
    return attached.files


def settle_line(run: RunConfig, backend: ChatBackend, files: Sequence[Attachment], line: Line) -> Asked:
    """A line's messages and settings: its own where it has some, else the command's. Raises MullError."""
    from mull.backends.base import check_supported
    from mull.messages import Message
    from mull.settings import Sampling, over
    from mull.store.records import with_files

    own, standing = line.settings, run.preferences
    messages = list(line.messages)
    system = own.get("system", run.system)
    if system and messages[0].role != "system":
        messages.insert(0, Message("system", system))
    if files:
        messages[-1] = dataclasses.replace(messages[-1], content=with_files(messages[-1].content, files))
    sampling = Sampling(**{f.name: own.get(f.name) for f in dataclasses.fields(Sampling)})
    preferences = dataclasses.replace(
        standing,
        reasoning=run.reasoning.with_line(own),
        sampling=over(sampling, standing.sampling),
        max_tokens=own.get("max_tokens", standing.max_tokens),
        loop_guard=own.get("loop_guard", standing.loop_guard),
        stop=tuple(own.get("stop", standing.stop)),
        answer_format=_line_format(own, standing.answer_format),
        schema_prompt=own.get("schema_prompt", standing.schema_prompt),
    )
    settings = preferences.turn_settings(backend.sampling_advice)
    check_supported(backend, settings)
    return messages, settings


def _line_format(own: Mapping[str, Any], standing: AnswerFormat | None) -> AnswerFormat | None:
    """A line's own format, else the command's. Raises UsageError where it has two."""
    from mull.batch.lines import FORMATS

    given = {name: own[name] for name in FORMATS if name in own}
    if not given:
        return standing
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in given.items()
    }
    return _answer_format(tuple(texts.items()))


@lru_cache(maxsize=64)
def _answer_format(given: tuple[tuple[str, str], ...]) -> AnswerFormat | None:
    """The constraint of a line; cached because most lines have one of a few."""
    from mull.structured.reading import read_answer_format

    asked: dict[str, Any] = dict(given)
    json_only = asked.pop("format", None) is not None
    return read_answer_format(**asked, json_only=json_only)

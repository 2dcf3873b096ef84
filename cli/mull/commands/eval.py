"""`mull eval`: the same questions with and without thinking: what it improves, and what it costs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from mull.commands._argument_checks import reads_file
from mull.commands._options import Json, TurnFlags, takes_turn_flags
from mull.commands.batch import NOT_HERE
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, Interrupted, UsageError
from mull.events import Asked
from mull.job_events import BatchProgress
from mull.settings import MAX_PARALLEL, ParallelSettings, TurnSettings
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.commands._run_config import RunConfig
    from mull.errors import MullError
    from mull.evaluation.outcome import EvalOutcome
    from mull.evaluation.questions import EvalQuestion
    from mull.events import Done
    from mull.terminal.views.progress import ProgressLine

File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        callback=reads_file,
        help='JSON Lines: {"prompt": "…", "answer": …} each, "kind" optional. Unset: forty small questions.',
        show_default=False,
    ),
]
Modes = Annotated[
    str,
    typer.Option(
        "--modes",
        metavar="LIST",
        help="Ways to think, separated by commas: off, on, low, medium, high, default.",
        rich_help_panel="Thinking",
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        max=MAX_PARALLEL,
        help="Number of questions to decode in parallel. Unset: the fastest here.",
    ),
]
Wrong = Annotated[
    bool, typer.Option("--wrong", help="Also list the wrong answers.", rich_help_panel="Output")
]
HEADS = (("THINKING", 0), ("RIGHT", 0), ("SHARE", 0), ("UNFINISHED", 4), ("TOKENS EACH", 2), ("OF THEM THOUGHT", 3),
         ("SECONDS", 1))  # fmt: skip


@partial(takes_turn_flags, without=(*NOT_HERE, "reason", "effort"))
def eval_(
    context: typer.Context,
    file: File = None,
    *,
    flags: TurnFlags,
    modes: Modes = "off,on",
    parallel: Parallel = None,
    wrong: Wrong = False,
    json: Json = False,
) -> None:
    """Compare a model's answers with and without thinking.

    Shows accuracy, tokens and seconds of each mode. An answer is right if its last number, or the words of its last
    line, are the expected ones.
    """
    from mull.backends.base import check_supported
    from mull.commands._run_config import run_config
    from mull.config import read_config
    from mull.evaluation.questions import BUILT_IN, read_questions
    from mull.terminal.views.progress import ProgressLine

    streams: Streams = context.obj
    asked = _modes(modes)
    questions = read_questions(file or BUILT_IN)
    run = run_config(flags, read_config())
    resolved = run.model.resolve()
    quiet = run.quiet or json
    run = run.for_model(resolved).announced(streams, quiet=quiet)
    view, control = ProgressLine(streams, quiet=quiet), TurnControl()
    outcomes: list[EvalOutcome] = []
    with (
        stop_on_interrupt(control),
        closing(run.open_backend(resolved, ParallelSettings(parallel, len(questions)))) as backend,
    ):
        check_supported(backend, TurnSettings(), parallel=parallel)
        with suppress(Interrupted):  # then no question was asked
            view.show_loading(backend.load(control))
        for mode in asked:
            if control.stopped:
                break
            outcome = _ask(questions, mode, backend, run, view, control)
            if outcome.questions:
                outcomes.append(outcome)
            # One that cannot think would do the same in every other mode; one that answers nothing, too.
            if outcome.report is None or outcome.report.applied == "none":
                break
    failure = next((outcome.failure for outcome in outcomes if outcome.failure), None)
    if json:
        _write_json(outcomes, backend.name, len(questions), streams, failure, stopped=control.stopped)
    else:
        _show(outcomes, streams, wrong=wrong)
    if not quiet and (note := _note(outcomes, len(questions), len(asked), backend.name, control)):
        streams.note(note)
    if control.stopped:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if failure is not None and not json:
        streams.error(_failed(outcomes, failure), failure.hint)
    raise typer.Exit(ExitCode.OK if failure is None else ExitCode.FAILURE)


def _failed(outcomes: Sequence[EvalOutcome], failure: MullError) -> str:
    """How many answers the table lacks, and why."""
    failed = sum(outcome.failed for outcome in outcomes)
    return (
        f"{failed} of {sum(len(outcome.questions) for outcome in outcomes)} got no answer: {failure.message}"
    )


def _note(outcomes: Sequence[EvalOutcome], count: int, modes: int, model: str, control: TurnControl) -> str:
    """Why this is less than `count` questions in each of `modes` modes; empty if it is not."""
    once = any(outcome.report and outcome.report.applied == "none" for outcome in outcomes)
    if control.stopped:
        finished = sum(len(outcome.questions) for outcome in outcomes)
        return f"Stopped after {finished} of {count * (1 if once else modes)} questions."
    return f"{model} has no thinking mode, so it was asked once." if once and modes > 1 else ""


def _modes(text: str) -> list[Asked]:
    """The modes of a comma-separated list. Raises UsageError for an unknown one."""
    known: tuple[Asked, ...] = get_args(Asked)
    found = []
    for word in text.split(","):
        mode = next((one for one in known if one == word.strip()), None)
        if mode is None:
            raise UsageError(
                "usage_error",
                f'--modes takes {", ".join(known)}; not "{word.strip()}".',
                "Separate modes with commas.",
            )
        found.append(mode)
    return found


def _ask(
    questions: Sequence[EvalQuestion],
    mode: Asked,
    backend: ChatBackend,
    run: RunConfig,
    view: ProgressLine,
    control: TurnControl,
) -> EvalOutcome:
    """All questions in one mode. If it was stopped, the outcome has those that were finished."""
    from mull.batch.lines import Line
    from mull.batch.reader import LineReader
    from mull.batch.scheduler import Scheduler
    from mull.evaluation.outcome import EvalOutcome
    from mull.messages import Message

    sampling = run.preferences.sampling
    if sampling.seed is None:
        sampling = dataclasses.replace(sampling, seed=0)  # so that a run can be repeated
    preferences = dataclasses.replace(
        run.preferences, reasoning=run.reasoning.with_mode(mode), sampling=sampling
    )
    settings = preferences.turn_settings(backend.sampling_advice)
    system = [Message("system", run.system)] if run.system else []
    lines = [
        Line(number, number, messages=(*system, Message("user", question.prompt)))
        for number, question in enumerate(questions, 1)
    ]
    results: dict[int, Done | MullError] = {}
    scheduler = Scheduler(
        LineReader(lines), backend, lambda line: (list(line.messages), settings), control, ahead=None
    )
    began = time.monotonic()
    with closing(scheduler.run()) as answered:
        for one in answered:
            if one is not None and one.result.exit_code != ExitCode.INTERRUPTED:
                results[one.index] = one.result
            seconds = time.monotonic() - began
            view.show(BatchProgress(len(results), len(questions), tokens=scheduler.tokens, seconds=seconds))
    view.clear()
    finished = sorted(results)
    return EvalOutcome(
        mode,
        [questions[index] for index in finished],
        [results[index] for index in finished],
        time.monotonic() - began,
    )


def _write_json(
    outcomes: Sequence[EvalOutcome],
    model: str,
    count: int,
    streams: Streams,
    failure: MullError | None,
    *,
    stopped: bool,
) -> None:
    from mull.evaluation.outcome import as_json
    from mull.terminal.views.json_output import error_fields, write_object

    runs = [as_json(outcome) for outcome in outcomes]
    finish = "interrupted" if stopped else "error" if failure else "stop"
    value = {"v": 1, "model": model, "questions": count, "runs": runs, "finish": finish}
    write_object(streams, {**value, "error": error_fields(failure)})


def _show(outcomes: Sequence[EvalOutcome], streams: Streams, *, wrong: bool) -> None:
    from mull.terminal.console.tables import Column, table

    if not outcomes:
        return
    best = max(outcome.accuracy for outcome in outcomes)
    rows = [_row(outcome, best) for outcome in outcomes]
    table(streams, [Column(head, leaves, right=head != "THINKING") for head, leaves in HEADS], rows)
    for outcome in outcomes:
        if outcome.report and (notice := outcome.report.notice):
            streams.note(notice)
        for line in _wrong(outcome) if wrong else ():
            streams.write_stdout(line + "\n")


def _row(outcome: EvalOutcome, best: float) -> tuple[object, ...]:
    from mull.terminal.console.style import Styled

    report, count = outcome.report, max(len(outcome.questions), 1)
    shown: str = outcome.asked
    if report is not None and report.applied != outcome.asked:
        shown += f" (applied: {report.applied})"
    tokens = outcome.thinking_tokens + outcome.answer_tokens
    return (
        shown,
        f"{outcome.right}/{len(outcome.questions)}",
        Styled(f"{outcome.accuracy:.0%}", "bold good" if outcome.accuracy == best else ""),
        str(outcome.unfinished + outcome.failed),
        f"{tokens / count:.0f}",
        f"{outcome.thinking_tokens / max(tokens, 1):.0%}",
        f"{outcome.seconds:.1f}",
    )


def _wrong(outcome: EvalOutcome) -> Iterator[str]:
    for index in outcome.wrong():
        question = outcome.questions[index]
        answer = one_line(outcome.answer(index)) or "(nothing)"
        expected = " or ".join(question.expected)
        yield one_line(f"{outcome.asked}: {question.prompt} → {answer}; expected {expected}")

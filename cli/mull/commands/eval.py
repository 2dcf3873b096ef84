"""`mull eval`: questions with checkable answers, in several modes of thinking and of several models."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from mull.commands._eval_options import EvalFlags, File
from mull.commands._options import takes_turn_flags
from mull.commands._parallel_flags import NOT_HERE
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.commands._eval_endings import Endings
    from mull.commands._eval_folder import RunFolder
    from mull.commands._eval_models import EvalModel
    from mull.commands._eval_plan import Plan
    from mull.commands._run_config import RunConfig
    from mull.errors import MullError
    from mull.evaluation.outcome import Outcome
    from mull.evaluation.records import RunRecord


@partial(takes_turn_flags, without=(*NOT_HERE, "reason", "effort"))
def eval_(context: typer.Context, file: File = None, *, flags: EvalFlags) -> None:
    """Measure how many answers are right, with and without thinking.

    Programs judge the answers. Shares have intervals of 95%, and a difference that chance explains is called none.
    An interrupted run shows what it has; --resume asks the rest.
    """
    from mull.commands import _eval_code, _eval_output, _eval_repeat, _eval_resume
    from mull.commands._eval_ask import Asking
    from mull.commands._eval_endings import Endings, repeats
    from mull.commands._eval_folder import earlier, new_folder
    from mull.commands._eval_models import models_of
    from mull.commands._eval_plan import plan_of
    from mull.commands._run_config import run_config
    from mull.config import read_config
    from mull.terminal.views.progress import ProgressLine

    streams: Streams = context.obj
    words, before = _eval_resume.command_line(context), None
    if flags.resume_run:
        before = earlier(file)
        file, flags = _eval_resume.resumed(context, flags, before.run)
    card = repeats(flags)
    if card is not None:
        file, flags = _eval_repeat.flags_of(context, file, flags, card)
        words = list(card.run.command)
    plan, config = plan_of(file, flags), read_config()
    plan, about_code = _eval_code.checked(plan, allow=flags.allow_code)
    run = run_config(flags, config)
    models = models_of(flags, run)
    quiet = run.quiet or flags.json
    run = run.announced(streams, quiet=quiet)
    if about_code and not quiet:
        streams.note(about_code)
    record = _record(words, plan, run, models, flags)
    if before is not None:
        _eval_resume.check_unchanged(before.run, record)
    folder = before or new_folder(flags.out, record, saves=bool(config["save"]))
    view, control = ProgressLine(streams, quiet=quiet, noun="question"), TurnControl()
    asking = Asking(plan, folder, run, view, control, flags.parallel)
    with Endings(flags, card, models) as endings, stop_on_interrupt(control):
        with folder:
            asking.ask_all(models)
        endings.write(folder)  # an interrupt meanwhile loses neither the files nor the table
    found = _outcomes(plan, folder)
    failure = next(iter(asking.failures), endings.failure)
    _show(plan, folder, flags, found, streams, endings, failure, stopped=control.stopped, quiet=quiet)
    total = plan.answers_per_mode * sum(
        1 if model.name in asking.once else len(plan.modes) for model in models
    )
    if not quiet and (
        note := _eval_output.note(found, asking.once, len(plan.modes), total, stopped=control.stopped)
    ):
        streams.note(note)
    failure = endings.failure if control.stopped else failure
    _exit(found, streams, failure, stopped=control.stopped, json=flags.json)


def _show(
    plan: Plan,
    folder: RunFolder,
    flags: EvalFlags,
    found: Sequence[Outcome],
    streams: Streams,
    endings: Endings,
    failure: MullError | None,
    *,
    stopped: bool,
    quiet: bool,
) -> None:
    """The tables and sentences, or the JSON."""
    from mull.commands import _eval_output, _eval_safety
    from mull.evaluation.outcome import comparisons
    from mull.terminal.views.json_output import write_object

    compared = comparisons(found)
    safety = _eval_safety.of(plan, folder, flags.sample, streams, json=flags.json)
    if flags.json:
        value = _eval_output.as_object(folder, found, compared, len(plan.questions), failure, stopped=stopped)
        write_object(streams, {**value, **safety.as_json(), **endings.as_json()})
        return
    several = len(folder.run.models) > 1
    with safety.around(streams, quiet=quiet):
        _eval_output.show(found, compared, streams, several=several, wrong=flags.wrong, quiet=quiet)
    endings.show(streams)


def _exit(
    found: Sequence[Outcome], streams: Streams, failure: MullError | None, *, stopped: bool, json: bool
) -> NoReturn:
    """End with the exit code, and on stderr the reason why answers are missing."""
    from mull.commands._eval_output import failed

    if failure is not None and not json:
        streams.error(failed(found, failure), failure.hint)
    raise typer.Exit(ExitCode.INTERRUPTED if stopped else ExitCode.FAILURE if failure else ExitCode.OK)


def _record(
    words: Sequence[str], plan: Plan, run: RunConfig, models: Sequence[EvalModel], flags: EvalFlags
) -> RunRecord:
    """The description of the run, before any model is loaded."""
    from mull.commands import _eval_machine
    from mull.commands._eval_models import recorded
    from mull.evaluation.records import RunRecord, new_id

    return RunRecord(
        id=new_id(),
        started=time.time(),
        command=list(words),
        suites={suite.name: suite.digest for suite in plan.suites},
        modes=list(plan.modes),
        repeats=plan.repeats,
        seed=plan.seed,
        limit=plan.limit,
        parallel=flags.parallel,
        settings=_settings(run),
        models=[recorded(model) for model in models],
        machine=_eval_machine.machine(),
        versions=_eval_machine.versions(),
        file=next((str(suite.path) for suite in plan.suites if suite.path is not None), None),
    )


def _settings(run: RunConfig) -> dict[str, Any]:
    """What flags and config set for every turn, as JSON values."""
    from mull.conversation.preferences import plain_settings
    from mull.settings import TurnSettings

    preferences = run.preferences
    settings = TurnSettings(
        sampling=preferences.sampling,
        max_tokens=preferences.max_tokens,
        stop=preferences.stop,
        loop_guard=preferences.loop_guard,
    )
    own: dict[str, Any] = plain_settings(settings)
    for name in ("reason", "seed"):
        own.pop(name, None)
    budget = run.reasoning.merged().budget
    return {
        **own,
        **({"think_budget": budget} if budget is not None else {}),
        **({"system": run.system} if run.system else {}),
        **({"ctx": run.engine.ctx} if run.engine.ctx is not None else {}),
    }


def _outcomes(plan: Plan, folder: RunFolder) -> list[Outcome]:
    """In the order of models and modes, with how each mode was applied."""
    from dataclasses import replace

    from mull.evaluation.outcome import outcomes

    questions = plan.questions
    known = [one for one in folder.answers if (one.suite, one.id) in questions]
    order: list[tuple[str, str]] = [(model.name, mode) for model in folder.run.models for mode in plan.modes]
    found = sorted(outcomes(known, questions), key=lambda one: order.index((one.model, one.asked)))
    applied = folder.run.settings.get("reasoning", {})
    return [replace(one, **applied.get(one.model, {}).get(one.asked, {})) for one in found]

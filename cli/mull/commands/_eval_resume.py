"""`mull eval --resume`: the flags that an earlier run was started with, and whether it can be resumed.

In: the command line as it was parsed. Out: its own words, for the record of a run, and the flags that they make again.
Raises UsageError (conflicting_options) for flags that would change the answers, MullError (eval_run_changed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import typer

from mull.commands._eval_options import OUTPUT, SHOWN, EvalFlags
from mull.errors import MullError, UsageError
from mull.evaluation.command_words import absolute
from mull.evaluation.records import RunRecord

_AGAIN = "Start the evaluation again, without --resume."
_NOT_ASKED = OUTPUT | {"resume_run", "out", "repeat_card"}
_LOCAL = ("sampling", "reasoning")  # settings that are known once a model is loaded


def command_line(context: typer.Context) -> list[str]:
    """The words of the command that say which answers there are, in full and for any directory: `--modes off,on`."""
    words: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        value = context.params.get(name)
        if not _given(context, name) or name in _NOT_ASKED or value is None:
            continue
        if parameter.param_type_name == "argument":
            words.append(str(value))
        elif isinstance(value, bool):
            off = getattr(parameter, "secondary_opts", [])
            words.append(parameter.opts[-1] if value or not off else off[-1])
        else:
            for one in value if isinstance(value, list | tuple) else [value]:
                words += [parameter.opts[-1], str(getattr(one, "value", one))]
    return absolute(words)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def resumed(context: typer.Context, flags: EvalFlags, run: RunRecord) -> tuple[Path | None, EvalFlags]:
    """The file and the flags that the run was started with; of the new ones, those that change no answer."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in SHOWN and _given(context, name):
            raise UsageError(
                "conflicting_options",
                f"--resume asks what the run was started with; {parameter.opts[-1]} would change that.",
                "Leave it out, or start another run.",
            )
    command = [word for word in run.command if word]
    with context.command.make_context(context.info_name or "eval", command, parent=context.parent) as before:
        known = {f.name for f in fields(EvalFlags)}
        then = EvalFlags(**{name: value for name, value in before.params.items() if name in known})
    here = OUTPUT | {name for name in SHOWN if _given(context, name)}  # an old run's command has its --json
    shown = {name: getattr(flags, name) for name in here & known}
    file = Path(run.file) if run.file is not None else None
    return file, replace(then, **shown)


def check_unchanged(then: RunRecord, now: RunRecord) -> None:
    """Raises MullError (eval_run_changed) if the same words ask something else today."""
    changed = next(_changes(then, now), None)
    if changed is not None:
        raise MullError("eval_run_changed", f"{changed} since the run began.", _AGAIN)


def _changes(then: RunRecord, now: RunRecord) -> Iterator[str]:
    for name in dict.fromkeys([*then.suites, *now.suites]):
        if then.suites.get(name) != now.suites.get(name):
            yield f"The questions of {name} have changed"
    if [model.reference for model in then.models] != [model.reference for model in now.models]:
        yield "The model that is meant has changed"
    if _asked(then) != _asked(now):
        yield "What is asked has changed"
    before, after = _plain(then.settings), _plain(now.settings)
    names: Sequence[str] = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if names:
        yield f"The setting {names[0]} has changed"


def _asked(run: RunRecord) -> tuple[object, ...]:
    return list(run.modes), run.repeats, run.seed, run.limit


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _LOCAL}

"""`mull eval --repeat-card CARD`: run again what a card says, and say what differs.

In: the command line as it was parsed, a card. Out: the flags that the card's run was started with; later the
differences, as text or JSON. Raises UsageError (conflicting_options) for flags that would ask something else.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mull.commands._eval_options import OUTPUT, SHOWN, EvalFlags
from mull.errors import MullError, UsageError
from mull.evaluation.command_words import file_name
from mull.settings import Sampling
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.evaluation.report.card_file import Card
    from mull.evaluation.report.contents import Contents
    from mull.evaluation.report.repeated import Change, Repeated

_ClickException: Any = typer.BadParameter.__mro__[2]  # the base of what a command line can be wrong in
_NAMED = 8  # questions that are named of those that changed in one direction
_OWN = SHOWN | {"model", "models", "out", "repeat_card"}
"""What may be given beside a card: where the models are on this machine, and what is done with the answers."""
_SAFE = frozenset(
    {f.name for f in fields(Sampling)}
    | {
        "suite",
        "limit",
        "model",
        "models",
        "against",
        "modes",
        "repeat",
        "parallel",
        "wrong",
        "json",
        "quiet",
    }
    | {"system", "think_budget", "max_tokens", "stop", "loop_guard", "ctx", "threads", "kv_type"}
)
"""What a card may set: no option that reads a file, picks a device or runs code unguarded."""


def flags_of(
    context: typer.Context, file: Path | None, flags: EvalFlags, card: Card
) -> tuple[Path | None, EvalFlags]:
    """The file and the flags of the card's run, with the models and the outputs of this call."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in _OWN and _given(context, name):
            raise UsageError(
                "conflicting_options",
                f"--repeat-card asks what the card says; {parameter.opts[-1]} would change that.",
                "Leave it out, or evaluate without the card.",
            )
    then = _of_card(context, card)
    own = {
        one.name: getattr(flags, one.name)
        for one in fields(EvalFlags)
        if one.name in OUTPUT or (one.name in _OWN and _given(context, one.name))
    }
    if "model" in own or "models" in own:
        own = {"model": None, "models": None, **own}
    elif then.model is None and then.models is None:
        own["models"] = ",".join(model.reference for model in card.run.models)
    asked = file if file is not None else Path(card.run.file) if card.run.file is not None else None
    return asked, replace(then, **{**own, "repeat_card": flags.repeat_card})


def _of_card(context: typer.Context, card: Card) -> EvalFlags:
    """The flags that the card's command sets; a card comes from others, so `_SAFE` ones alone. Raises MullError."""
    if card.run.file is not None and file_name(card.run.file) != card.run.file:
        raise _unusable(card, "its questions are in a folder")
    if not card.run.models:
        raise _unusable(card, "it names no model")
    words = [str(word) for word in card.run.command if word and word != card.run.file]
    if "--help" in words:  # it would be printed
        raise _unusable(card, "its command asks for help")
    try:
        with context.command.make_context(context.info_name or "eval", words, parent=context.parent) as then:
            given = {
                name: value
                for name, value in then.params.items()
                if (source := then.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
            }
    except (typer.Exit, SystemExit, MullError, _ClickException) as error:
        raise _unusable(card, "its command is not one of this version") from error
    strange = next((name for name in given if name not in _SAFE), None)
    if strange is not None:
        raise _unusable(card, f"its command sets {strange}")
    if str(given.get("system") or "").startswith("@"):
        raise _unusable(card, "its system prompt is in a file")
    return EvalFlags(**given)


def _unusable(card: Card, why: str) -> MullError:
    command = shlex.join(["mull", "eval", *map(str, card.run.command)])
    return MullError("invalid_card", f"The card cannot be repeated: {why}.", f"Its command is {command}")


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def compared(card: Card, contents: Contents) -> Repeated:
    """What differs. Models that are called otherwise here are those in the same places of the card."""
    from mull.evaluation.report.repeated import repeated

    then, now = card.run.models, contents.run.models
    if len(then) == len(now):
        names = {here.name: there.name for here, there in zip(now, then, strict=True)}
        groups = [replace(group, model=names.get(group.model, group.model)) for group in contents.groups]
        models = [replace(model, name=names[model.name]) for model in now]
        settings = dict(contents.run.settings)
        if isinstance(sampling := settings.get("sampling"), dict):
            settings["sampling"] = {names.get(name, name): value for name, value in sampling.items()}
        run = replace(contents.run, models=models, settings=settings)
        contents = replace(contents, groups=groups, run=run)
    return repeated(card, contents)


def show(streams: Streams, found: Repeated) -> None:
    """What differs, in lines."""
    from mull.terminal.console.sanitize import one_line

    lines = [str(one) for one in found.differences] or [
        "Models, questions, versions and machine are the card's."
    ]
    lines += [f"{one}: not asked now" for one in found.missing]
    lines += [line for change in found.changes for line in _lines(change)]
    if streams.stdout_tty:
        streams.write("\n")
    streams.write("".join(f"{one_line(line)}\n" for line in lines))


def _lines(change: Change) -> Iterator[str]:
    (right, judged), (now, of) = change.then, change.now
    head = f"{change.model}, {change.mode}: {right}/{judged} right on the card, {now}/{of} now"
    if not change.changed:
        yield f"{head}; no verdict has changed"
        return
    yield head
    for names, what in (
        (change.gained, "right now"),
        (change.lost, "no longer right"),
        (change.other, "another verdict"),
    ):
        if names:
            yield f"  {what}: {_named(names)}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def as_json(found: Repeated) -> dict[str, Any]:
    """The same as JSON values."""
    return asdict(found)

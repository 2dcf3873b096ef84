"""`mull sessions replay`: generate a recorded turn again and say whether the outcome is the same, and if not, why.

In: a session and a turn's number. Out: a verdict on stdout, the exit code 0 for an equal outcome and 1 for another one.
Nothing is stored. Raises MullError where the model is gone or its file has changed.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mull.commands._options import Json, completes
from mull.dataclass import dataclass
from mull.errors import ExitCode, Interrupted, MullError
from mull.terminal.console.quantities import counted, token_count
from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.console.streams import Streams
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.control import TurnControl
    from mull.conversation.replay import Change, Difference, Replay
    from mull.endpoints.endpoint import Endpoint
    from mull.events import Done, Event
    from mull.models.resolved import Resolved
    from mull.store.records import Session, TurnRecord

Name = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="A session's id or name, or the beginning of it.",
        autocompletion=completes("sessions"),
    ),
]
Turn = Annotated[
    int | None,
    typer.Argument(
        metavar="[TURN]", min=1, max=1_000_000, help="Which turn, from 1; without it the last one."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="Use this model instead of the recorded one, even if its file is another.",
        autocompletion=completes("answering_models"),
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class _Outcome:
    session: str
    number: int
    turn: TurnRecord
    done: Done
    difference: Difference | None
    changes: list[Change]
    caveats: list[str]


def replay(
    context: typer.Context, name: Name, turn: Turn = None, *, model: Model = None, json: Json = False
) -> None:
    """Generate a turn again, and say whether the outcome is the same.

    It uses the recorded model, settings, seed and texts (attached files included), in a context of its size. The exit
    code is 0 for an equal outcome and 1 for another one. Nothing is stored.
    """
    from mull.commands._session_text import open_store_noted

    streams: Streams = context.obj
    with open_store_noted(streams) as store:
        session = store.find(name)
        path = store.branch(session.id)
    outcome = _repeat(session, path, len(path) if turn is None else turn, model, streams, json=json)
    if json:
        write_object(streams, _object(outcome))
    else:
        for line in _lines(outcome):
            streams.write_stdout(line + "\n")
    if outcome.difference is not None:
        raise typer.Exit(ExitCode.FAILURE)


def _repeat(
    session: Session, path: list[TurnRecord], number: int, model: str | None, streams: Streams, *, json: bool
) -> _Outcome:
    from mull.backends.base import Identified, check_supported
    from mull.backends.open import open_backend
    from mull.config import read_config
    from mull.control import TurnControl, stop_on_interrupt
    from mull.conversation.replay import Change, changes, difference, replay_of

    if not path:
        raise MullError("nothing_to_replay", "The session has no turns.", "Name another session.")
    wanted, turn = replay_of(session, path, number), path[number - 1]
    config = read_config()
    folders = tuple(config.model_folders())
    resolved = _resolved(session, turn, model, folders, config.endpoints)
    files = _file_changes(turn, resolved, named=model is not None, caveats=wanted.caveats)
    files += _adapter_changes(turn)
    control = TurnControl()
    backend = open_backend(resolved, wanted.engine, folders=folders, endpoints=config.endpoints)
    with closing(backend), stop_on_interrupt(control):
        check_supported(backend, wanted.settings)
        with closing(_Generation(backend, wanted, turn, control)) as generation:
            done = _shown(generation, control, streams, live=streams.stdout_live and not json)
        identity = backend.identity() if isinstance(backend, Identified) else {}
    if done.finish == "error" and done.error is not None:
        raise done.error
    if done.finish == "interrupted" and not generation.complete:
        raise Interrupted
    found = difference(turn, done.thinking, done.answer)
    changed = [*files, *changes(turn.ran, identity)]
    if turn.usage.prompt and done.usage.prompt != turn.usage.prompt:  # a date in the template, for instance
        then, now = (token_count(usage.prompt) for usage in (turn.usage, done.usage))
        changed.append(Change("prompt", then, now))
    return _Outcome(session.id, number, turn, done, found, changed, wanted.caveats)


def _resolved(
    session: Session,
    turn: TurnRecord,
    model: str | None,
    folders: Sequence[Path],
    endpoints: Mapping[str, Endpoint],
) -> Resolved:
    """The model that is named, else the recorded one. Raises MullError where it is gone."""
    from mull.models.resolve import resolve

    recorded = turn.ran.get("reference")
    name = model or (recorded if isinstance(recorded, str) else "") or turn.model
    if not name:
        raise MullError(
            "nothing_to_replay", "The turn does not say which model answered.", "Name one with -m."
        )
    try:
        return resolve(name, folders=folders, endpoints=endpoints)
    except MullError as error:
        if model is None:
            error.hint = f"{error.hint} Or name another one with -m.".lstrip()
        raise


def _file_changes(turn: TurnRecord, resolved: Resolved, *, named: bool, caveats: list[str]) -> list[Change]:
    """Files that differ from the recorded ones. Raises MullError (replay_model_changed) unless the model is `named`."""
    from mull.backends.identity import same_file
    from mull.conversation.replay import Change
    from mull.models.naming.filenames import part_paths

    files = turn.ran.get("files")
    if not isinstance(files, list) or resolved.address is not None:
        return []
    found: list[Change] = []
    paths = part_paths(resolved.path)
    for then, path in itertools.zip_longest(files, paths):
        old = then if isinstance(then, dict) else {}
        same = same_file(old, path) if path is not None else False
        if same is None:
            caveats.append(f"Whether {path.name} is the file that answered was not recorded.")
        elif not same:
            found.append(Change("model file", _file_name(old), path.name if path is not None else "none"))
    if found and named:
        caveats.append(_of_other_weights(found[0].then, resolved.path.name))
    elif found:
        raise MullError(
            "replay_model_changed",
            f"The file of {resolved.name} is no longer the one that answered: its content has changed.",
            f"To use it all the same, name it: -m {resolved.name}",
        )
    return found


def _of_other_weights(then: str, now: str) -> str:
    """What to expect of another file than the one that answered; given the files' names."""
    from mull.models.naming.filenames import quantization, same_quant, without_quant

    old, new = quantization(then), quantization(now)
    if old and new and without_quant(then) == without_quant(now) and not same_quant(old, new):
        return (
            f"{new} is another quantization than {old}: with the same seed the answer may begin alike, "
            "and then differs as a rule."
        )
    return "Other weights give another answer as a rule, with the same seed too."


def _adapter_changes(turn: TurnRecord) -> Iterator[Change]:
    """LoRA adapters with another content. One that is gone is an error where it is loaded."""
    from mull.backends.identity import same_file
    from mull.conversation.replay import Change

    adapters = turn.ran.get("adapters")
    for then in adapters if isinstance(adapters, list) else ():
        path = Path(str(then.get("path"))) if isinstance(then, dict) else Path()
        if path.is_file() and same_file(then, path) is False:
            yield Change("adapter", path.name, path.name)


def _file_name(recorded: Mapping[str, Any]) -> str:
    return Path(str(recorded.get("path") or "unknown")).name


class _Generation:
    """The events of the turn; of one that was interrupted, as far as it went. `complete`: all of that came."""

    def __init__(self, backend: ChatBackend, wanted: Replay, turn: TurnRecord, control: TurnControl) -> None:
        self.complete = False
        self._events = self._run(backend, wanted, turn, control)

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def close(self) -> None:
        self._events.close()

    def _run(
        self, backend: ChatBackend, wanted: Replay, turn: TurnRecord, control: TurnControl
    ) -> Generator[Event, None, None]:
        from mull.conversation.replay import enough
        from mull.events import AnswerDelta, ThinkingDelta

        yield from backend.load(control)
        thinking = answer = 0
        for event in backend.stream(wanted.messages, wanted.settings, control):
            thinking += len(event.text) if isinstance(event, ThinkingDelta) else 0
            answer += len(event.text) if isinstance(event, AnswerDelta) else 0
            if not self.complete and enough(turn, thinking, answer):
                self.complete = True
                control.stop()
            yield event


def _shown(generation: _Generation, control: TurnControl, streams: Streams, *, live: bool) -> Done:
    """The end of the turn; on a terminal it is shown while it is generated."""
    from mull.events import Done
    from mull.terminal.views.base import ViewOptions
    from mull.terminal.views.open import open_view

    if live:
        return open_view("text", ViewOptions(streams, control))(iter(generation))
    done: Done | None = None
    for event in generation:
        done = event if isinstance(event, Done) else done
    assert done is not None
    return done


def _lines(outcome: _Outcome) -> Iterator[str]:
    turn, found = outcome.turn, outcome.difference
    if found is None:
        whole = turn.finish not in {"interrupted", "error"}
        size = f"{counted(len(turn.thinking) + len(turn.answer), 'character')}"
        yield f"Turn {outcome.number} is equal{'' if whole else ', as far as it went'}: {size}."
    else:
        place = f"character {found.character:,} (line {found.line:,}) of the {found.part}"
        yield f"Turn {outcome.number} differs from {place} on."
        yield f"  then  {_quoted(found.then)}"
        yield f"  now   {_quoted(found.now)}"
    for change in outcome.changes:
        yield f"Changed since: {one_line(change.what)}, {one_line(change.then)} → {one_line(change.now)}."
    if found is not None and not outcome.changes and turn.ran:
        yield "Nothing that was recorded has changed since."
    yield from (one_line(caveat) for caveat in outcome.caveats)


def _quoted(text: str) -> str:
    """In quotes, with line ends and control characters spelled out: white space may be the difference."""
    return visible(dumps(text, ensure_ascii=False))


def _object(outcome: _Outcome) -> dict[str, Any]:
    found = outcome.difference
    return {
        "v": 1,
        "session": outcome.session,
        "turn": outcome.number,
        "equal": found is None,
        "difference": None if found is None else asdict(found),
        "changes": [asdict(change) for change in outcome.changes],
        "caveats": outcome.caveats,
        "model": outcome.done.model,
        "thinking": outcome.done.thinking,
        "answer": outcome.done.answer,
        "error": None,
    }

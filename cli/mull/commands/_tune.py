"""The parts of `mull bench` beside measuring: a loaded backend, and tuned settings.

In: a model and its engine settings, the streams. Out: a loaded `LocalBackend`; the tuning step by step; the stored
settings shown or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.settings import DRAFT_OFF, EngineSettings
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.backends.local import LocalBackend
    from mull.bench.tune import Chosen, Tried, Tuned
    from mull.models.resolved import Resolved
    from mull.terminal.views.progress import ProgressLine


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with engine settings, to be measured. `label`: its name, or the settings in which it differs."""

    label: str
    resolved: Resolved
    engine: EngineSettings


@contextmanager
def backend_for_bench(
    subject: Subject, control: TurnControl, view: ProgressLine, before: Sequence[LocalBackend] = ()
) -> Iterator[LocalBackend]:
    """A loaded backend without speculative decoding; it shares the weights of one in `before` where possible."""
    from mull.backends.local import LocalBackend

    settings = replace(subject.engine, draft=DRAFT_OFF)
    path = str(subject.resolved.file)  # raises UsageError for a model that mull does not run itself
    same_file = (other for other in before if other.location == path)
    shared = next((found for other in same_file if (found := other.with_settings(settings))), None)
    with closing(shared or LocalBackend(subject.resolved, settings)) as backend:
        view.show_loading(backend.load(control))
        yield backend


def tune_model(
    subject: Subject, control: TurnControl, view: ProgressLine, streams: Streams, *, json: bool
) -> None:
    """Find and store the fastest settings, showing each choice. Raises Interrupted; then nothing is stored."""
    from mull.backends.load_plan import planned
    from mull.bench.tune import Tried, Trying, Tuned, format_value, save_tuned, tune
    from mull.terminal.views.json_output import write_object

    # Settings tuned earlier do not count; those of the memory plan are fixed like the user's own.
    resolved = subject.resolved
    best, _ = planned(resolved.file, subject.engine, trusted=resolved.trusted, as_tuned=False)
    if best.kv_type == "f16" and subject.engine.kv_type is None:
        best = replace(best, kv_type=None)
    found: Tuned | None = None
    tried: list[Tried] = []
    try:
        with backend_for_bench(subject, control, view) as backend:
            backend.engine.close()  # frees its context; the weights stay
            for step in tune(backend.engine.model, best, lambda: control.stopped):
                view.clear()
                if isinstance(step, Trying):
                    view.doing(f"trying {step.knob} {format_value(step.value)}")
                elif isinstance(step, Tuned):
                    found = replace(step, model=resolved.name)
                elif not json:
                    streams.note(_line(step))
                if isinstance(step, Tried):
                    tried.append(step)
    finally:
        view.clear()
    if found is None:
        return
    try:
        save_tuned(resolved.path, found)
    except OSError as error:
        raise MullError(
            "write_failed", f"The settings could not be stored: {error.strerror or error}."
        ) from error
    if json:
        steps = [_as_json(one) for one in tried]
        write_object(streams, {"v": 1, **_as_json(found), "tried": steps, "error": None})
    else:
        streams.note(f"Stored for {found.model} on this machine. mull bench --forget removes it.")


def _line(step: Tried | Chosen) -> str:
    from mull.bench.tune import Tried, format_value

    value = f"{step.knob} {format_value(step.value)}"
    if isinstance(step, Tried):
        return f"{value}: prompt {step.reads:,.4g}, generation {step.writes:,.4g} tokens/s"
    return f"→ {value}: {step.reason}"


def show_tuned(streams: Streams, *, json: bool) -> None:
    """Show every model's stored settings."""
    from mull.bench.tune import KNOBS, format_value, stored_tuned
    from mull.terminal.console.tables import card
    from mull.terminal.views.json_output import write_object

    stored = stored_tuned()
    if json:
        write_object(streams, {"v": 1, "tuned": [_as_json(one) for one in stored], "error": None})
        return
    if not stored:
        streams.note("No model has been tuned yet: mull bench --tune")
    for number, one in enumerate(stored):
        blank = [("", "")] if number else []
        rows = [(knob, f"{format_value(getattr(one, knob))}: {one.reasons.get(knob, '')}") for knob in KNOBS]
        card(streams, [*blank, ("model", one.model), ("measured", one.when), *rows])


def _as_json(one: Tuned | Tried) -> dict[str, Any]:
    return {part.name: getattr(one, part.name) for part in fields(one)}


def forget_tuned(resolved: Resolved, streams: Streams) -> None:
    """Remove a model's stored settings, so that the built-in rules apply again."""
    from mull.bench.tune import remove_tuned

    try:
        found = remove_tuned(resolved.file)
    except OSError as error:
        raise MullError(
            "write_failed", f"The settings could not be removed: {error.strerror or error}."
        ) from error
    name = resolved.name
    streams.note(f"{name} uses the built-in rules again." if found else f"No settings are stored for {name}.")

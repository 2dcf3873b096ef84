"""What `mull bench` needs beside measuring: an engine that is loaded, and the settings that were tuned.

In: a plan, the streams. Out: a loaded engine; lines on what was tried, what is remembered and what is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from mull.commands._run_config import RunConfig
from mull.control import TurnControl
from mull.errors import MullError
from mull.fs import paths
from mull.settings import DRAFT_OFF
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import card
from mull.terminal.views.json_output import write_object
from mull.terminal.views.progress import ProgressLine

if TYPE_CHECKING:
    from mull.backends.local import LocalBackend
    from mull.bench.tune import Chosen, Tried
    from mull.engine.tuned import Tuned


@contextmanager
def backend_for_bench(
    plan: RunConfig,
    control: TurnControl,
    view: ProgressLine,
    before: Sequence[LocalBackend] = (),
) -> Iterator[LocalBackend]:
    """A loaded backend without speculative decoding; it shares the weights of one in `before` where it can."""
    from mull.backends.local import LocalBackend

    settings = replace(plan.engine, draft=DRAFT_OFF)
    same_file = (other for other in before if other.location == str(plan.resolved.path))
    shared = next((found for other in same_file if (found := other.with_settings(settings))), None)
    backend = shared or LocalBackend(plan.resolved, settings)
    with closing(backend):
        view.show_loading(backend.load(control))
        yield backend


def tune_model(
    plan: RunConfig, control: TurnControl, view: ProgressLine, streams: Streams, *, json: bool
) -> None:
    """Tune, saying what is chosen and why, and remember it. Raises Interrupted, and then nothing has changed."""
    from mull.backends.load_plan import planned
    from mull.bench.tune import Tried, Trying, tune
    from mull.engine import tuned
    from mull.engine.tuned import Tuned

    # What was tuned before is no rule, and what the plan for this memory wants is as good as said.
    best, _ = planned(plan.resolved.path, plan.engine, trusted=plan.resolved.trusted, as_tuned=False)
    if best.kv_type == "f16" and plan.engine.kv_type is None:
        best = replace(best, kv_type=None)
    found: Tuned | None = None
    tried: list[Tried] = []
    try:
        with backend_for_bench(plan, control, view) as backend:
            backend.engine.close()  # frees its context; the weights stay
            for step in tune(backend.engine.model, best, lambda: control.stopped):
                view.clear()
                if isinstance(step, Trying):
                    view.doing(f"trying {step.knob} {tuned.format_value(step.value)}")
                elif isinstance(step, Tuned):
                    found = replace(step, model=plan.resolved.name)
                elif not json:
                    streams.note(_line(step))
                if isinstance(step, Tried):
                    tried.append(step)
    finally:
        view.clear()
    if found is None:
        return
    try:
        tuned.save(plan.resolved.path, paths.private_dir(paths.state_dir()), found)
    except OSError as error:
        raise MullError(
            "write_failed", f"What was found cannot be kept: {error.strerror or error}."
        ) from error
    if json:
        write_object(
            streams, {"v": 1, **_as_json(found), "tried": [_as_json(one) for one in tried], "error": None}
        )
    else:
        streams.note(f"Remembered for {found.model} on this machine. mull bench --forget undoes it.")


def _line(step: Tried | Chosen) -> str:
    from mull.bench.tune import Tried
    from mull.engine.tuned import format_value

    if isinstance(step, Tried):
        return f"{step.knob} {format_value(step.value)}: reads {step.reads:,.4g}, writes {step.writes:,.4g} tokens/s"
    return f"→ {step.knob} {format_value(step.value)}: {step.reason}"


def show_tuned(streams: Streams, *, json: bool) -> None:
    """All that is remembered."""
    from mull.engine import tuned

    kept = tuned.load_all(paths.state_dir())
    if json:
        write_object(streams, {"v": 1, "tuned": [_as_json(one) for one in kept], "error": None})
        return
    if not kept:
        streams.note("Nothing was tuned yet: mull bench --tune")
    for number, one in enumerate(kept):
        blank = [("", "")] if number else []
        rows = [
            (knob, f"{tuned.format_value(getattr(one, knob))}: {one.reasons.get(knob, '')}")
            for knob in tuned.KNOBS
        ]
        card(streams, [*blank, ("model", one.model), ("measured", one.when), *rows])


def _as_json(one: Tuned | Tried) -> dict[str, Any]:
    return {part.name: getattr(one, part.name) for part in fields(one)}


def forget_tuned(plan: RunConfig, streams: Streams) -> None:
    """Let the rules decide for this model again."""
    from mull.engine import tuned

    try:
        found = tuned.remove(plan.resolved.path, paths.state_dir())
    except OSError as error:
        raise MullError("write_failed", f"That cannot be forgotten: {error.strerror or error}.") from error
    name = plan.resolved.name
    streams.note(f"{name} runs by the rules again." if found else f"Nothing was tuned for {name}.")

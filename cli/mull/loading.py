"""From a model's name to a `Speaker`, with progress as events.

`load` yields `Loading` while the file is read (in a thread: llama.cpp reports progress by a callback), a `Notice` when
the native library was just found to need a slower way, and returns the speaker. Raises what resolving and loading
raise; a stop while loading raises `Interrupted`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mull.errors import ExitCode, MullError
from mull.events import Loading, Notice
from mull.hardware import planned
from mull.paths import state_dir
from mull.settings import DRAFT_AUTO, DRAFT_OFF, EngineSettings
from mull.steering import Steering
from mull.turn import Speaker

if TYPE_CHECKING:
    from mull.engine.disk import Shelf

POLL = 0.05
"""Seconds between looks at the loading thread: the stop key and the spinner stay alive meanwhile."""


class Interrupted(MullError):
    """The user stopped before there was anything to keep."""

    def __init__(self) -> None:
        super().__init__("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED)


def load(
    name: str,
    path: Path,
    settings: EngineSettings,
    steering: Steering,
    *,
    trusted: bool = False,
    shelf: Shelf | None = None,
    n_parallel: int = 1,
    n_ctx_total: int | None = None,
) -> Generator[Loading | Notice, None, Speaker]:
    """Load `path` as `name`, for so many turns at once. Yields progress, returns the speaker.

    `shelf`: where processed prompts are kept.
    """
    progress: queue.SimpleQueue[Loading | Notice | None] = queue.SimpleQueue()
    outcome: list[Speaker | BaseException] = []

    def report(fraction: float) -> bool:
        progress.put(Loading(name, fraction))
        return not steering.stopped

    def work() -> None:
        try:
            if notice := _library_notice():
                progress.put(notice)
            best, plan = planned(path, settings, trusted=trusted)
            if plan is not None and not plan.fits:
                progress.put(
                    Notice(
                        "does_not_fit", f"{name} needs more memory than is free here; it may be very slow."
                    )
                )
            speaker = _open(
                name,
                path,
                best,
                report,
                trusted=trusted,
                shelf=shelf,
                n_parallel=n_parallel,
                n_ctx_total=n_ctx_total,
            )
            outcome.append(speaker)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that asked, and raised there
            outcome.append(error)
        finally:
            progress.put(None)

    yield Loading(name, 0.0)
    worker = threading.Thread(target=work, name="load", daemon=True)
    worker.start()
    while True:
        try:
            event = progress.get(timeout=POLL)
        except queue.Empty:
            if steering.stopped:  # the thread is a daemon, and stops at its next report
                raise Interrupted from None
            continue
        if event is None:
            break
        yield event
    worker.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise Interrupted if steering.stopped else result
    return result


def _library_notice() -> Notice | None:
    """What the user is told once, when the library's self-check has just found a crash that can be got round."""
    from mull.engine import check

    verdict = check.library(state_dir())
    if not verdict.new or verdict.use_extra_bufts:
        return None
    text = f"llama.cpp failed its self-check ({verdict.detail}); mull takes the slower way round. The fix: mull doctor"
    return Notice("native_fallback", text)


def _open(
    name: str,
    path: Path,
    settings: EngineSettings,
    report: Callable[[float], bool],
    *,
    trusted: bool,
    shelf: Shelf | None,
    n_parallel: int,
    n_ctx_total: int | None,
) -> Speaker:
    from mull.engine.loop import Engine
    from mull.engine.model import load as load_model
    from mull.prompt.template import Template
    from mull.reasoning.profile import profile

    began = time.perf_counter()
    model = load_model(path, settings, state_dir=state_dir(), on_progress=report, trusted=trusted)
    template = Template(model.template, bos=model.bos, eos=model.eos) if model.template else None
    ability = profile(
        model.template,
        special=model.markers,
        architecture=model.architecture,
        name=model.name,
        bos=model.bos,
        eos=model.eos,
    )
    with ExitStack() as undo:  # what was loaded is freed again where the two models do not go together
        undo.callback(model.close)
        draft_model = None
        if settings.draft not in {None, DRAFT_AUTO, DRAFT_OFF}:
            path = Path(settings.draft or "")
            draft_model = load_model(path, settings, state_dir=state_dir(), on_progress=lambda _: report(1.0))
            undo.callback(draft_model.close)
        own_shelf = replace(shelf, model=name) if shelf is not None else None
        engine = Engine(
            model,
            settings,
            n_parallel=n_parallel,
            n_ctx_total=n_ctx_total,
            draft_model=draft_model,
            shelf=own_shelf,
        )
        undo.pop_all()
    return Speaker(name, engine, template, ability, time.perf_counter() - began)

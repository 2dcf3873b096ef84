"""From a model's name to a `LoadedModel`, with progress as events.

`load` yields `Loading` while the file is read (in a thread: llama.cpp reports progress by a callback), a `Notice` when
the native library was just found to need a slower way, and returns the speaker. Raises what resolving and loading
raise; a stop while loading raises `Interrupted`.
Reading a file is the library's work, on one core: what Python has to do meanwhile is done beside it.
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

from mull.control import TurnControl
from mull.engine.compute_params import SMALL_FILE
from mull.engine.model import check_header
from mull.engine.model import load as load_model
from mull.engine.native import library, selfcheck
from mull.errors import ExitCode, MullError
from mull.events import Loading, Notice
from mull.fs.paths import state_dir
from mull.settings import DRAFT_AUTO, DRAFT_OFF, EngineSettings

if TYPE_CHECKING:
    from mull.engine.kv.state_store import StateStore
    from mull.engine.model import Model
    from mull.turn.loaded_model import LoadedModel

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
    control: TurnControl,
    *,
    trusted: bool = False,
    state_store: StateStore | None = None,
    n_parallel: int = 1,
    n_ctx_total: int | None = None,
) -> Generator[Loading | Notice, None, LoadedModel]:
    """Load `path` as `name`, for so many turns at once. Yields progress, returns the speaker.

    `state_store`: where processed prompts are kept.
    """
    progress: queue.SimpleQueue[Loading | Notice | None] = queue.SimpleQueue()
    outcome: list[LoadedModel | BaseException] = []

    def report(fraction: float) -> bool:
        progress.put(Loading(name, fraction))
        return not control.stopped

    def work() -> None:
        try:
            if notice := _library_notice():
                progress.put(notice)
            loaded = _open(
                name,
                path,
                settings,
                report,
                progress.put,
                trusted=trusted,
                state_store=state_store,
                n_parallel=n_parallel,
                n_ctx_total=n_ctx_total,
            )
            outcome.append(loaded)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that asked, and raised there
            outcome.append(error)
        finally:
            progress.put(None)

    worker = threading.Thread(target=work, name="load", daemon=True)
    worker.start()
    while True:
        try:
            event = progress.get(timeout=POLL)
        except queue.Empty:
            if control.stopped:  # the thread is a daemon, and stops at its next report
                raise Interrupted from None
            continue
        if event is None:
            break
        yield event
    worker.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise Interrupted if control.stopped else result
    return result


def _library_notice() -> Notice | None:
    """What the user is told once, when the library's self-check has just found a crash that can be got round."""
    verdict = selfcheck.check_library(state_dir())
    if not verdict.new or verdict.use_extra_bufts:
        return None
    text = f"llama.cpp failed its self-check ({verdict.detail}); mull takes the slower way round. The fix: mull doctor"
    return Notice("native_fallback", text)


def _open(
    name: str,
    path: Path,
    settings: EngineSettings,
    report: Callable[[float], bool],
    notify: Callable[[Notice], None],
    *,
    trusted: bool,
    state_store: StateStore | None,
    n_parallel: int,
    n_ctx_total: int | None,
) -> LoadedModel:
    began = time.perf_counter()
    model, settings = _read(path, settings, report, notify, name=name, trusted=trusted)
    with ExitStack() as undo:  # what was loaded is freed again when the rest fails, or does not go together
        undo.callback(model.close)
        from mull.chat_template.template import Template
        from mull.engine.engine import Engine
        from mull.reasoning.profiler import profile
        from mull.turn.loaded_model import LoadedModel

        template = Template(model.template, bos=model.bos, eos=model.eos) if model.template else None
        ability = profile(
            model.template,
            special=model.markers,
            architecture=model.architecture,
            name=model.name,
            bos=model.bos,
            eos=model.eos,
        )
        draft_model = None
        if settings.draft not in {None, DRAFT_AUTO, DRAFT_OFF}:
            draft_path = Path(settings.draft or "")
            draft_model = load_model(
                draft_path, settings, state_dir=state_dir(), on_progress=lambda _: report(1.0)
            )
            undo.callback(draft_model.close)
        own_store = replace(state_store, model=name) if state_store is not None else None
        engine = Engine(
            model,
            settings,
            n_parallel=n_parallel,
            n_ctx_total=n_ctx_total,
            draft_model=draft_model,
            state_store=own_store,
        )
        undo.pop_all()
    return LoadedModel(name, engine, template, ability, time.perf_counter() - began)


def _read(
    path: Path,
    settings: EngineSettings,
    report: Callable[[float], bool],
    notify: Callable[[Notice], None],
    *,
    name: str,
    trusted: bool,
) -> tuple[Model, EngineSettings]:
    """The model, and how to compute with it by the plan for this machine.

    The plan is made first where it says what goes to a graphics card, where the file's header may be the work of an
    enemy, and where reading takes no time; else while the library reads the file.
    """

    def plan() -> EngineSettings:
        from mull.backends.load_plan import planned

        best, found = planned(path, settings, trusted=trusted)
        if found is not None and not found.fits:
            notify(
                Notice("does_not_fit", f"{name} needs more memory than is free here; it may be very slow.")
            )
        return best

    def model(said: EngineSettings) -> Model:
        return load_model(path, said, state_dir=state_dir(), on_progress=report, trusted=trusted)

    check_header(path)
    known = trusted or selfcheck.was_checked(path, state_dir())
    if not known or library.has_gpu_backend() or path.stat().st_size < SMALL_FILE:
        best = plan()
        return model(best), best
    library.bindings()  # imported here: one thread after the other
    beside = _Beside(plan)
    weights = model(settings)
    try:
        return weights, beside.result()
    except BaseException:
        weights.close()
        raise


class _Beside(threading.Thread):
    """Work done while the library reads, and the imports that the first token will need."""

    def __init__(self, work: Callable[[], EngineSettings]) -> None:
        super().__init__(name="beside", daemon=True)
        self._work = work
        self._outcome: EngineSettings | BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._work()
            _import_ahead()
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self._outcome = error

    def result(self) -> EngineSettings:
        self.join()
        if self._outcome is None or isinstance(self._outcome, BaseException):
            raise self._outcome or RuntimeError
        return self._outcome


def _import_ahead() -> None:
    import numpy  # noqa: F401, ICN001

    import mull.chat_template.template
    import mull.engine.engine
    import mull.reasoning.profiler
    import mull.turn.turn  # noqa: F401

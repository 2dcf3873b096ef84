"""From a model file to a `LoadedModel`: read the weights, plan for this machine's memory, find out how it thinks.

`load` blocks, reports progress to a callback, and raises what resolving and loading raise. llama.cpp reads a file on
one core without the GIL, so planning and imports run in parallel with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mull.backends.background_job import BackgroundJob
from mull.engine.compute_params import SMALL_FILE
from mull.engine.file_check import was_checked
from mull.engine.file_header import check_header
from mull.engine.model import load as load_model
from mull.engine.native import devices, library, selfcheck
from mull.errors import Interrupted, MullError, TemplateError
from mull.events import Loading, Notice
from mull.fs import trace
from mull.fs.cleanup import closed_on_failure
from mull.fs.file_stamp import stamps
from mull.fs.paths import state_dir
from mull.models.naming.filenames import part_paths
from mull.settings import EngineSettings, ParallelSettings, draft_model_in

if TYPE_CHECKING:
    from mull.engine.kv.state_store import StateStore
    from mull.engine.model import Model
    from mull.models.gguf.chat_template import ChosenTemplate
    from mull.turn.loaded_model import LoadedModel

Report = Callable[[Loading | Notice], None]


def load(
    name: str,
    path: Path,
    settings: EngineSettings,
    *,
    trusted: bool = False,
    vouched: bool = False,
    state_store: StateStore | None = None,
    parallel: ParallelSettings | None = None,
    constrained: bool = False,
    report: Report = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> LoadedModel:
    """Load `path` as `name`. `trusted`: the file's bytes are those that were published.
    `vouched`: mull answers for its chat template, see `Template`.

    `state_store`: where prompts are cached on disk (None: nowhere). `parallel`: how many turns at a time (None: one).
    `constrained`: the first answer has a format; what that needs of the vocabulary is prepared meanwhile.
    `report` receives progress from this thread, notices from another one too. Raises Interrupted once `stopped()`.
    """

    def progress(fraction: float) -> bool:
        report(Loading(name, fraction))
        return not stopped()

    try:
        with trace.span("library check"):
            notice = _library_notice()
        if notice:
            report(notice)
        if devices.has_gpu_backend():  # before anything asks for devices: their drivers write to the log then
            library.prepare(state_dir())
        if notice := _ignored_layers(settings):
            report(notice)
        return _load(
            name,
            path,
            settings,
            progress,
            report,
            stopped,
            trusted=trusted,
            vouched=vouched,
            state_store=state_store,
            parallel=parallel,
            constrained=constrained,
        )
    except MullError:
        if stopped():
            raise Interrupted from None
        raise


def _library_notice() -> Notice | None:
    """A notice, once, when the library's self-check has just found a crash that can be worked around."""
    verdict = selfcheck.check_library(state_dir())
    if not verdict.new or verdict.use_extra_bufts:
        return None
    text = (
        f"llama.cpp failed its self-check ({verdict.detail}). CPU weight repacking is disabled, so generation is "
        "slower; mull doctor shows the fix."
    )
    return Notice("native_fallback", text)


def _ignored_layers(settings: EngineSettings) -> Notice | None:
    if settings.device is None and settings.gpu_layers in {None, 0}:
        return None
    from mull.backends.gpu_layers import ignored

    return ignored(settings)


def _load(
    name: str,
    path: Path,
    settings: EngineSettings,
    progress: Callable[[float], bool],
    report: Report,
    stopped: Callable[[], bool],
    *,
    trusted: bool,
    vouched: bool,
    state_store: StateStore | None,
    parallel: ParallelSettings | None,
    constrained: bool,
) -> LoadedModel:
    began = time.perf_counter()
    check_header(path)
    width, shared_tokens = 1, None
    if parallel is not None:
        import numpy  # noqa: F401, ICN001 - many sequences choose many tokens, see sampling/chain.py

        from mull.backends.load_plan import parallel_plan

        width, shared_tokens = parallel_plan(path, settings, parallel)
    wanted, asked = settings.ctx, settings
    model, settings = _read(
        path, settings, progress, report, name=name, trusted=trusted, vouched=vouched, constrained=constrained
    )
    if wanted and 0 < model.n_ctx_train < wanted:
        report(_beyond_training(name, wanted, model.n_ctx_train))
    with ExitStack() as undo:  # frees the weights when a later step fails
        undo.callback(model.close)
        from mull.backends.placement import placement
        from mull.chat_template.process import stoppable
        from mull.engine.engine import Engine
        from mull.reasoning.profiler import profile
        from mull.turn.loaded_model import LoadedModel

        chosen = _named(settings.chat_template, model) or _template(model, path)
        vouched = chosen.own or (vouched and settings.chat_template is None)
        with trace.span("chat template"), _naming_file(settings.chat_template), stoppable(stopped):
            ability = profile(
                chosen.source or None,
                special=model.special_tokens,
                architecture=model.architecture,
                name=model.name,
                bos=model.bos,
                eos=model.eos,
                tokens=model.special_texts,
                vouched=vouched,
                state_dir=state_dir(),
            )
        if settings.lora:
            from mull.engine.adapters import attach

            attach(model, settings.lora)
        draft_model = None
        if draft := draft_model_in(settings.draft):
            draft_model = load_model(
                Path(draft), settings, state_dir=state_dir(), on_progress=lambda _: progress(1.0)
            )
            undo.callback(draft_model.close)
        engine = Engine(
            model,
            settings,
            n_parallel=width,
            n_ctx_total=shared_tokens,
            draft_model=draft_model,
            fixed_threads=asked.threads is not None,
            state_store=replace(state_store, model=name) if state_store is not None else None,
        )
        undo.pop_all()
    if chosen.notice:
        report(Notice("chat_template", chosen.notice))
    seconds = time.perf_counter() - began
    return LoadedModel(
        name, engine, ability.template, ability, seconds, placement=placement(model, asked, engine.settings)
    )


def _beyond_training(name: str, wanted: int, trained: int) -> Notice:
    text = f"{name} was trained for {trained:,} tokens of context: beyond (--ctx {wanted:,}) answers may be nonsense."
    return Notice("beyond_training", text)


def _named(choice: str | None, model: Model) -> ChosenTemplate | None:
    """The chat template that the user names: one of mull's own, or a file's. None: no choice."""
    from mull.chat_template.builtin import BUILTIN
    from mull.chat_template.source_file import read_template
    from mull.models.gguf.chat_template import ChosenTemplate

    if choice is None:
        return None
    if (own := BUILTIN.get(choice)) is None:
        return ChosenTemplate(read_template(Path(choice)))
    missing = [token for token in own.needs if token not in model.special_tokens]
    notice = f"The model does not have {', '.join(missing)}, which the chat template {choice} needs."
    return ChosenTemplate(own.source, notice if missing else "", own=True)


@contextmanager
def _naming_file(choice: str | None) -> Iterator[None]:
    """Errors about the chat template name the file that the user chose."""
    try:
        yield
    except TemplateError as error:
        if choice is None:
            raise
        message = error.message.replace("The model's chat template", f"The chat template {choice}")
        raise TemplateError(error.code, message, "Use another file, or correct this one.") from error


def _template(model: Model, path: Path) -> ChosenTemplate:
    """The model's chat template, with a notice where it is not simply the file's one text."""
    from mull.models.gguf.chat_template import ChosenTemplate, choose_template
    from mull.models.gguf.header import read_header
    from mull.models.gguf.kind import other_kind

    # llama.cpp shows a list and a number as their texts.
    if model.template and "{" in model.template and not model.template.startswith("["):
        return ChosenTemplate(model.template)
    header = read_header(path)
    chosen = choose_template(header)
    # An encoder that only its architecture gives away is refused with its first context: that is the one thing to say.
    return replace(chosen, notice="") if other_kind(header) else chosen


def _read(
    path: Path,
    settings: EngineSettings,
    progress: Callable[[float], bool],
    report: Report,
    *,
    name: str,
    trusted: bool,
    vouched: bool,
    constrained: bool,
) -> tuple[Model, EngineSettings]:
    """The weights, and the engine settings of the memory plan for this machine.

    The plan is made before reading where it decides how many layers go to a GPU, where the file's header may be
    malicious, and where reading takes no time; otherwise in parallel with reading.
    """
    layers = 0

    def plan() -> EngineSettings:
        nonlocal layers
        from mull.backends.load_plan import planned

        with trace.span("memory plan"):
            best, found = planned(path, settings, trusted=trusted)
        layers = found.layers if found is not None else 0
        if found is not None and not found.fits:
            report(
                Notice("does_not_fit", f"{name} needs more memory than is free here; it may be very slow.")
            )
        return best

    def weights(wanted: EngineSettings, progress: Callable[[float], bool] = progress) -> Model:
        split = None
        if devices.has_gpu_backend():
            from mull.backends.load_plan import tensor_split

            split = tensor_split(wanted)
        return load_model(
            path, wanted, state_dir=state_dir(), on_progress=progress, trusted=trusted, tensor_split=split
        )

    def plan_and_import() -> EngineSettings:
        reading.wait()
        _prestart(vouched=vouched)
        best = plan()
        _import_for_first_token(renders=vouched or settings.chat_template is not None)
        if constrained:  # not before: it holds the interpreter, and only the first token waits for it
            _prepare_constrained(path)
        return best

    def reports_reading(fraction: float) -> bool:
        reading.set()
        return progress(fraction)

    with trace.span("file check"):
        checked = trusted or was_checked(path, state_dir())
    if not checked or devices.has_gpu_backend() or path.stat().st_size < SMALL_FILE:
        _prestart(vouched=vouched)
        best = plan()
        if constrained:
            _prepare_constrained(path)
        if not devices.offloads(best):
            return weights(best), best
        from mull.backends.gpu_layers import load_within_memory

        def with_context(wanted: EngineSettings) -> Model:
            """The weights, where the context that was asked for, or that a conversation needs, fits beside them."""
            from mull.engine.context import check_context
            from mull.models.memory.fit import GOOD_CTX

            model = weights(wanted)
            with closed_on_failure(model):
                check_context(model, wanted, settings.ctx or min(wanted.ctx or GOOD_CTX, GOOD_CTX))
            return model

        tried = layers if settings.gpu_layers is None else None
        return load_within_memory(name, with_context, best, tried, report)
    library.bindings()  # imported before the threads part: imports run one at a time
    # Until llama.cpp reads the file, without the interpreter, this thread has to run Python, and others hold it up.
    reading = threading.Event()
    planning = BackgroundJob("plan", plan_and_import)
    try:
        model = weights(settings, reports_reading)
    finally:
        reading.set()
    with closed_on_failure(model):
        return model, planning.result()


def _prestart(*, vouched: bool) -> None:
    """Start the process that renders a template which mull does not vouch for, ahead of its use."""
    if not vouched:
        from mull.chat_template.process import prestart

        prestart()


def _import_for_first_token(*, renders: bool) -> None:
    if renders:  # in this process, which takes jinja2
        import mull.chat_template.local
    import mull.chat_template.template
    import mull.engine.engine
    import mull.reasoning.profiler
    import mull.turn.turn  # noqa: F401


def _prepare_constrained(path: Path) -> None:
    from mull.engine.sampling import token_trie

    token_trie.prepare(stamps(part_paths(path)))

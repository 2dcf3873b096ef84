"""`mull bench`: prompt-processing and generation speed of a model here or of an endpoint, compared, or tuned."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mull.commands._bench_output import Measured, show_measured
from mull.commands._bench_turns import collect, measure_turns
from mull.commands._lora import Lora
from mull.commands._options import Ctx, Device, GpuLayers, Json, KvType, Model, Threads, TurnFlags
from mull.commands._tune import Subject, backend_for_bench, forget_tuned, show_tuned, tune_model
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import UsageError
from mull.settings import MAX_PARALLEL, EngineSettings, over
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.backends.local import LocalBackend
    from mull.commands._run_config import RunConfig
    from mull.terminal.views.progress import ProgressLine

MOST_TOKENS = 10_000_000  # beyond the context of any model
MOST_ROUNDS = 1_000
MEASURING, TUNING = "Measuring", "Tuning"

Vs = Annotated[
    str | None,
    typer.Option(
        "--vs",
        metavar="WHAT",
        help="Compare with another model, or with other settings: threads=4,kv_type=q8_0",
        show_default=False,
        rich_help_panel=MEASURING,
    ),
]
Prompt = Annotated[
    int,
    typer.Option(
        "--prompt",
        metavar="N",
        min=0,
        max=MOST_TOKENS,
        help="Tokens of the prompt.",
        rich_help_panel=MEASURING,
    ),
]
Tokens = Annotated[
    int,
    typer.Option(
        "--tokens", metavar="N", min=0, max=MOST_TOKENS, help="Tokens to generate.", rich_help_panel=MEASURING
    ),
]
Depth = Annotated[
    list[int] | None,
    typer.Option(
        "--depth",
        metavar="N",
        min=0,
        max=MOST_TOKENS,
        help="Tokens in the context before them (repeatable). Unset: 0 and 2048.",
        show_default=False,
        rich_help_panel=MEASURING,
    ),
]
Rounds = Annotated[
    int,
    typer.Option(
        "--rounds",
        metavar="N",
        min=1,
        max=MOST_ROUNDS,
        help="How many times to measure each.",
        rich_help_panel=MEASURING,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        max=MAX_PARALLEL,
        help="Measure whole turns, also N at a time.",
        show_default=False,
        rich_help_panel=MEASURING,
    ),
]
Tune = Annotated[
    bool,
    typer.Option(
        "--tune",
        help="Find the fastest settings for this model on this machine, and store them.",
        rich_help_panel=TUNING,
    ),
]
Show = Annotated[
    bool,
    typer.Option("--show", help="Show the stored settings; measure nothing.", rich_help_panel=TUNING),
]
Forget = Annotated[
    bool,
    typer.Option("--forget", help="Remove the stored settings of this model.", rich_help_panel=TUNING),
]

Trace = Annotated[
    bool,
    typer.Option(
        "--trace",
        help="Ask one question in a process of its own and show where its time goes; FILE.json gets the trace.",
        rich_help_panel=MEASURING,
    ),
]
File = Annotated[
    str | None,
    typer.Argument(metavar="[FILE.json]", help="With --trace: the file for the trace.", show_default=False),
]

SETTINGS = ("threads", "batch_size", "flash_attention", "kv_type", "gpu_layers", "device", "ctx", "lora")
DEPTHS = (0, 2048)
UNTRACED = ("prompt", "depth", "rounds", "parallel")


def bench(
    context: typer.Context,
    file: File = None,
    model: Model = None,
    trace: Trace = False,
    vs: Vs = None,
    prompt: Prompt = 512,
    tokens: Tokens = 64,
    depth: Depth = None,
    rounds: Rounds = 3,
    parallel: Parallel = None,
    tune: Tune = False,
    show: Show = False,
    forget: Forget = False,
    threads: Threads = None,
    gpu_layers: GpuLayers = None,
    device: Device = None,
    kv_type: KvType = None,
    lora: Lora = None,
    ctx: Ctx = None,
    json: Json = False,
) -> None:
    """Measure prompt-processing and generation speed.

    pp512 is the processing of a prompt of 512 tokens, tg64 the generation of 64 tokens; "@ 2048": with 2048 tokens in
    the context before. With --vs, two models or two settings are measured alternately, so that the ratios hold on a
    busy machine too. The model of an endpoint is measured by whole turns, network included, and so is any model with
    --parallel: "x16" is 16 turns at a time. With --trace nothing is repeated: one question is asked, as mull ask would,
    and shown with the time of each of its stages.
    """
    streams: Streams = context.obj
    if sum((tune, show, forget, trace, vs is not None)) > 1:
        raise UsageError(
            "conflicting_options",
            "--trace, --vs, --tune, --show and --forget exclude each other.",
            "Give only one of them.",
        )
    if file is not None and not trace:
        raise UsageError(
            "usage_error", f'mull bench takes "{file}" with --trace only.', "Name the model with -m."
        )
    flags = TurnFlags(
        model=model,
        threads=threads,
        gpu_layers=gpu_layers,
        device=device,
        kv_type=kv_type,
        lora=lora,
        ctx=ctx,
    )
    if trace:
        from mull.commands._bench_trace import trace_question

        _refuse_untraced(context)
        raise typer.Exit(trace_question(flags, tokens, file, streams, json=json))
    if show:
        show_tuned(streams, json=json)
        return
    from mull.commands._run_config import run_config
    from mull.config import read_config
    from mull.terminal.views.progress import ProgressLine

    run = run_config(flags, read_config()).announced(streams, quiet=json)
    resolved = run.model.resolve()
    if forget:
        forget_tuned(resolved, streams)
        return
    control, view = TurnControl(), ProgressLine(streams, quiet=json)
    subjects = [Subject(resolved.name, resolved, run.for_model(resolved).engine)]
    with stop_on_interrupt(control):
        if tune:
            tune_model(subjects[0], control, view, streams, json=json)
            return
        if vs is not None:
            subjects.append(_other(vs, run))
        run.check_flags(*(subject.resolved for subject in subjects))
        wanted = {"prompt": prompt, "tokens": tokens, "depths": depth or DEPTHS}
        if parallel is not None or any(subject.resolved.address for subject in subjects):
            measured = measure_turns(run, subjects, wanted, rounds, parallel, control, view)
        else:
            measured = _measure(subjects, wanted, rounds, control, view)
    view.clear()
    show_measured(measured, streams, json=json)


def _refuse_untraced(context: typer.Context) -> None:
    """Raises UsageError for options that say what to measure, where one question is traced."""
    for name in UNTRACED:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                "conflicting_options",
                f"--trace and --{name} contradict each other.",
                "Give only one of them.",
            )


def _other(what: str, run: RunConfig) -> Subject:
    """The second subject: another model, or the same one with other settings."""
    from mull import config
    from mull.commands._run_config import not_here

    resolved = run.model.resolve(None if "=" in what else what)
    if "=" not in what:
        return Subject(resolved.name, resolved, run.for_model(resolved).engine)
    if resolved.address is not None:
        raise not_here(resolved.address, [f"--vs {what}"])
    values = {}
    for part in what.replace(",", " ").split():
        name, _, text = part.partition("=")
        if name not in SETTINGS:
            raise UsageError(
                "usage_error", f'--vs has no setting "{name}".', f"It takes {', '.join(SETTINGS)}."
            )
        try:
            values[name] = config.parse(name, text)
        except ValueError as error:
            raise UsageError("usage_error", f"--vs {error}.") from error
    return Subject(what, resolved, over(EngineSettings(**values), run.for_model(resolved).engine))


def _measure(
    subjects: Sequence[Subject],
    wanted: dict[str, Any],
    count: int,
    control: TurnControl,
    view: ProgressLine,
) -> Measured:
    """The decode loop of models on this machine, without templates."""
    from mull.bench.measure import rounds, trials

    with ExitStack() as stack:
        backends: list[LocalBackend] = []
        for subject in subjects:
            backends.append(stack.enter_context(backend_for_bench(subject, control, view, backends)))
        engines = [backend.engine for backend in backends]
        measured = Measured(subjects, [backend.load_seconds for backend in backends])
        every = min((trials(engine, **wanted) for engine in engines), key=len)
        collect(measured, rounds(engines, every, count, lambda: control.stopped), view)
    return measured

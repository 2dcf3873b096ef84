"""The flags that several commands share, each defined once, and the layers of settings that they make.

A flag is an `Annotated` type; a command lists those that it takes. None means unset: weaker layers (environment,
config, the model's defaults) fill it in. Nothing here loads a model.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from mull.commands._argument_checks import check_texts
from mull.commands._choices import EffortChoice, KvChoice, ThinkingChoice
from mull.commands._keep_alive import KeepAlive
from mull.commands._lora import Lora
from mull.commands._panels import PANEL_OF
from mull.commands._sampling_options import (
    AdaptiveDecay,
    AdaptiveTarget,
    Dry,
    DynatempExponent,
    DynatempRange,
    FrequencyPenalty,
    LogitBias,
    MinP,
    Mirostat,
    MirostatEta,
    MirostatTau,
    PresencePenalty,
    RepeatPenalty,
    Seed,
    Temperature,
    TopK,
    TopNSigma,
    TopP,
    TypicalP,
    XtcProbability,
    XtcThreshold,
    number,
)
from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.settings import Effort, EngineSettings, ReasoningAsk, Sampling

LayerT = TypeVar("LayerT", Sampling, EngineSettings)


def completes(what: str) -> Callable[[str], Any]:
    """A function of `_completion.py` for the shell's completion, imported when the shell calls it."""

    def complete(incomplete: str) -> Any:
        return getattr(importlib.import_module("mull.commands._completion"), what)(incomplete)

    return complete


Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME",
        help="A catalogue name, owner/repo[:QUANT], a path to a .gguf file, or MODEL@ENDPOINT.",
        autocompletion=completes("answering_models"),
    ),
]
System = Annotated[
    str | None,
    typer.Option(
        "-s",
        "--system",
        metavar="TEXT",
        help="The system prompt; @FILE: the text of a file.",
        autocompletion=completes("system_files"),
    ),
]
Reason = Annotated[
    bool | None,
    typer.Option(
        "--reason/--no-reason",
        help="Switch thinking on or off. Unset: the model's default.",
        show_default=False,
    ),
]
EffortOption = Annotated[
    EffortChoice | None,
    typer.Option("--effort", help="How much to think; implies --reason.", show_default=False),
]
Budget = Annotated[
    int | None,
    number("think_budget", "--think-budget", help="End the thinking after N tokens and start the answer."),
]
Thinking = Annotated[
    ThinkingChoice | None,
    typer.Option(
        "--thinking",
        help="How to show thinking: auto folds it when the answer starts, show leaves it, fold shows one line, "
        "hide shows nothing.",
        show_default=False,
    ),
]
MaxTokens = Annotated[
    int | None,
    number("max_tokens", "--max-tokens", help="Stop after N generated tokens, thinking included."),
]
Stop = Annotated[
    list[str] | None,
    typer.Option("--stop", metavar="TEXT", help="End the answer before this text (repeatable)."),
]
LoopGuard = Annotated[
    bool | None,
    typer.Option(
        "--loop-guard/--no-loop-guard",
        help="End an answer that repeats itself without end. Unset: on.",
        show_default=False,
    ),
]
Ctx = Annotated[
    int | None,
    number(
        "ctx", "--ctx", help="Context size in tokens. Unset: as needed, up to what memory and model allow."
    ),
]
Threads = Annotated[int | None, number("threads", "--threads", help="Number of CPU threads.")]
GpuLayers = Annotated[
    int | None,
    number("gpu_layers", "--gpu-layers", help="Number of layers on the GPU; -1: all, 0: the CPU alone."),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME,…",
        help="GPUs to use, as mull doctor names them; none: the CPU alone.",
        autocompletion=completes("devices"),
        show_default=False,
    ),
]
KvType = Annotated[
    KvChoice | None,
    typer.Option("--kv-type", help="Type of the KV cache.", show_default=False),
]
Draft = Annotated[
    str | None,
    typer.Option(
        "--draft",
        metavar="NAME",
        help="Draft model for speculative decoding: a small model of the same family; or all, auto, off.",
        autocompletion=completes("drafts"),
        show_default=False,
    ),
]
NoDraft = Annotated[
    bool, typer.Option("--no-draft", help="Disable speculative decoding, prompt lookup included.")
]
ChatTemplate = Annotated[
    str | None,
    typer.Option(
        "--chat-template",
        metavar="NAME|FILE",
        help="Chat template in place of the file's: chatml, llama3, gemma, … or a Jinja file.",
        autocompletion=completes("chat_templates"),
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
Jsonl = Annotated[
    bool,
    typer.Option("--jsonl", help="Print events as JSON Lines; the last one is the result."),
]
Stats = Annotated[bool, typer.Option("--stats", help="Print token counts and speed on stderr.")]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", help="Print no notices and no progress."),
]
Markdown = Annotated[
    bool | None,
    typer.Option("--markdown/--no-markdown", help="Render Markdown on a terminal.", show_default=False),
]
Math = Annotated[
    bool | None,
    typer.Option(
        "--math/--no-math", help="Show formulas as Unicode text, not as LaTeX source.", show_default=False
    ),
]
Resume = Annotated[
    bool,
    typer.Option("-c", "--resume", help="Continue the last conversation."),
]
ContinueAnswer = Annotated[
    bool,
    typer.Option(
        "--continue", help="Continue the last answer where it was cut; with a question, the same as --resume."
    ),
]
Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="NAME",
        help="Continue this conversation, or start it; the beginning of its name is enough.",
        autocompletion=completes("sessions"),
    ),
]
NoSave = Annotated[
    bool,
    typer.Option("--no-save", help="Save nothing of this conversation on disk."),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Do not use the prompt cache on disk (mull cache).")
]


@dataclass(frozen=True, slots=True)
class TurnFlags:
    """The flags that ask, chat and batch share. A field is a flag, defined by its type."""

    model: Model = None
    system: System = None
    reason: Reason = None
    effort: EffortOption = None
    think_budget: Budget = None
    thinking: Thinking = None
    max_tokens: MaxTokens = None
    temperature: Temperature = None
    top_k: TopK = None
    top_p: TopP = None
    min_p: MinP = None
    repeat_penalty: RepeatPenalty = None
    presence_penalty: PresencePenalty = None
    frequency_penalty: FrequencyPenalty = None
    dry_multiplier: Dry = None
    typical_p: TypicalP = None
    top_n_sigma: TopNSigma = None
    xtc_probability: XtcProbability = None
    xtc_threshold: XtcThreshold = None
    dynatemp_range: DynatempRange = None
    dynatemp_exponent: DynatempExponent = None
    mirostat: Mirostat = None
    mirostat_tau: MirostatTau = None
    mirostat_eta: MirostatEta = None
    adaptive_target: AdaptiveTarget = None
    adaptive_decay: AdaptiveDecay = None
    logit_bias: LogitBias = None
    seed: Seed = None
    stop: Stop = None
    loop_guard: LoopGuard = None
    ctx: Ctx = None
    threads: Threads = None
    gpu_layers: GpuLayers = None
    device: Device = None
    kv_type: KvType = None
    lora: Lora = None
    draft: Draft = None
    no_draft: NoDraft = False
    chat_template: ChatTemplate = None
    keep_alive: KeepAlive = None
    markdown: Markdown = None
    math: Math = None
    resume: Resume = False
    continue_answer: ContinueAnswer = False
    session: Session = None
    no_save: NoSave = False
    no_cache: NoCache = False
    stats: Stats = False
    quiet: Quiet = False

    def layer(self, kind: type[LayerT]) -> LayerT:
        """The flags named like the fields of `kind`, as a layer of settings."""
        return kind(**{f.name: _plain(getattr(self, f.name, None)) for f in fields(kind)})

    def reasoning(self) -> ReasoningAsk:
        """The flags' reasoning layer. Raises UsageError for flags that contradict each other."""
        return reasoning_ask(self.reason, _plain(self.effort), self.think_budget)


def reasoning_ask(reason: bool | None, effort: Effort | None, budget: int | None) -> ReasoningAsk:
    """A reasoning layer; an effort implies thinking. Raises UsageError for values that contradict each other."""
    if reason is False and (effort is not None or budget):
        other = "--effort" if effort is not None else "--think-budget"
        raise UsageError(
            "conflicting_options", f"--no-reason and {other} contradict each other.", "Give only one of them."
        )
    return ReasoningAsk(on=True if effort is not None else reason, effort=effort, budget=budget)


def _in_panel(name: str, hint: Any) -> Any:
    """The flag's type, with its group. Copied, as commands with few options show them in one list."""
    option = copy.copy(hint.__metadata__[0])
    option.rich_help_panel = PANEL_OF.get(name, option.rich_help_panel)
    return Annotated[hint.__origin__, option]


@functools.cache
def _parameters(kind: type[TurnFlags]) -> Sequence[inspect.Parameter]:
    """Every flag of the class, in the order of the help."""
    flags = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=_in_panel(f.name, hint)
        )
        for f, hint in zip(fields(kind), get_type_hints(kind, include_extras=True).values(), strict=True)
    ]
    places = {name: place for place, name in enumerate(PANEL_OF)}
    return sorted(flags, key=lambda flag: places.get(flag.name, len(places)))


def takes_turn_flags(command: Callable[..., None], *, without: Collection[str] = ()) -> Callable[..., None]:
    """Decorate a command that has a parameter `flags: TurnFlags` (or a subclass) so that Typer sees every flag of it.

    `without`: fields that are no flags of this command.
    """
    hints = get_type_hints(command, include_extras=True)
    kind = hints["flags"]
    flags = [flag for flag in _parameters(kind) if flag.name not in without]
    own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(command).parameters.values()]

    @functools.wraps(command)
    def run(*args: Any, **values: Any) -> None:
        check_texts(values)
        command(*args, flags=kind(**{p.name: values.pop(p.name) for p in flags}), **values)

    signature = inspect.Signature(
        sorted([*flags, *(p for p in own if p.name != "flags")], key=lambda p: p.kind)
    )
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    del run.__wrapped__  # Typer would read the types from the undecorated command
    return run


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value

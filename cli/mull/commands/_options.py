"""The flags that several commands share, each spelled and explained once, and how they become layers of settings.

A flag is an `Annotated` type; a command lists those that it takes. `None` means "not said", so that weaker layers
(environment, config, the model's own defaults) fill in. Nothing here loads a model.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from mull.errors import UsageError
from mull.settings import Effort, EngineSettings, ReasoningAsk, Sampling

LayerT = TypeVar("LayerT", Sampling, EngineSettings)


class EffortChoice(StrEnum):
    """The values of --effort."""

    low = "low"
    medium = "medium"
    high = "high"


class ThinkingChoice(StrEnum):
    """The values of --thinking."""

    auto = "auto"
    show = "show"
    fold = "fold"
    hide = "hide"


class KvChoice(StrEnum):
    """The values of --kv-type."""

    f16 = "f16"
    q8_0 = "q8_0"
    q4_0 = "q4_0"


def completes(what: str) -> Callable[[str], Any]:
    """The function of `completing.py` that the shell's completion calls, imported when it does."""

    def complete(incomplete: str) -> Any:
        return getattr(importlib.import_module("mull.commands._completion"), what)(incomplete)

    return complete


Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME",
        help="A catalogue name, owner/repo[:QUANT], or a path to a .gguf file.",
        autocompletion=completes("installed_models"),
    ),
]
System = Annotated[
    str | None,
    typer.Option("-s", "--system", metavar="TEXT", help="A system prompt for the model to follow."),
]
Reason = Annotated[
    bool | None,
    typer.Option(
        "--reason/--no-reason", help="Think, or don't. Unset: the model's own default.", show_default=False
    ),
]
EffortOption = Annotated[
    EffortChoice | None,
    typer.Option("--effort", help="How much to think; implies --reason.", show_default=False),
]
Budget = Annotated[
    int | None,
    typer.Option(
        "--think-budget",
        metavar="N",
        min=0,
        help="At most N thinking tokens; then the answer begins.",
        show_default=False,
    ),
]
Thinking = Annotated[
    ThinkingChoice | None,
    typer.Option(
        "--thinking",
        help="How thinking is shown: auto folds it when the answer begins, show leaves it, fold shows one line, "
        "hide leaves none.",
        show_default=False,
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", metavar="N", min=1, help="Stop after N generated tokens, thinking included."
    ),
]
Temperature = Annotated[
    float | None, typer.Option("--temperature", "--temp", metavar="X", min=0.0, help="0 is greedy.")
]
TopK = Annotated[
    int | None, typer.Option("--top-k", metavar="N", min=0, help="Keep the k likeliest tokens; 0 keeps all.")
]
TopP = Annotated[
    float | None,
    typer.Option("--top-p", metavar="X", min=0.0, max=1.0, help="Keep the likeliest up to this sum."),
]
MinP = Annotated[
    float | None,
    typer.Option(
        "--min-p", metavar="X", min=0.0, max=1.0, help="Drop those below this share of the likeliest."
    ),
]
RepeatPenalty = Annotated[
    float | None, typer.Option("--repeat-penalty", metavar="X", min=0.0, help="Above 1: less repetition.")
]
PresencePenalty = Annotated[
    float | None, typer.Option("--presence-penalty", metavar="X", help="Penalty for tokens that occurred.")
]
FrequencyPenalty = Annotated[
    float | None, typer.Option("--frequency-penalty", metavar="X", help="Penalty per occurrence.")
]
Dry = Annotated[
    float | None,
    typer.Option(
        "--dry-multiplier", "--dry", metavar="X", min=0.0, help="DRY penalty on repeated sequences."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, max=2**32 - 2, help="The same seed, the same answer."),
]
Stop = Annotated[
    list[str] | None,
    typer.Option("--stop", metavar="TEXT", help="End the answer before this text (repeatable)."),
]
Ctx = Annotated[
    int | None,
    typer.Option("--ctx", metavar="N", min=8, help="Context size in tokens. Unset: what is needed."),
]
Threads = Annotated[int | None, typer.Option("--threads", metavar="N", min=1, max=512, help="CPU threads.")]
GpuLayers = Annotated[
    int | None, typer.Option("--gpu-layers", metavar="N", min=-1, help="Layers on the GPU; -1 is all.")
]
KvType = Annotated[
    KvChoice | None, typer.Option("--kv-type", help="Type of the KV cache.", show_default=False)
]
Draft = Annotated[
    str | None,
    typer.Option(
        "--draft",
        metavar="NAME",
        help="Speculative decoding with this draft model, a small one of the same family.",
        autocompletion=completes("installed_models"),
        show_default=False,
    ),
]
NoDraft = Annotated[
    bool, typer.Option("--no-draft", help="Disable speculative decoding, prompt lookup included.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="Print events as JSON lines; the last is the result.")]
Stats = Annotated[bool, typer.Option("--stats", help="Print token counts and speed on stderr.")]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="No notices, no progress: the answer and errors only.")
]
Markdown = Annotated[
    bool | None,
    typer.Option("--markdown/--no-markdown", help="Draw Markdown on a terminal.", show_default=False),
]
Resume = Annotated[bool, typer.Option("-c", "--continue", help="Continue the last conversation.")]
Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="NAME",
        help="Continue this conversation; the start of its name is enough.",
        autocompletion=completes("sessions"),
    ),
]
NoSave = Annotated[bool, typer.Option("--no-save", help="Keep nothing of this conversation on disk.")]
NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache", help="Process the whole prompt; read and keep no processed ones (mull cache)."
    ),
]


@dataclass(frozen=True, slots=True)
class TurnFlags:
    """Everything that ask, chat and batch have in common. A field is a flag: its type says how it is spelled."""

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
    seed: Seed = None
    stop: Stop = None
    ctx: Ctx = None
    threads: Threads = None
    gpu_layers: GpuLayers = None
    kv_type: KvType = None
    draft: Draft = None
    no_draft: NoDraft = False
    markdown: Markdown = None
    resume: Resume = False
    session: Session = None
    no_save: NoSave = False
    no_cache: NoCache = False
    stats: Stats = False
    quiet: Quiet = False

    def layer(self, kind: type[LayerT]) -> LayerT:
        """The flags that bear the names of `kind`'s fields, as a layer of settings."""
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


_PANELS = {
    "Model and context": "model ctx threads gpu_layers kv_type draft no_draft no_cache",
    "Prompt": "system files template params",
    "Thinking": "reason effort think_budget thinking thinking_file",
    "Sampling": "max_tokens temperature top_k top_p min_p repeat_penalty presence_penalty frequency_penalty "
    "dry_multiplier seed stop",
    "Answer format": "schema grammar format logprobs",
    "Conversation": "resume session no_save",
    "Output": "json jsonl extract extract_last extract_lang output markdown stats quiet",
}
"""The groups of a command's options in `--help`, for commands that take all of these; by the names of the fields."""
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names.split()}


def _in_panel(name: str, hint: Any) -> Any:
    """The flag's type, with its group. Copied, as commands with few options show them in one list."""
    option = copy.copy(hint.__metadata__[0])
    option.rich_help_panel = _PANEL_OF.get(name, option.rich_help_panel)
    return Annotated[hint.__origin__, option]


def takes_turn_flags(command: Callable[..., None], *, without: Collection[str] = ()) -> Callable[..., None]:
    """Let a command with a parameter `flags: TurnFlags`, or of a kind of it, take all its flags on the command line.

    `without`: names of fields that are no flags of this command.
    """
    hints = get_type_hints(command, include_extras=True)
    kind = hints["flags"]
    flags = [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=_in_panel(f.name, hint)
        )
        for f, hint in zip(fields(kind), get_type_hints(kind, include_extras=True).values(), strict=True)
        if f.name not in without
    ]
    own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(command).parameters.values()]

    @functools.wraps(command)
    def run(*args: Any, **values: Any) -> None:
        command(*args, flags=kind(**{p.name: values.pop(p.name) for p in flags}), **values)

    signature = inspect.Signature(
        sorted([*(p for p in own if p.name != "flags"), *flags], key=lambda p: p.kind)
    )
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    del run.__wrapped__  # Typer would read the types from the undecorated command
    return run


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value

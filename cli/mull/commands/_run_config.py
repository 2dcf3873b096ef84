"""The configuration of one run: flags, environment and config file, merged once, at the top of a command.

Layers, strongest first: flags (with a prompt template's settings where they are unset), environment, a project's file,
the user's file, the sampling that the model's vendor recommends, the built-in defaults. What a file says of one model,
`RunConfig.for_model` adds once it is known, and the last two `Preferences.turn_settings`. Nothing here looks for a
model, and nothing below sees a flag.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from mull.commands._chat_template import template_choice
from mull.commands._keep_alive import KeepAliveChoice, keep_alive_choice
from mull.commands._lora import absolute
from mull.commands._model_choice import ModelChoice
from mull.commands._options import TurnFlags, reasoning_ask
from mull.commands._prompt_cache import prompt_cache_settings
from mull.commands._system import literal, system_text
from mull.config import Config
from mull.conversation.preferences import Preferences
from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.events import Asked
from mull.fs import ownership, paths
from mull.models.resolved import Resolved
from mull.settings import (
    DRAFT_OFF,
    AnswerFormat,
    Effort,
    EngineSettings,
    ParallelSettings,
    PromptCacheSettings,
    ReasoningAsk,
    Sampling,
    over,
)

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.backends.rpc.addresses import Workers
    from mull.endpoints.address import Address
    from mull.terminal.console.streams import Streams

EFFORTS: tuple[Effort, ...] = get_args(Effort)


@dataclass(frozen=True, slots=True)
class ReasoningLayers:
    """What the flags and what the config say about thinking, unmerged: a batch line or an eval mode goes over both."""

    flags: ReasoningAsk
    configured: ReasoningAsk

    def merged(self) -> ReasoningAsk:
        """Where flags switch thinking they replace the config: a configured effort does not undo --no-reason."""
        flags, configured = self.flags, self.configured
        if flags.on is False:
            return flags
        if flags.on is True and flags.effort is None:
            configured = replace(configured, on=None)
        merged = over(flags, configured)
        return merged if merged.on is not False else ReasoningAsk(on=False)

    def with_line(self, line: Mapping[str, Any]) -> ReasoningAsk:
        """With a batch line's `reason`, `effort` and `think_budget` over the flags. Raises UsageError.

        A line's `reason` replaces all that the flags say; its effort or budget replaces their on or off.
        """
        own = reasoning_ask(line.get("reason"), line.get("effort"), line.get("think_budget"))
        flags = self.flags
        if "reason" in line:
            flags = ReasoningAsk()
        elif "effort" in line or line.get("think_budget"):
            flags = replace(flags, on=True if flags.effort is not None else None)
        return replace(self, flags=over(own, flags)).merged()

    def with_mode(self, mode: Asked) -> ReasoningAsk:
        """As a mode of `mull eval` asks: over the flags' budget; `default` leaves it to flags and config."""
        if mode == "off":
            return ReasoningAsk(on=False)
        asked = reasoning_ask(None if mode == "default" else True, mode if mode in EFFORTS else None, None)
        return replace(self, flags=over(asked, self.flags)).merged()


@dataclass(frozen=True, slots=True)
class SessionChoice:
    """The session to resume: the last one (`resume`), or a named one, which is created if it does not exist.

    `system`: a system prompt that replaces the session's own.
    """

    resume: bool = False
    name: str | None = None
    system: str | None = None

    @property
    def resumes(self) -> bool:
        """Whether an earlier conversation is asked for."""
        return self.resume or self.name is not None


@dataclass(frozen=True, slots=True)
class Saving:
    """What a run writes to disk besides its output. Without `sessions`, the conversation lives in memory alone.

    `shared_cache`: the prompt cache of a server that serves other runs too, whatever this one's flags say.
    """

    sessions: bool
    prompt_cache: PromptCacheSettings | None
    shared_cache: PromptCacheSettings | None
    input_history: bool


@dataclass(frozen=True, slots=True)
class ChatScreen:
    """What a chat shows beside its turns. `banner`: how it starts; None: by how many conversations there were.

    `title`: the window's title names the conversation. `notify`: how an answer is announced that took more than
    `notify_after` seconds.
    """

    banner: Literal["full", "line", "off"] | None
    title: bool
    notify: Literal["auto", "bell", "off"]
    notify_after: int


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that was asked of a run; it never changes.

    `preferences` are those of the first turn (a chat changes its own copy). `quiet`: answer and errors only. `stats`:
    figures after each turn. `vi`: the prompt's key bindings are vi's. `local_flags`: the given flags that say how a
    model is loaded on this machine. `notices`: what the config says in vain. `remake`: makes the run for a model; None
    in one that was made for a model.
    """

    model: ModelChoice
    engine: EngineSettings
    reasoning: ReasoningLayers
    preferences: Preferences
    system: str | None
    session: SessionChoice
    saving: Saving
    quiet: bool
    stats: bool
    vi: bool
    screen: ChatScreen
    keep_alive: KeepAliveChoice
    local_flags: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    remake: Callable[[Resolved], RunConfig] | None = field(default=None, compare=False, repr=False)

    def for_model(self, resolved: Resolved) -> RunConfig:
        """The same run with what the config says of this model alone; of a run for a model, itself."""
        return self if self.remake is None else self.remake(resolved)

    def with_answer_format(self, answer_format: AnswerFormat | None) -> RunConfig:
        """The same run with the format of its answer, whose check takes a while."""
        remake = self.remake
        return replace(
            self,
            preferences=replace(self.preferences, answer_format=answer_format),
            remake=remake and (lambda model: remake(model).with_answer_format(answer_format)),
        )

    def announced(self, streams: Streams, *, quiet: bool = False) -> RunConfig:
        """The same run, after its notices were shown."""
        for notice in () if quiet or self.quiet else self.notices:
            streams.note(notice)
        return self

    def open_backend(
        self,
        resolved: Resolved,
        parallel: ParallelSettings | None = None,
        workers: Workers | None = None,
        *,
        switching: bool = False,
    ) -> ChatBackend:
        """A backend for this model. With `parallel` it runs many turns at a time and has no prompt cache on disk.
        `workers`: over other machines.

        Raises what resolving a draft model raises, and UsageError (not_supported) for flags about how a model is loaded
        where a server has loaded it, unless the user is `switching` to it from another model.
        """
        from mull.backends.open import open_backend

        if not switching:
            self.check_flags(resolved)
        if self.remake is not None:
            return self.for_model(resolved).open_backend(resolved, parallel, workers, switching=True)
        if parallel is None and self.keep_alive.applies_to(resolved):
            return self._kept(resolved)
        return open_backend(
            resolved,
            self.engine,
            folders=self.model.folders,
            endpoints=self.model.endpoints,
            prompt_cache=self.saving.prompt_cache if parallel is None else None,
            parallel=parallel,
            workers=workers,
        )

    def check_flags(self, *models: Resolved) -> None:
        """Raises UsageError (not_supported) for flags about loading where servers have loaded all models."""
        addresses = [model.address for model in models if model.address is not None]
        if self.local_flags and len(addresses) == len(models):
            raise not_here(addresses[0], self.local_flags)

    def _kept(self, resolved: Resolved) -> ChatBackend:
        from mull.keep_alive.backend import KeptBackend
        from mull.keep_alive.spec import ServerSpec

        spec = ServerSpec.of(
            resolved,
            self.engine,
            self.keep_alive.seconds,
            folders=self.model.folders,
            prompt_cache=self.saving.shared_cache,
        )
        alone = replace(self, keep_alive=replace(self.keep_alive, seconds=0.0))
        return KeptBackend(
            resolved,
            spec,
            lambda: alone.open_backend(resolved),
            persists=self.saving.prompt_cache is not None,
        )


def run_config(
    flags: TurnFlags,
    config: Config,
    *,
    answer_format: AnswerFormat | None = None,
    logprobs: int | None = None,
    schema_prompt: bool | None = None,
) -> RunConfig:
    """Merge flags, environment and config. Raises UsageError for flags that contradict each other."""

    if flags.system is not None:
        flags = replace(flags, system=literal(system_text(flags.system, pipes=True)))  # a pipe is read once

    def made(config: Config) -> RunConfig:
        run = _merged(flags, config)
        preferences = replace(
            run.preferences,
            answer_format=answer_format,
            logprobs=logprobs,
            schema_prompt=config["schema_prompt"] if schema_prompt is None else schema_prompt,
        )
        return replace(run, preferences=preferences)

    def made_for(model: Resolved) -> RunConfig:
        run = made(config.for_model(model.names))
        own = config.of_model(model.names).keys() & {f.name for f in fields(EngineSettings)}
        if model.address is None or not own:
            return run
        text = (
            f"The config's {', '.join(sorted(own))} for {model.name} has no effect: its server has loaded it."
        )
        return replace(run, notices=(*run.notices, text))

    return replace(made(config), remake=made_for)


def _merged(flags: TurnFlags, config: Config) -> RunConfig:
    reasoning = ReasoningLayers(flags.reasoning(), config.reasoning())
    sessions = config["save"] and not flags.no_save
    # llama.cpp reads the states back without checks: others must not be able to write them.
    safe = config["prefix_cache"] and config["save"] and ownership.weakness(paths.cache_dir()) is None
    cache = prompt_cache_settings(config) if safe else None
    return RunConfig(
        model=ModelChoice(
            flag=flags.model,
            environment=os.environ.get("MULL_MODEL"),
            configured=config["model"],
            folders=tuple(config.model_folders()),
            endpoints=config.endpoints,
            aliases=config.aliases,
            ignored=config.ignored_aliases,
        ),
        engine=_engine(flags, config),
        reasoning=reasoning,
        preferences=Preferences(
            reasoning=reasoning.merged(),
            sampling=over(flags.layer(Sampling), config.sampling()),
            max_tokens=flags.max_tokens or config["max_tokens"],
            stop=tuple(flags.stop or ()),
            thinking=flags.thinking.value if flags.thinking else config["thinking"],
            markdown=config["markdown"] if flags.markdown is None else flags.markdown,
            math=config["math"] if flags.math is None else flags.math,
            context_full=config["context_full"],
            loop_guard=config["loop_guard"] if flags.loop_guard is None else flags.loop_guard,
        ),
        system=_system(flags.system if flags.system is not None else config["system"]),
        session=SessionChoice(flags.resume or flags.continue_answer, flags.session, _system(flags.system)),
        saving=Saving(sessions, None if flags.no_save or flags.no_cache else cache, cache, config["history"]),
        quiet=flags.quiet,
        stats=flags.stats,
        vi=config["keys"] == "vi",
        screen=ChatScreen(config["banner"], config["title"], config["notify"], config["notify_after"]),
        keep_alive=keep_alive_choice(flags.keep_alive, config),
        local_flags=_local_flags(flags),
        notices=config.notices,
    )


def _system(given: str | None) -> str | None:
    return None if given is None else system_text(given)


def _local_flags(flags: TurnFlags) -> tuple[str, ...]:
    """The spellings of the given flags that say how a model is loaded."""
    layer = flags.layer(EngineSettings)
    given = [f.name for f in fields(layer) if getattr(layer, f.name) is not None]
    given += [name for name in ("no_draft", "keep_alive") if getattr(flags, name)]
    return tuple(f"--{name.replace('_', '-')}" for name in given)


def not_here(address: Address, flags: Sequence[str]) -> UsageError:
    """The error for flags about how a model is loaded where its server has loaded it."""
    *most, last = flags
    named = f"{', '.join(most)} and {last}" if most else last
    verb = "say" if most else "says"
    return UsageError(
        "not_supported",
        f"{named} {verb} how a model is loaded on this machine; {address} is loaded by its server.",
        "Leave it out, and set it where the server is started.",
    )


def _engine(flags: TurnFlags, config: Config) -> EngineSettings:
    if flags.no_draft and flags.draft:
        raise UsageError(
            "conflicting_options", "--draft and --no-draft contradict each other.", "Give one of them."
        )
    merged = over(flags.layer(EngineSettings), config.engine())
    if merged.chat_template:
        merged = replace(merged, chat_template=template_choice(merged.chat_template))
    if merged.lora:
        merged = replace(merged, lora=tuple(map(absolute, merged.lora)))
    if merged.draft:
        merged = replace(merged, draft=config.expand(merged.draft))
    return replace(merged, draft=DRAFT_OFF) if flags.no_draft else merged

"""From flags, environment, config and catalogue to one plan: which model, loaded how, asked how, shown how.

Layers, strongest first: flags, environment, config file, what the model's vendor advises, the built-in defaults.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mull import config
from mull.commands._options import TurnFlags
from mull.errors import UsageError
from mull.fs import paths
from mull.messages import Message
from mull.models.resolve import Resolved, resolve
from mull.settings import (
    DEFAULT_SAMPLING,
    DRAFT_AUTO,
    DRAFT_OFF,
    EngineSettings,
    PromptCacheSettings,
    ReasoningAsk,
    Sampling,
    ThinkingView,
    TurnSettings,
    over,
)

if TYPE_CHECKING:
    from mull.engine.kv.state_store import StateStore


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything a command needs before a model is loaded."""

    resolved: Resolved
    engine: EngineSettings
    turn: TurnSettings
    system: str | None
    thinking: ThinkingView
    markdown: bool
    save: bool
    prompt_cache: PromptCacheSettings | None = None

    def messages(self, question: str) -> list[Message]:
        """A fresh conversation with this question."""
        system = [Message("system", self.system)] if self.system else []
        return [*system, Message("user", question)]


def merge(flags: TurnFlags, settings: config.Config) -> RunConfig:
    """Merge every layer and find the model's file. Raises UsageError and what `resolve` raises."""
    resolved = resolve(
        flags.model,
        environment=os.environ.get("MULL_MODEL"),
        configured=settings["model"],
        folders=settings.model_folders(),
    )
    return RunConfig(
        resolved=resolved,
        engine=_engine(flags, settings),
        turn=turn_settings(flags, settings, resolved),
        system=flags.system if flags.system is not None else settings["system"],
        thinking=flags.thinking.value if flags.thinking else settings["thinking"],
        markdown=settings["markdown"] if flags.markdown is None else flags.markdown,
        save=settings["save"] and not flags.no_save,
        prompt_cache=_prompt_cache(flags, settings),
    )


def _engine(flags: TurnFlags, settings: config.Config) -> EngineSettings:
    """How to load; a model that drafts is named by its file from here on. Raises what `resolve` raises for it."""
    if flags.no_draft and flags.draft:
        raise UsageError(
            "conflicting_options", "--draft and --no-draft contradict each other.", "Give one of them."
        )
    merged = over(flags.layer(EngineSettings), settings.engine())
    if flags.no_draft:
        return replace(merged, draft=DRAFT_OFF)
    if merged.draft in {None, DRAFT_AUTO, DRAFT_OFF}:
        return merged
    return replace(merged, draft=str(resolve(merged.draft, folders=settings.model_folders()).path))


def open_state_store(settings: config.Config) -> StateStore:
    """The prompt cache on disk."""
    from mull.engine.kv.state_store import StateStore

    wanted = prompt_cache_settings(settings)
    return StateStore(wanted.folder, wanted.limit)


def prompt_cache_settings(settings: config.Config) -> PromptCacheSettings:
    """Where prompts are cached between runs, and how many bytes they may take."""
    gigabytes = settings["prefix_cache_gb"]
    return PromptCacheSettings(
        paths.cache_dir() / "prefixes", None if gigabytes is None else int(gigabytes * 1e9)
    )


def _prompt_cache(flags: TurnFlags, settings: config.Config) -> PromptCacheSettings | None:
    """None where prompts are neither written to the cache nor looked up in it."""
    wanted = settings["prefix_cache"] and settings["save"] and not (flags.no_save or flags.no_cache)
    return prompt_cache_settings(settings) if wanted else None


def turn_settings(flags: TurnFlags, settings: config.Config, resolved: Resolved) -> TurnSettings:
    """The layers of one turn, the vendor's advice among them. Raises UsageError where flags contradict each other."""
    said = over(flags.layer(Sampling), settings.sampling())
    reasoning = _reasoning(flags, settings.reasoning())
    return TurnSettings(
        reasoning=reasoning,
        sampling=over(said, over(resolved.sampling(reasoning.on), DEFAULT_SAMPLING)),
        max_tokens=flags.max_tokens or settings["max_tokens"],
        stop=tuple(flags.stop or ()),
    )


def _reasoning(flags: TurnFlags, configured: ReasoningAsk) -> ReasoningAsk:
    """Flags beat the config as a whole where they switch: --no-reason is not undone by a configured effort."""
    asked = flags.ask()
    if asked.on is False:
        return asked
    if asked.on is True and asked.effort is None:
        configured = ReasoningAsk(effort=configured.effort, budget=configured.budget)
    merged = over(asked, configured)
    return merged if merged.on is not False else ReasoningAsk(on=False)

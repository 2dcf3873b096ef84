"""The prompt cache on disk, as the config sets it up: its folder and its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mull.config import Config
from mull.fs import paths
from mull.settings import PromptCacheSettings

if TYPE_CHECKING:
    from mull.engine.kv.state_store import StateStore


def prompt_cache_settings(config: Config) -> PromptCacheSettings:
    """Where prompts are cached between runs, and how many bytes they may take."""
    gigabytes = config["prefix_cache_gb"]
    limit = None if gigabytes is None else int(gigabytes * 1e9)
    return PromptCacheSettings(paths.cache_dir() / "prefixes", limit)


def open_state_store(config: Config) -> StateStore:
    """The cache itself, for the commands that list and clear it."""
    from mull.engine.kv.state_store import StateStore

    settings = prompt_cache_settings(config)
    return StateStore(settings.folder, settings.limit)

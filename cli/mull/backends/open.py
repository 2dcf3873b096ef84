"""From a resolved model to a backend that answers with it.

In: what `models/resolve.py` found, and how to run it. Out: a `ChatBackend`, not loaded yet. It imports a backend only
when it makes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mull.models.resolve import Resolved
from mull.settings import EngineSettings, ParallelSettings, PromptCacheSettings

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend


def open_backend(
    resolved: Resolved,
    engine: EngineSettings,
    *,
    prompt_cache: PromptCacheSettings | None = None,
    parallel: ParallelSettings | None = None,
) -> ChatBackend:
    """A backend for this model. `parallel`: for how many turns at a time (None: one)."""
    from mull.backends.local import LocalBackend

    return LocalBackend(resolved, engine, prompt_cache=prompt_cache, parallel=parallel)

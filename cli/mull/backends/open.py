"""From a resolved model to a backend that answers with it.

In: what `models/resolve.py` found, and how to run it. Out: a `ChatBackend`, not loaded yet. It imports a backend only
when it makes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mull.models.resolve import find
from mull.models.resolved import Resolved
from mull.settings import EngineSettings, ParallelSettings, PromptCacheSettings, draft_model_in

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.backends.rpc.addresses import Workers
    from mull.endpoints.endpoint import Endpoint


def open_backend(
    resolved: Resolved,
    engine: EngineSettings,
    *,
    folders: Sequence[Path] = (),
    endpoints: Mapping[str, Endpoint] = MappingProxyType({}),
    prompt_cache: PromptCacheSettings | None = None,
    parallel: ParallelSettings | None = None,
    workers: Workers | None = None,
) -> ChatBackend:
    """A backend for this model. `parallel`: for how many turns at a time (None: one). `workers`: over other machines.

    `folders`: where a draft model is looked for, beside the known caches; one of `endpoints` is refused. Raises what
    `resolve.find` raises for it.
    """
    if resolved.address is not None:
        from mull.backends.openai.backend import OpenAIBackend
        from mull.endpoints.http import Client

        endpoint = resolved.address.endpoint
        return OpenAIBackend(
            Client.of(endpoint),
            resolved.address.model,
            width=parallel.width if parallel else None,
            context=endpoint.context,
        )
    from mull.backends.local import LocalBackend

    _ = resolved.file  # raises where no branch above knows a backend for the model
    if draft := draft_model_in(engine.draft):
        engine = replace(engine, draft=str(find(draft, folders=folders, endpoints=endpoints).file))
    if workers is not None:
        from mull.backends.rpc.backend import RpcBackend

        return RpcBackend(resolved, engine, workers.addresses, parallel=parallel, patience=workers.patience)
    return LocalBackend(resolved, engine, prompt_cache=prompt_cache, parallel=parallel)

"""The models of endpoints for completion and pickers: remembered for a while, asked for within a short time.

In: endpoints. Out: the names of each one's models. Nothing raises: an endpoint that does not answer has no models, or
those that it had before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mull.endpoints.endpoint import Endpoint
from mull.fs import paths
from mull.fs.json_cache import JsonCache

if TYPE_CHECKING:
    from mull.endpoints.probe import Report

FRESH_SECONDS = 60.0
AWAY_SECONDS = 10.0
"""For how long an endpoint that did not answer is not asked again."""
WAIT_SECONDS = 0.3
"""What a press of Tab may wait for the network."""
_MOST = 500  # names of an endpoint
_LONGEST = 200  # characters of a name


def known_models(endpoints: Iterable[Endpoint], *, wait: float = WAIT_SECONDS) -> Mapping[str, Sequence[str]]:
    """The models of each endpoint, by its name. `wait`: seconds for those not asked lately; 0: nothing is asked."""
    cache, now = _cache(), time.time()
    known: dict[str, Sequence[str]] = {}
    stale = []
    for endpoint in endpoints:
        entry = cache.get(endpoint.url) or {}
        known[endpoint.name] = _names(entry.get("models"))
        if not _is_fresh(entry, now):
            stale.append(endpoint)
    if stale and wait > 0:
        from mull.endpoints.probe import probe

        reports = probe(stale, seconds=wait)
        remember(reports)
        known |= {one.endpoint.name: one.models for one in reports if one.server is not None}
    return known


def remember(reports: Iterable[Report]) -> None:
    """Store what endpoints answered; of one that did not, only when that was."""
    cache, now = _cache(), time.time()
    for report in reports:
        before = cache.get(report.endpoint.url) or {}
        answers = report.server is not None
        models = list(_names(list(report.models))) if answers else before.get("models", [])
        cache.put(report.endpoint.url, {"time": now, "answers": answers, "models": models})


def _cache() -> JsonCache:
    return JsonCache(paths.cache_dir() / "endpoints.json")


def _is_fresh(entry: Mapping[str, Any], now: float) -> bool:
    asked = entry.get("time")
    if not isinstance(asked, int | float):
        return False
    return 0 <= now - asked < (FRESH_SECONDS if entry.get("answers") else AWAY_SECONDS)


def _names(value: Any) -> Sequence[str]:
    """The names in a list from a file or a server: those that can be shown and typed."""
    if not isinstance(value, list):
        return ()
    found = [name for name in value if isinstance(name, str) and name.isprintable() and len(name) <= _LONGEST]
    return found[:_MOST]

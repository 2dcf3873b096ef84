"""Search the Hub for repositories with GGUF files.

In: words. Out: `SearchHit`s, the most downloaded first. A limited rate of requests is waited for. Raises HubError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mull.dataclass import dataclass
from mull.models.hub.answer import json_of
from mull.models.hub.client import RetryPolicy, get, with_retries
from mull.models.hub.errors import HubError
from mull.models.hub.failures import explain

_FIELDS = ["downloads", "likes", "lastModified", "tags", "gated"]


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One repository. `licence` as tagged on its page; `gated`: terms have to be accepted before a download."""

    repo: str
    downloads: int
    likes: int
    updated: str
    licence: str
    gated: bool


def search(
    words: str,
    limit: int = 20,
    *,
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - a frozen value
    on_retry: Callable[[float, HubError], None] = lambda _seconds, _error: None,
) -> list[SearchHit]:
    """Up to `limit` repositories tagged gguf whose names contain the words. Raises HubError.

    `on_retry` gets the seconds until the next try and the failure.
    """
    asked = {"search": words, "filter": "gguf", "sort": "downloads", "direction": "-1", "limit": str(limit)}

    def ask() -> list[SearchHit]:
        try:
            answer = get("/api/models", **asked, expand=_FIELDS)
            return [_found(info) for info in json_of(answer)[:limit]]
        except Exception as error:
            failure = explain(error, words)
            if failure is None or failure is error:
                raise
            failure.transient = failure.code == "rate_limited"
            raise failure from error

    return with_retries(ask, words, "main", retry, threading.Event(), on_retry)


def _found(info: dict[str, Any]) -> SearchHit:
    tags = [str(tag) for tag in info.get("tags") or ()]
    return SearchHit(
        repo=str(info["id"]),
        downloads=int(info.get("downloads") or 0),
        likes=int(info.get("likes") or 0),
        updated=str(info.get("lastModified") or "")[:10],
        licence=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), ""),
        gated=bool(info.get("gated")),
    )

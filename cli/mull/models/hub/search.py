"""Search the Hub for repositories with GGUF files.

In: words. Out: `SearchHit`s, the most downloaded first, from one request. Raises HubError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mull.models.hub.answer import json_of
from mull.models.hub.client import get
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


def search(words: str, limit: int = 20) -> list[SearchHit]:
    """Up to `limit` repositories tagged gguf whose names contain the words. Raises HubError."""
    asked = {"search": words, "filter": "gguf", "sort": "downloads", "direction": "-1", "limit": str(limit)}
    try:
        answer = get("/api/models", **asked, expand=_FIELDS)
        return [_found(info) for info in json_of(answer)[:limit]]
    except Exception as error:
        explained = explain(error, words)
        if explained is None or explained is error:
            raise
        raise explained from error


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

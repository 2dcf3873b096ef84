"""Repositories on the Hub that hold GGUF files, by words.

In: words. Out:
`SearchHit`s, the most downloaded first. One request through huggingface_hub, imported when first needed;
failures become `HubError`s that say what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mull.models.hub.client import explain, get

_FIELDS = ["downloads", "likes", "lastModified", "tags", "gated"]


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One repository. `licence` as its page tags it; `gated`: a page has to be accepted before downloading."""

    repo: str
    downloads: int
    likes: int
    updated: str
    licence: str
    gated: bool


def search(words: str, limit: int = 20) -> list[SearchHit]:
    """Up to `limit` repositories tagged gguf whose names hold the words. Raises HubError."""
    asked = {"search": words, "filter": "gguf", "sort": "downloads", "direction": "-1", "limit": str(limit)}
    try:
        answer = get("/api/models", **asked, expand=_FIELDS)
        return [_found(info) for info in answer.json()[:limit]]
    except Exception as error:
        told = explain(error, words)
        if told is None:
            raise
        raise told from error


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

"""A cache of memory layouts of local files: reading a header with a large vocabulary takes a tenth of a second.

In: the parts of a model on disk. Out: its layout: cached while the parts are unchanged, else read from their headers.
`LayoutCache` reads those of many models as long as there is time, `stored_layout` that of one that is loaded. The cache
is a JSON file in the state folder; a damaged or unwritable one only costs time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mull.errors import ModelFileError, MullError
from mull.fs.file_stamp import versioned
from mull.fs.json_cache import JsonCache
from mull.models.gguf.chat_template import choose_template
from mull.models.gguf.header import DAMAGED, read_header
from mull.models.gguf.kind import other_kind, part_problem
from mull.models.memory.kv_size import KvLayers
from mull.models.memory.layout import MemoryLayout, from_headers

_FORMAT = 4  # of an answer; others are ignored


class LayoutCache:
    """Layouts cached in `record` (None: not cached). `seconds`: for how long headers may be read in all."""

    def __init__(self, record: Path | None, seconds: float) -> None:
        self._cache = JsonCache(record) if record is not None else None
        self._left = seconds
        self._answers: dict[str, dict[str, Any]] = {}
        self._fresh = False

    def of(self, parts: Sequence[Path]) -> MemoryLayout | None:
        """The layout, or None: not readable, not a language model, or no time left."""
        try:
            key = " ".join(map(versioned, parts))
        except OSError:
            return None
        answer = self._answers.get(key) or (self._cache.get(key) if self._cache is not None else None)
        if answer is not None and answer.get("format") == _FORMAT:
            try:
                layout = _layout(answer["layout"])
            except (KeyError, TypeError, AttributeError):  # a damaged answer
                pass
            else:
                self._answers[key] = answer
                return layout
        if self._left <= 0:
            return None
        began = time.monotonic()
        found, kind, base = _read(parts)
        self._left -= time.monotonic() - began
        shape = asdict(found) if found else None
        self._answers[key] = {"format": _FORMAT, "layout": shape, "kind": kind, "base": base}
        self._fresh = True
        return found

    def kind(self, parts: Sequence[Path]) -> str:
        """What the file is instead of a language model, as far as `of` has read it; empty for a model."""
        return str(self._known(parts).get("kind") or "")

    def base(self, parts: Sequence[Path]) -> bool:
        """Whether the file has no chat template, as far as `of` has read it."""
        return self._known(parts).get("base") is True

    def _known(self, parts: Sequence[Path]) -> dict[str, Any]:
        with suppress(OSError):
            return self._answers.get(" ".join(map(versioned, parts)), {})
        return {}

    def save(self) -> None:
        """Store the layouts that were asked for; others, whose files may be gone, are dropped."""
        if self._cache is not None and self._fresh:
            self._cache.replace(self._answers)


def stored_layout(
    parts: Sequence[Path], record: Path | None, read: Callable[[], MemoryLayout]
) -> MemoryLayout:
    """The layout of one model, `read` once and stored in `record` (None: nowhere) until its files change.

    Raises what `read` raises.
    """
    try:
        key = " ".join(map(versioned, parts))
    except OSError:
        return read()
    if record is None:
        return read()
    cache = JsonCache(record)
    answer = cache.get(key)
    if answer is not None and answer.get("format") == _FORMAT:
        with suppress(KeyError, TypeError, AttributeError):  # a damaged answer
            if (layout := _layout(answer["layout"])) is not None:
                return layout
    layout = read()
    cache.put(key, {"format": _FORMAT, "layout": asdict(layout)})
    return layout


def _read(parts: Sequence[Path]) -> tuple[MemoryLayout | None, str, bool]:
    """The layout, what the file is instead of a language model, and whether it is a base model."""
    try:
        headers = [read_header(part) for part in parts]
        if kind := other_kind(headers[0]) or part_problem(headers[0], parts[0]):
            return None, kind, False
        return from_headers(headers), "", choose_template(headers[0]).source is None
    except ModelFileError as error:
        return None, "a damaged file" if error.code == DAMAGED else "", False
    except (MullError, OSError):
        return None, "", False


def _layout(value: dict[str, Any] | None) -> MemoryLayout | None:
    """Raises KeyError, TypeError or AttributeError where the value is not a layout."""
    if value is None:
        return None
    groups = {name: tuple(KvLayers(**group) for group in value[name]) for name in ("kv", "nextn")}
    return MemoryLayout(**value | groups)

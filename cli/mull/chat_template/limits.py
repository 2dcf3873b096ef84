"""Limits and words that the template's modules share. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_SOURCE = 1_000_000  # characters; the longest published chat templates have some 20,000
TEXT_FLOOR, TEXT_FACTOR = 1_000_000, 4  # most characters of one text: a floor, plus a multiple of the input
# Of the renderer process: bytes beyond what it uses at its start, and more per byte of a request.
MEMORY, MEMORY_PER_BYTE = 128 << 20, 16
OUT_OF_MEMORY = 3  # its exit code
HINT: Final = "Use another file of this model, or look at its template with: mull inspect FILE"
NO_ARGUMENTS: Final[Mapping[str, Any]] = {}


def one_line(error: object) -> str:
    """An error's text as one short line that ends with a full stop."""
    return " ".join(str(error).split())[:300].rstrip(".") + "."


def characters(value: Any) -> int:
    """The number of characters in a value, for the budget."""
    count, heap = 0, [value]
    while heap:
        item = heap.pop()
        if isinstance(item, str):
            count += len(item)
        elif isinstance(item, Mapping):
            heap += item.values()
        elif isinstance(item, (list, tuple)):
            heap += item
    return count

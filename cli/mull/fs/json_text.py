"""Parse JSON that others wrote: any text becomes a value that the rest of mull can handle, or a ValueError in words.

In: text or bytes. Out: the value. Refused: nesting deeper than `DEEPEST` (code that walks the value would fail later),
NaN and Infinity (no JSON), numbers of thousands of digits, half a surrogate pair (no UTF-8 can hold it).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from mull.fs.text import read_bytes

DEEPEST = 200
"""Levels of lists and objects. Python's own limit is about a thousand calls, and some walk two or three for a level."""

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; bytes are UTF-8. Raises ValueError (JSONDecodeError where it has a place)."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise ValueError("it is nested too deeply")
    if _HALF_PAIR.search(text) and _has_half_pair(value):
        raise ValueError("it contains half a surrogate pair")
    return value


def read_json(path: Path, *, most: int, pipes: bool = False) -> Any:
    """The value of a JSON file of at most `most` bytes. Raises OSError, ValueError."""
    return parse_json(read_bytes(path, most=most, pipes=pipes))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [part for whole in level if isinstance(whole, list | dict) for part in _parts(whole)]
        if not level:
            return False
    return any(isinstance(part, list | dict) for part in level)


def _parts(whole: list[Any] | dict[str, Any]) -> list[Any]:
    return list(whole.values()) if isinstance(whole, dict) else whole


def _has_half_pair(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False

"""Parse JSON that others wrote: any text becomes a value that the rest of mull can handle, or a ValueError in words.

In: text or bytes. Out: the value. Refused: nesting deeper than `DEEPEST` (code that walks the value would fail later),
more than `MOST_VALUES` (Python needs thirty times the text for them), NaN and Infinity (no JSON), numbers of thousands
of digits, half a surrogate pair (no UTF-8 can hold it).
"""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any, NoReturn

from mull.fs.text import read_bytes

DEEPEST = 200
"""Levels of lists and objects. Python's own limit is about a thousand calls, and some walk two or three for a level."""
MOST_VALUES = 2_000_000

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# A string as a whole, or what begins another value. Linear also for a string without an end.
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{,]', re.DOTALL)


def parse_json(text: str | bytes, *, lenient: bool = False) -> Any:
    """The value of a JSON text; bytes are UTF-8. Raises ValueError (JSONDecodeError where it has a place).

    `lenient`, for what an earlier mull may have written: NaN passes, and half a surrogate pair becomes U+FFFD.
    """
    if isinstance(text, bytes):
        text = text.removeprefix(codecs.BOM_UTF8).decode()  # the codec utf-8-sig is written in Python
    if _most_values(text) > MOST_VALUES and _values(text) > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    try:
        value = json.loads(text) if lenient else json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise ValueError("it is nested too deeply")
    if lenient:
        return valid_unicode(value) if _HALF_PAIR.search(text) else value
    if _HALF_PAIR.search(text) and _has_half_pair(value):
        raise ValueError("it contains half a surrogate pair")
    return value


def read_json(path: Path, *, most: int, pipes: bool = False) -> Any:
    """The value of a JSON file of at most `most` bytes. Raises OSError, ValueError."""
    return parse_json(read_bytes(path, most=most, pipes=pipes))


def valid_unicode(value: Any) -> Any:
    """Half of a surrogate pair, which is no character, becomes U+FFFD, in keys and values."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [valid_unicode(each) for each in value]
    if isinstance(value, dict):
        return {valid_unicode(name): valid_unicode(each) for name, each in value.items()}
    return value


def _most_values(text: str) -> int:
    """No text has more values than this; fast."""
    return text.count(",") + text.count("[") + text.count("{") + 1


def _values(text: str) -> int:
    return 1 + sum(1 for found in _STRUCTURE.finditer(text) if not found[0].startswith('"'))


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

"""Parse TOML that others may have written, within limits of nesting.

In: a text. Out: what `tomllib.loads` returns. Raises tomllib.TOMLDecodeError, for a text beyond the limits too.
tomllib takes memory and time quadratic in the parts of a dotted key: 20,000 of them, 40 kB, take 1.6 GB.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

MOST_PARTS = 64
"""Parts of a dotted key."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*{_PART}(?:\.[ \t]*{_PART}){{{MOST_PARTS}}}", re.MULTILINE)


def check_toml(text: str) -> None:
    """Raises tomllib.TOMLDecodeError for a key with more than `MOST_PARTS` parts."""
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise tomllib.TOMLDecodeError(f"A key has more than {MOST_PARTS} parts (at line {line}, column 1)")


def loads(text: str) -> dict[str, Any]:
    """The document as a dict. Raises tomllib.TOMLDecodeError."""
    check_toml(text)
    return tomllib.loads(text)

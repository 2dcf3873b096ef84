"""Parse TOML that others may have written, within limits of nesting, and find the line of a key.

In: a text. Out: what `tomllib.loads` returns. Raises tomllib.TOMLDecodeError, for a text beyond the limits too.
tomllib takes memory and time quadratic in the parts of a dotted key: 20,000 of them, 40 kB, take 1.6 GB.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

MOST_PARTS = 64
"""Parts of a dotted key."""
_MOST_LINES = 20  # that look as if they set a key

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*{_PART}(?:\.[ \t]*{_PART}){{{MOST_PARTS}}}", re.MULTILINE)


def check_toml(text: str) -> None:
    """Raises tomllib.TOMLDecodeError for a key with more than `MOST_PARTS` parts."""
    if found := _LONG_KEY.search(text):
        import tomllib

        line = text.count("\n", 0, found.start()) + 1
        raise tomllib.TOMLDecodeError(f"A key has more than {MOST_PARTS} parts (at line {line}, column 1)")


def loads(text: str) -> dict[str, Any]:
    """The document as a dict. Raises tomllib.TOMLDecodeError."""
    import tomllib  # here, as a question without a config file parses no TOML

    check_toml(text)
    return tomllib.loads(text)


def line_of(text: str, name: str, *tables: str) -> int | None:
    """The line, counted from 1, on which a valid TOML text sets this key, at its top or in the table (`a`, `b` is
    `[a.b]`); None if not found.

    `name = …` may also stand in a text of several lines: the lines before it are then no TOML by themselves.
    """
    import json
    import tomllib

    pattern = rf"""^[ \t]*["']?{re.escape(name)}["']?[ \t]*="""
    for found in itertools.islice(re.finditer(pattern, text, re.MULTILINE), _MOST_LINES):
        try:
            values: Any = tomllib.loads(f"{text[: found.start()]}\n{json.dumps(name)} = 0")
        except (ValueError, RecursionError):
            continue
        for table in tables:
            values = values.get(table, {}) if isinstance(values, dict) else {}
        if name in values:
            return text.count("\n", 0, found.start()) + 1
    return None


def line_of_table(text: str, *tables: str) -> int | None:
    """The line of the header `[a.b]`, or of the key that sets the table; None if not found."""
    dot = r"[ \t]*\.[ \t]*"
    header = dot.join(rf"""["']?{re.escape(table)}["']?""" for table in tables)
    found = re.search(rf"^[ \t]*\[[ \t]*{header}[ \t]*\]", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else line_of(text, tables[-1], *tables[:-1])

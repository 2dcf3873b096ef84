"""The text form of a list: texts separated as in PATH, or a list as TOML and JSON write it.

In: a text of the command line or the environment. Out: its texts. Raises ValueError for a list that is malformed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mull.fs.toml_text import loads


def split_list(text: str) -> list[str]:
    """The texts. One that begins like a list in brackets, `["`, `['` or `[]`, has to be one of TOML or JSON."""
    if not text.strip().startswith(('["', "['", "[]")):
        return [part for part in text.split(os.pathsep) if part]
    try:
        found = loads(f"list = {text.strip()}\n")
    except (ValueError, RecursionError):
        found = {}
    items = found.get("list")
    if len(found) != 1 or not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f'a list of texts: ONE{os.pathsep}TWO, or ["ONE", "TWO"]')
    return items


def join_list(items: Sequence[str]) -> str:
    """A text that `split_list` reads as these texts, in the shortest form."""
    plain = os.pathsep.join(items)
    if split_or_none(plain) == list(items):
        return plain
    import json

    return json.dumps(list(items), ensure_ascii=False)


def split_or_none(text: str) -> list[str] | None:
    """The texts; None for a malformed list."""
    try:
        return split_list(text)
    except ValueError:
        return None

"""The bundled catalogue as JSON, stored in the state folder: its TOML takes 20 ms to parse, before every answer.

In: a catalogue file and the function that parses it. Out: its raw tables and its date, parsed once until the file
changes. Raises what the function raises; a damaged or unwritable store only costs time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mull.fs import paths
from mull.fs.file_stamp import versioned
from mull.fs.json_cache import JsonCache

Parsed = tuple[list[dict[str, Any]], str]


def parsed_once(path: Path, parse: Callable[[Path], Parsed]) -> Parsed:
    """The tables and the date. Only for a file that nothing but an installation changes: the key is size and time."""
    try:
        key = versioned(path)
    except OSError:
        return parse(path)
    cache = JsonCache(paths.state_dir() / "catalogue.json")
    answer = cache.get(key) or {}
    tables, date = answer.get("tables"), answer.get("updated")
    if isinstance(tables, list) and all(isinstance(one, dict) for one in tables) and isinstance(date, str):
        return tables, date
    tables, date = parse(path)
    cache.put(key, {"tables": tables, "updated": date})
    return tables, date

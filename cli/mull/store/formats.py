"""The formats of an exported session: for `mull sessions export`, `/export` and its completion.

In a module that imports nothing heavy, because `--help` and completion read it.
"""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """The name of a format, which is also the suffix of its files."""

    md = "md"
    html = "html"
    json = "json"

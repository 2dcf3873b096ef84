"""docs/errors.md: exit codes, error codes and notices, from `error_codes.toml`.

In: that file, which a test compares with the sources. Out: the page as Markdown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).with_name("error_codes.toml")
INTRO = """# Errors

Generated from the table of error codes by `make docs`.

A command that fails writes one sentence and one hint to stderr. With `--json` and `--jsonl` the result carries them as
`error`: `code` is stable and listed here, `message` and `hint` are for people and may change. A line of `mull batch`
that fails has its own `error`, and the command then ends with exit code 1. In a chat an error ends nothing.
"""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One fault. Where `exits` has two values, 2 is for a fault on the command line, 1 for one that shows up later."""

    code: str
    exits: tuple[int, ...]
    meaning: str
    fix: str


@dataclass(frozen=True, slots=True)
class Table:
    """The file's three parts: exit codes, error codes by group, notices."""

    exits: Mapping[str, str]
    groups: Mapping[str, tuple[ErrorCode, ...]]
    notices: Mapping[str, str]

    @property
    def codes(self) -> list[ErrorCode]:
        return [row for rows in self.groups.values() for row in rows]


def table() -> Table:
    """Read `error_codes.toml`."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    groups = {
        group: tuple(
            ErrorCode(code, tuple(exits), meaning, fix) for code, (exits, meaning, fix) in rows.items()
        )
        for group, rows in data["codes"].items()
    }
    return Table(data["exits"], groups, data["notices"])


def page() -> str:
    """The page's text."""
    known = table()
    lines = [INTRO, "## Exit codes", "", "| exit code | meaning |", "| --- | --- |"]
    lines += [f"| {exit_} | {meaning} |" for exit_, meaning in known.exits.items()]
    lines += ["", "## Error codes"]
    for group, rows in known.groups.items():
        lines += [
            "",
            f"### {group}",
            "",
            "| code | exit | meaning | what to do |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| `{row.code}` | {' or '.join(map(str, row.exits))} | {row.meaning} | {row.fix} |"
            for row in rows
        ]
    lines += [
        "",
        "## Notices",
        "",
        "A notice is no error. `--jsonl` writes it as an event `notice` with `code` and `text`.",
    ]
    lines += ["", "| code | meaning |", "| --- | --- |"]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in known.notices.items()]
    return "\n".join([*lines, ""])

"""The man pages, from the parser: one for mull and one for each command, in roff.

In: Click's commands, which know their names, texts and options. Out: text for `man`, the same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from mull import __version__
from mull.app import app
from mull.help import EXAMPLES, panels

EXIT_CODES = (
    ("0", "A complete answer, also one that stopped at the limit given with --max-tokens."),
    ("1", "A failure: one sentence, then one line saying what to do."),
    ("2", "Wrong usage."),
    ("3", "The answer was cut by the context or the default limit."),
    ("4", "The model thought and never answered."),
    ("5", "The answer does not fit the schema that was asked for."),
    ("130", "Interrupted."),
)
ENVIRONMENT = (
    ("MULL_MODEL", "The model that answers when -m names none."),
    ("MULL_DEBUG", "Set to 1, it shows where an error came from."),
    ("MULL_CONFIG_DIR, MULL_STATE_DIR", "Where settings, and where sessions and logs are kept."),
    (
        "HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE",
        "As for every tool of the Hugging Face Hub.",
    ),
    ("NO_COLOR, FORCE_COLOR, TERM", "Whether there is colour."),
)


def pages() -> dict[str, str]:
    """File name to text."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("mull", ["--help"], resilient_parsing=True)
    commands = {name: root.get_command(context, name) for name in root.list_commands(context)}
    found = {"mull.1": _page("mull", root, list(commands))}
    for name, command in commands.items():
        found[f"mull-{name}.1"] = _page(f"mull {name}", command, [])
    return found


def _page(name: str, command: Any, others: list[str]) -> str:
    context = command.make_context(name, ["--help"], resilient_parsing=True)
    title = name.replace(" ", "-")
    summary, _, rest = (command.help or "").partition("\n\n")
    lines = [
        f'.TH {title.upper()} 1 "" "mull {__version__}" "mull manual"',
        ".SH NAME",
        f"{_text(title)} \\- {_text(_flat(summary))}",
        ".SH SYNOPSIS",
        f".B {_text(name)}",
        *_usage(name, command, context),
    ]
    if rest.strip():
        lines += [".SH DESCRIPTION", _text(_flat(rest))]
    lines += [".SH OPTIONS", *_options(command, context)]
    if hasattr(command, "list_commands"):
        lines += [".SH COMMANDS", *_commands(name, command, context, deep=not others)]
    if examples := EXAMPLES.get(name):
        lines += [".SH EXAMPLES", *_list(examples)]
    if others:
        lines += [".SH EXIT STATUS", *_list(EXIT_CODES), ".SH ENVIRONMENT", *_list(ENVIRONMENT)]
        lines += [".SH SEE ALSO", _text(", ".join(f"mull-{other}(1)" for other in others))]
    else:
        lines += [".SH SEE ALSO", "mull(1)"]
    return "\n".join(lines) + "\n"


def _usage(name: str, command: Any, context: Any) -> Iterator[str]:
    """The synopsis, which follows the name: what `--help` shows, on as many lines."""
    formatter = context.make_formatter()
    formatter.width = 1000  # no line is wrapped
    command.format_usage(context, formatter)
    first, *others = formatter.getvalue().replace("Usage: ", "").splitlines()
    yield _text(first.strip().removeprefix(f"{name} "))
    for line in others:
        yield from (".br", f".B {_text(name)}", _text(line.strip().removeprefix(f"{name} ")))


def _commands(name: str, group: Any, context: Any, *, deep: bool) -> Iterator[str]:
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        inner = command.make_context(word, ["--help"], resilient_parsing=True)
        usage = " ".join(command.collect_usage_pieces(inner))
        yield from (".TP", f".B {_text(f'{name} {word} {usage}' if deep else f'{name} {word}')}")
        yield _text(_flat((command.help or "").partition("\n\n")[0]))
        if deep:
            yield from (".RS", *_options(command, inner), ".RE")


def _options(command: Any, context: Any) -> Iterator[str]:
    groups = panels(command, context)
    for title, rows in groups.items():
        if len(groups) > 1:
            yield f".SS {_text(title)}"
        yield from _list(rows)


def _list(rows: Any) -> Iterator[str]:
    for head, text in rows:
        yield from (".TP", f".B {_text(head)}", _text(_flat(text)))


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _text(text: str) -> str:
    """One line of roff: backslashes and hyphens as themselves, no line that reads as a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped

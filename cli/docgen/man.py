"""docs/man/: the manual pages, one for mull and one for each command, in roff.

In: the commands of the parser with their help texts and options, and the table of exit codes. Out: roff text for
`man`, without dates, so that every run gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from docgen import errors
from mull import __version__
from mull.app import app
from mull.help import EXAMPLES, panels

ENVIRONMENT = (
    ("MULL_MODEL", "The model to use when -m is not given."),
    ("MULL_KEY", "The setting KEY, in capitals: MULL_TOP_P for top_p (mull config lists them)."),
    ("MULL_KEEP_ALIVE", "How long a model stays loaded after an answer (5m), or off."),
    ("MULL_PACKAGES", "0: models in Python packages are not looked for."),
    ("MULL_DEBUG", "When set, an error also prints its traceback."),
    (
        "MULL_CONFIG_DIR, MULL_STATE_DIR, MULL_CACHE_DIR",
        "The folders of the settings, of sessions and logs, and of the prompt cache.",
    ),
    (
        "HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE",
        "As for every tool of the Hugging Face Hub.",
    ),
    ("NO_COLOR, FORCE_COLOR, TERM", "Whether the output is coloured."),
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
        lines += [".SH EXIT STATUS", *_list(_exit_codes()), ".SH ENVIRONMENT", *_list(ENVIRONMENT)]
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


def _exit_codes() -> list[tuple[str, str]]:
    return [(exit_, meaning.replace("`", "")) for exit_, meaning in errors.table().exits.items()]


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _text(text: str) -> str:
    """One line of roff: backslashes and hyphens as themselves, no line that troff would read as a request.

    troff reads ASCII; other characters are named by their code.
    """
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", escaped)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped

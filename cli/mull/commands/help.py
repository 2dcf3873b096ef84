"""`mull help` and `mull version`, for those who type them instead of --help and --version."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mull import __version__
from mull.commands._options import Json
from mull.commands.help_words import named
from mull.errors import UsageError
from mull.suggest import did_you_mean, within_two_edits
from mull.terminal.console.streams import Streams

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[COMMAND]...", help="A command, with the command below it if there is one."),
]


def help_(context: typer.Context, words: Words = None) -> None:
    """Show the help of mull or of a command.

    Other words are a prompt: mull help me write a poem.
    """
    inner: Any = context.parent
    given = words or []
    known, names = named(given, inner.command)
    if known < len(given):
        raise _unknown(given, known, names)
    for word in given:
        command = inner.command.get_command(inner, word)
        inner = command.make_context(word, [], parent=inner, resilient_parsing=True)
    streams: Streams = context.obj
    streams.write(inner.get_help() + "\n")  # mull's own text: its codes are meant


def version(context: typer.Context, *, json: Json = False) -> None:
    """Show the version."""
    streams: Streams = context.obj
    if json:
        from mull.terminal.views.json_output import write_object

        write_object(streams, {"v": 1, "version": __version__, "error": None})
    else:
        streams.write_stdout(f"mull {__version__}\n")


def _unknown(words: list[str], position: int, names: list[str]) -> UsageError:
    """The error for a word that names no command; the words before it do."""
    before = " ".join(["mull help", *words[:position]])
    near = [f"{before} {name}" for name in within_two_edits(words[position], names)]
    wanted = " ".join(["mull", *words[: position + 1]])
    otherwise = f"{before} lists the commands; mull ask {' '.join(['help', *words])} asks the model."
    return UsageError("unknown_command", f"There is no command {wanted}.", did_you_mean(near, otherwise))

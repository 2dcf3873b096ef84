"""The commands `mull ask` and `mull PROMPT`: their words and flags.

What they do is in `_one_shot.py`, which is imported when one of them runs: `--help` and completion need the flags only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mull.commands._ask_options import AskFlags
from mull.commands._options import takes_turn_flags

if TYPE_CHECKING:
    from mull.terminal.console.streams import Streams

Words = Annotated[
    list[str] | None, typer.Argument(metavar="[PROMPT]...", help="The question; - reads stdin.")
]


@takes_turn_flags
def ask(context: typer.Context, words: Words = None, *, flags: AskFlags) -> None:
    """Ask one question; the answer goes to stdout.

    Piped input comes first, then the prompt: git diff | mull "write a commit message"
    """
    from mull.commands._one_shot import ask_once

    raise typer.Exit(ask_once(words or [], flags, context.obj))


@takes_turn_flags
def ask_or_chat(context: typer.Context, words: Words = None, *, flags: AskFlags) -> None:
    """Ask, when there is a prompt or piped input; otherwise, on a terminal, chat."""
    streams: Streams = context.obj
    if flags.template is None:  # a template may well want a single word
        from mull.commands._lone_word import check

        root: Any = context.find_root().command
        check(words or [], root.list_commands(context))
    if words or flags.one_shot or flags.continue_answer or not (streams.stdin_tty and streams.stdout_tty):
        from mull.commands._one_shot import ask_once

        raise typer.Exit(ask_once(words or [], flags, streams))
    from mull.commands.chat import start

    raise typer.Exit(start(flags, streams))

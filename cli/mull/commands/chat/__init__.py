"""`mull chat`: an interactive session."""

from __future__ import annotations

from contextlib import suppress

import typer

from mull.commands._options import TurnFlags, takes_turn_flags
from mull.commands._session import is_private, offering, open_sessions, set_up
from mull.commands.chat.loop import run
from mull.commands.chat.session import Chat
from mull.config import read_config
from mull.errors import ExitCode, UsageError
from mull.terminal.console.streams import Streams
from mull.terminal.input.keys import Leave
from mull.terminal.input.typeahead import IdleInput


@takes_turn_flags
def chat(context: typer.Context, *, flags: TurnFlags) -> None:
    """Open an interactive chat.

    Inside it, /help shows the commands and keys. The conversation is kept on disk unless --no-save is given; -c goes on
    with the last one.
    """
    raise typer.Exit(start(flags, context.obj))


def start(flags: TurnFlags, streams: Streams) -> int:
    """Open a chat and stay in it; returns the exit code. Raises MullError when it cannot begin."""
    if not (streams.stdin_tty and streams.stdout_tty):
        hint = "For pipes and scripts there is mull ask."
        raise UsageError("no_terminal", "A chat needs a terminal.", hint)
    settings = read_config()
    private = is_private(flags, settings)
    with IdleInput(streams) as held:
        store, problem = open_sessions(private=private)
        with store:
            setup = offering(lambda: set_up(flags, settings, store), streams, held.released)
            setup.conversation.branch.notices += [note for note in (problem, *setup.notices) if note]
            chat = Chat(setup, settings, streams, private=private, flags=flags, held=held)
            try:
                run(chat)
                with suppress(KeyboardInterrupt):
                    chat.backend.persist()
            except Leave:
                return ExitCode.INTERRUPTED
            finally:
                chat.backend.close()
                chat.conversation.branch.close()
    return ExitCode.OK

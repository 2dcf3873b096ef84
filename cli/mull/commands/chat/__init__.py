"""`mull chat`: an interactive session."""

from __future__ import annotations

from contextlib import suppress

import typer

from mull.commands._options import TurnFlags, takes_turn_flags
from mull.errors import ExitCode, UsageError
from mull.terminal.console.streams import Streams


@takes_turn_flags
def chat(context: typer.Context, *, flags: TurnFlags) -> None:
    """Open an interactive chat.

    Inside it, /help lists the commands and keys. The conversation is saved on disk unless --no-save is given; -c
    continues the last one.
    """
    raise typer.Exit(start(flags, context.obj))


def start(flags: TurnFlags, streams: Streams) -> int:
    """Open a chat and stay in it; returns the exit code. Raises MullError when it cannot begin."""
    if not (streams.stdin_tty and streams.stdout_tty):
        hint = "Use mull ask in pipes and scripts."
        raise UsageError("no_terminal", "A chat needs a terminal.", hint)
    from mull.commands._run_config import run_config
    from mull.commands._session import offering, open_sessions, set_up
    from mull.commands.chat.loop import run
    from mull.commands.chat.session import Chat
    from mull.config import read_config
    from mull.terminal.input.keys import Leave
    from mull.terminal.input.typeahead import IdleInput

    config = run_config(flags, read_config())
    with IdleInput(streams) as held:
        store, problem = open_sessions(private=not config.saving.sessions, resumes=config.session.resumes)
        with store:
            setup = offering(lambda: set_up(config, store), streams, held.released)
            setup.conversation.branch.notices += [note for note in (problem, *setup.notices) if note]
            session = Chat(setup, config, streams, held)
            try:
                run(session, setup.resolved)
                with suppress(KeyboardInterrupt):
                    session.backend.persist()
            except Leave:
                return ExitCode.INTERRUPTED
            finally:
                session.frame.remove()
                session.close_window()
                session.backend.close()
                session.conversation.branch.close()
    return ExitCode.OK

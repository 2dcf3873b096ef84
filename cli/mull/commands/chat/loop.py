"""The loop of an interactive session: read a line, run the slash command or ask the question, until the user leaves."""

from __future__ import annotations

import time

from mull.commands.chat import commands_session, commands_show, commands_template, commands_turn, slash  # noqa: F401 - they bind the actions
from mull.commands.chat.asking import ask
from mull.commands.chat.greeting import greet
from mull.commands.chat.input import make_prompt
from mull.commands.chat.registry import ACTIONS
from mull.commands.chat.session import Chat
from mull.errors import MullError, UsageError
from mull.models.resolved import Resolved
from mull.terminal.console.quantities import counted
from mull.terminal.input.keys import Leave
from mull.terminal.input.prompt import Prompt


def run(chat: Chat, model: Resolved) -> None:
    """Serve the user until they leave. Raises `keys.Leave` for a second Ctrl+C during a turn."""
    prompt = make_prompt(chat)
    if chat.held.typed:
        chat.streams.stdout.write("\n")  # the terminal has already echoed it
    greet(chat, model)
    while not chat.left:
        chat.note_notices()
        try:
            _take(chat, _read(chat, prompt))
        except EOFError:
            break
        except Leave:
            raise
        except KeyboardInterrupt:  # outside a turn: a command was waiting for something
            chat.typeahead.interrupted_at, chat.typeahead.confirms = time.monotonic(), True
            chat.note("Stopped. Press Ctrl+C again to leave.")
        except MullError as error:
            chat.error(error)


def _read(chat: Chat, prompt: Prompt) -> str:
    """The next line: typed ahead, or from the prompt. Raises EOFError when the user leaves."""
    chat.show_title()
    chat.blank_line()
    typed = chat.typeahead
    prompt.fold(typed.pieces)
    typed.pieces.clear()
    if typed.lines and chat.draft:  # the turn was stopped before its question was sent
        typed.lines.insert(0, chat.draft)
        chat.draft = ""
    if typed.confirms and (line := _confirmed(chat, prompt)):
        return line
    if typed.lines:
        line = typed.lines.pop(0)
        if isinstance(slash.parse(line), slash.Call):  # it writes whatever it likes
            chat.frame.remove()
        with chat.frame.lifted():
            prompt.echo(line)
        return line
    if typed.ended:
        raise EOFError
    default = "\n".join(text for text in (chat.draft, typed.text) if text)
    chat.draft = typed.text = ""
    chat.frame.hand_over()
    line = prompt.read(default, interrupted_at=typed.interrupted_at)
    if isinstance(slash.parse(line), slash.PlainText):
        chat.frame.show()
    return line


def _confirmed(chat: Chat, prompt: Prompt) -> str:
    """The first of the queued inputs that the user wants to send; empty if there is none."""
    typed = chat.typeahead
    while typed.lines:
        last = len(typed.lines) == 1
        chat.note(
            f"{counted(len(typed.lines), 'queued input')}: "
            f"Enter sends {'it' if last else 'the first'}, Ctrl+C discards it."
        )
        chat.blank_line()
        chat.frame.hand_over()
        if line := prompt.read(typed.lines.pop(0), interrupted_at=typed.interrupted_at, discards=True):
            return line
    typed.confirms = False
    return ""


def _take(chat: Chat, line: str) -> None:
    """Run a slash command, or ask a question. Raises MullError."""
    meant = slash.parse(line)
    replacing, chat.replacing = chat.replacing, False
    if isinstance(meant, slash.Call):
        if meant.argument and not meant.command.arguments:
            raise UsageError("invalid_argument", f"/{meant.command.name} takes no argument.")
        ACTIONS[meant.command.name](chat, meant.argument)
    elif isinstance(meant, slash.Unknown):
        raise slash.unknown(meant.word)
    elif meant.text:
        talk = chat.conversation
        ask(chat, talk.again(meant.text) if replacing else talk.query(meant.text))

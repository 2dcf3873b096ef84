"""The registry that binds the table of slash commands to functions, and helpers of these functions.

A function gets the chat and the text after the command, changes the chat or prints; failures are MullErrors. The
functions are in `commands_turn.py`, `commands_session.py` and `commands_show.py`; the table is in `slash.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from mull.commands.chat import slash
from mull.commands.chat.session import Chat
from mull.control import TurnControl
from mull.errors import UsageError
from mull.terminal.console.sanitize import one_line, visible

Action = Callable[[Chat, str], None]
ACTIONS: Final[dict[str, Action]] = {}
T = TypeVar("T")


def action(name: str) -> Callable[[Action], Action]:
    """Register a function for the command of that name."""

    def bind(function: Action) -> Action:
        ACTIONS[name] = function
        return function

    return bind


def say(chat: Chat, *lines: str, style: str = "") -> None:
    """Print lines of the chat itself, sanitized."""
    streams = chat.streams
    streams.stdout.write("".join(streams.stdout_style(visible(line), style) + "\n" for line in lines))
    streams.stdout.flush()


def needed(argument: str, name: str) -> str:
    """The argument. Raises UsageError when it is empty."""
    command = slash.BY_NAME[name]
    if not argument:
        raise UsageError(
            "missing_argument",
            f"/{name} needs more: {command.usage}",
            one_line(command.about.replace("`", "")),
        )
    return argument


def choice(text: str, choices: Mapping[str, T], command: str) -> T:
    """The value of a choice. Raises UsageError that names the choices."""
    if text.lower() not in choices:
        words = ", ".join(choices)
        raise UsageError(
            "invalid_argument", f'{command} takes {words}; not "{text}".', f"/help {command[1:]}"
        )
    return choices[text.lower()]


def user_path(text: str) -> Path:
    """A path as typed, with quotes removed and `~` expanded where there is a home folder."""
    path = Path(text.strip().strip("\"'"))
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def wait_for_model(chat: Chat) -> None:
    """Block until the model is loaded. Raises what loading raises, KeyboardInterrupt for Ctrl+C."""
    if not chat.backend.ready:
        doing = "Loading" if chat.address is None else "Connecting to"
        chat.note(f"{doing} {chat.model_name} …")
    for _ in chat.backend.load(TurnControl()):
        pass

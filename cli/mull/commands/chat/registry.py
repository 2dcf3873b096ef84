"""The binding between the table of slash commands and the functions that do what it says.

In: the chat and the text after a command. Out: changes to the chat, and words on the screen; failures are MullErrors.
The functions are in `asking.py`, `keeping.py` and `looking.py`; what each does is said once, in `terminal/slash.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from mull.commands.chat import slash
from mull.commands.chat.session import Chat
from mull.control import TurnControl
from mull.errors import UsageError
from mull.terminal.console.sanitize import one_line

Action = Callable[[Chat, str], None]
ACTIONS: Final[dict[str, Action]] = {}
T = TypeVar("T")


def action(name: str) -> Callable[[Action], Action]:
    """Bind a function to the table's entry of that name."""

    def bind(function: Action) -> Action:
        ACTIONS[name] = function
        return function

    return bind


def say(chat: Chat, *lines: str, style: str = "") -> None:
    """Lines of the chat itself; they hold nothing unsanitized."""
    streams = chat.streams
    streams.stdout.write("".join(streams.stdout_style(line, style) + "\n" for line in lines))
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
    """What a word stands for. Raises UsageError that names the choices."""
    if text.lower() not in choices:
        words = ", ".join(choices)
        raise UsageError(
            "invalid_argument", f"{command} takes {words}; not “{text}”.", f"/help {command[1:]}"
        )
    return choices[text.lower()]


def user_path(text: str) -> Path:
    """A path as the user typed it, quoted or not; `~` is home where there is one."""
    path = Path(text.strip().strip("\"'"))
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def wait_for_model(chat: Chat) -> None:
    """Until it is loaded; Ctrl+C gives up. Raises what loading raises."""
    if not chat.backend.ready:
        chat.note(f"Loading {chat.backend.name} …")
    for _ in chat.backend.load(TurnControl()):
        pass

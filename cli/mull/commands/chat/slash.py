"""The slash commands of the chat: one table for parsing, help, completion and the docs page.

In: a line typed by the user. Out: a question, a call of a command, or an unknown word. `registry.py` binds each entry's
`name` to a function.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Literal

from mull.commands.chat.key_table import key_sentences
from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.store.formats import ExportFormat
from mull.suggest import did_you_mean, nearest
from mull.terminal.console.theme import THEMES
from mull.terminal.input.fuzzy import best

Completes = Literal["nothing", "choice", "model", "path", "session", "setting", "command", "template"]

_WIDE = 78  # columns from which the help has two columns
_GAP = 2


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command. `help` fits half a screen's width; `about` is for `/help NAME` and the docs."""

    name: str
    arguments: str
    help: str
    about: str
    aliases: tuple[str, ...] = ()
    completes: Completes = "nothing"
    choices: tuple[str, ...] = ()
    free: bool = False  # other texts than the choices are arguments, too

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def needs_argument(self) -> bool:
        return bool(self.arguments) and not self.arguments.startswith("[")

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()


COMMANDS: tuple[SlashCommand, ...] = (
    SlashCommand(
        "help",
        "[COMMAND]",
        "this, or more on one",
        "The commands and keys; with a name, all about that command.",
        aliases=("?",),
        completes="command",
    ),
    SlashCommand(
        "model",
        "[NAME]",
        "show or switch models",
        "Pick from the installed models and the catalogue; with a name, switch this conversation to it. "
        "A name is what `-m` takes: a catalogue name, `owner/repo[:QUANT]` or a path to a .gguf file.",
        completes="model",
    ),
    SlashCommand(
        "reason",
        "[on|off]",
        "think, or don't",
        "Switch thinking on or off from the next question on; `auto` restores the model's default.",
        completes="choice",
        choices=("on", "off", "auto"),
    ),
    SlashCommand(
        "effort",
        "[LEVEL]",
        "low, medium or high",
        "How much to think: `low`, `medium` or `high`; `auto` resets it; alone, pick it. "
        "An effort switches thinking on.",
        completes="choice",
        choices=("low", "medium", "high", "auto"),
    ),
    SlashCommand(
        "think",
        "TEXT",
        "ask once with thinking",
        "Ask this one question with thinking, whatever /reason says.",
    ),
    SlashCommand(
        "nothink",
        "TEXT",
        "ask once without",
        "Ask this one question without thinking, whatever /reason says.",
    ),
    SlashCommand(
        "thinking",
        "[N]",
        "a turn's thinking",
        "Print the thinking of the last turn, or of the Nth last. "
        "With `auto`, `show`, `fold` or `hide`: how to show thinking from now on.",
        completes="choice",
        choices=("auto", "show", "fold", "hide"),
    ),
    SlashCommand(
        "system",
        "[TEXT]",
        "the system prompt",
        "Show the system prompt; with a text, or `@FILE`, replace it from the next question on; `none` removes it.",
        completes="choice",
        choices=("none",),
        free=True,
    ),
    SlashCommand(
        "file",
        "PATH",
        "add a text file",
        "Attach a text file, or those of a folder or of `*.py`, to the next question; what does not fit is refused. "
        "`none` removes the attached files.",
        completes="path",
    ),
    SlashCommand(
        "template",
        "[NAME]",
        "ask with a template",
        "Ask with a prompt template: its name, values as `KEY=VALUE`, then the text that it is about; alone, pick one. "
        "Its settings hold for this question, its system prompt for the conversation.",
        completes="template",
    ),
    SlashCommand(
        "retry",
        "",
        "answer again",
        "Ask the last question again; the earlier answer stays in the session as a branch.",
    ),
    SlashCommand(
        "continue",
        "",
        "continue the answer",
        "Continue the last answer where it was cut or stopped, its thinking too; the cut one stays in the session as "
        "a branch.",
    ),
    SlashCommand(
        "edit",
        "[answer]",
        "change the question",
        "Change the last question in the editor and ask it again; with `answer`, change the answer, which the model "
        "continues. The earlier turn stays in the session as a branch.",
        completes="choice",
        choices=("answer",),
    ),
    SlashCommand(
        "undo",
        "",
        "take the turn back",
        "Take the last question and its answer back; they stay in the session as a branch.",
    ),
    SlashCommand(
        "copy",
        "[code]",
        "copy the answer",
        "Copy the last answer to the clipboard; with `code`, its last code block.",
        completes="choice",
        choices=("code",),
    ),
    SlashCommand(
        "new", "", "a new conversation", "Start a new conversation; this one stays saved.", aliases=("clear",)
    ),
    SlashCommand(
        "open",
        "[NAME]",
        "open another one",
        "Continue another session, by its name, its id, or the start of either; without one, pick it from a list.",
        completes="session",
    ),
    SlashCommand(
        "save",
        "[NAME]",
        "save under a name",
        "Name this conversation. A private one (--no-save) is saved on disk from then on.",
    ),
    SlashCommand(
        "sessions", "[TEXT]", "list or search", "The last sessions; with a text, the turns that contain it."
    ),
    SlashCommand(
        "export",
        "[FORMAT]",
        "md, html, json file",
        "Write this conversation to a file: a format and perhaps a path, or a path that ends in .md, .html or .json.",
        completes="choice",
        choices=tuple(form.value for form in ExportFormat),
    ),
    SlashCommand(
        "set",
        "[KEY VALUE]",
        "all the settings",
        "Show the settings, or change one for this chat: `/set temperature 0.2`, `/set seed none`.",
        completes="setting",
    ),
    SlashCommand(
        "theme",
        "[NAME]",
        "the colours",
        "Pick the theme, or name it; it holds for this chat: `auto`, `dark`, `light`, `ansi` or `mono`. "
        "`mull config set theme NAME` keeps it.",
        completes="choice",
        choices=THEMES,
    ),
    SlashCommand(
        "stats",
        "",
        "tokens and times",
        "Tokens and seconds of the last answer and of the whole conversation.",
    ),
    SlashCommand("context", "", "what fills it", "The parts of the context, in tokens."),
    SlashCommand("quit", "", "leave (also Ctrl+D)", "Leave the chat.", aliases=("bye", "exit")),
)
BY_NAME = {name: command for command in COMMANDS for name in command.names}

ALONE = {
    **dict.fromkeys(("exit", "quit", "bye", ":q", ":q!", ":wq", ":quit", "exit()", "quit()"), "quit"),
    **dict.fromkeys(("help", "?", ":help", ":h", "help()"), "help"),
}
"""Whole lines that mean a command, as people of other programs type them."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """Text for the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A command and the text after its name."""

    command: SlashCommand
    argument: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A slash and a word that is no command; `nearest` is the most similar command."""

    word: str
    nearest: str | None


def parse(line: str) -> PlainText | Call | Unknown:
    """Parse a line. `//` starts a question with a slash; a path like `/etc/hosts` is no command.

    The beginning of a command's name is enough where no other command has it. A question keeps its indentation. Text of
    several lines is a command only if its first word is one, without indentation: it was pasted.
    """
    text, question = line.strip(), line.strip("\r\n").rstrip()
    pasted = "\n" in text
    if name := ALONE.get(text.lower()):
        return Call(BY_NAME[name], "")
    escaped = re.match(r"//(?!\s)([\w-]*)", text)
    if escaped and (not pasted or escaped[1].lower() in BY_NAME):
        return PlainText(text[1:])
    match = re.match(r"/([A-Za-z?][\w-]*)?(?:\s+(.*)|$)", question if pasted else text, re.DOTALL)
    if match is None:
        return PlainText(question)
    word, argument = (match[1] or "").lower(), (match[2] or "").strip()
    if command := BY_NAME.get(word) or (None if pasted else _begun(word)):
        return Call(command, argument)
    return PlainText(question) if pasted else Unknown(word, _nearest(word))


def literal(text: str) -> str:
    """The line that `parse` takes for a question with this text."""
    question = text.strip("\r\n").rstrip()
    return text if parse(text) == PlainText(question) else f"/{text.lstrip()}"


def unknown(word: str) -> UsageError:
    """The error for a word that is no command."""
    near = _nearest(word.lower())
    hint = did_you_mean([f"/{near}"] if near else [], "/help lists the commands.")
    return UsageError("unknown_command", f"There is no command /{word}.", hint)


def _begun(word: str) -> SlashCommand | None:
    """The only command that has a name with this beginning."""
    found = [one for one in COMMANDS if word and any(name.startswith(word) for name in one.names)]
    return found[0] if len(found) == 1 else None


def _nearest(word: str) -> str | None:
    """The command that starts like the word, else the most similar one."""
    return next(iter(nearest(word, BY_NAME, cutoff=0.5, prefixes=True)), None)


def help_lines(columns: int) -> list[str]:
    """The help as lines of at most `columns` characters: at 80 columns it fits 24 rows."""
    half = -(-len(COMMANDS) // 2) if columns >= _WIDE else len(COMMANDS)
    left, right = _entries(COMMANDS[:half]), _entries(COMMANDS[half:])
    width = max(map(len, left)) + _GAP
    rows = [f"{first:<{width}}{second}".rstrip() for first, second in zip_longest(left, right, fillvalue="")]
    lines = [*rows, "", *key_sentences()]
    return [piece for line in lines for piece in _wrapped(line, columns)]


def help_on(name: str, columns: int) -> list[str]:
    """The help of one command (its name with or without the slash). Raises KeyError for an unknown one."""
    command = BY_NAME[name.removeprefix("/").lower()]
    also = f" Also: {', '.join('/' + alias for alias in command.aliases)}." if command.aliases else ""
    return _wrapped(command.usage, columns) + _wrapped(command.about.replace("`", "") + also, columns)


def completions(line: str) -> Iterator[tuple[str, str]]:
    """The names that complete the command being typed, each with its help. The caller completes arguments.

    An alias is named where the command's own name does not begin with the word; misspelled, only own names are.
    """
    if not line.startswith("/") or re.search(r"\s", line):
        return
    word = line[1:].lower()
    begun = ((next((name for name in one.names if name.startswith(word)), ""), one.help) for one in COMMANDS)
    found = [(name, about) for name, about in begun if name]
    for name, about in found or ((one.name, one.help) for one in best(word, COMMANDS, lambda one: one.name)):
        yield "/" + name, about


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns - 1, 20), subsequent_indent="  ") or [""]


def _entries(commands: Sequence[SlashCommand]) -> list[str]:
    usage = max((len(command.usage) for command in commands), default=0) + _GAP
    return [f"{command.usage:<{usage}}{command.help}" for command in commands]

"""The Typer app: the table of commands, the default command, and the one place where an error becomes words and a code.

In: the command line. Out: a process that ends with a code of `errors.ExitCode`. The three streams are looked at
here, once, and handed down as `context.obj`. A command's module is imported when that command is called.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mull import __version__
from mull.errors import ExitCode, MullError, UsageError
from mull.terminal.console.streams import ColorChoice, Streams, detach, quiet_when_closed

if TYPE_CHECKING:
    from mull.terminal.views.base import OutputForm

COMMANDS: dict[str, tuple[str, str]] = {
    "ask": ("mull.commands.ask:ask", "Ask one question; the answer goes to stdout."),
    "chat": ("mull.commands.chat:chat", "Open an interactive session."),
    "models": ("mull.commands.models:app", "List models, with a verdict for this machine."),
    "list": ("mull.commands.models:installed", "List the models on this disk."),
    "pull": ("mull.commands.pull:pull", "Download models."),
    "rm": ("mull.commands.rm:rm", "Remove downloaded models and the prompts kept for them."),
    "show": ("mull.commands.show:show", "Show a model's card."),
    "verify": ("mull.commands.verify:verify", "Check that weights are what was published."),
    "inspect": ("mull.commands.inspect:inspect", "Show what a model file or a chat template can do."),
    "batch": ("mull.commands.batch:batch", "Answer many prompts at once: JSON Lines in, JSON Lines out."),
    "bench": ("mull.commands.bench:bench", "Measure how quickly a model reads and writes on this machine."),
    "eval": ("mull.commands.eval:eval_", "Ask the same questions with and without thinking."),
    "sessions": ("mull.commands.sessions:app", "Look at, export and tidy kept conversations."),
    "templates": ("mull.commands.templates:app", "Reusable prompts for mull -t NAME."),
    "cache": ("mull.commands.cache:app", "Processed prompts that are kept to save time; remove them."),
    "config": ("mull.commands.config:app", "Read and change the settings."),
    "doctor": ("mull.commands.doctor:doctor", "Check this machine and this build of llama.cpp."),
}
"""Where each command is, and what it does in a line, so that `mull --help` and Tab need not import them all."""

DEFAULT = "mull.commands.ask:ask_or_chat"
DEFAULT_NAME = "ask-or-chat"  # hidden: what `mull WORDS…` runs
COLORS: tuple[ColorChoice, ...] = ("auto", "always", "never")
# From Click, wherever this Typer keeps it: the base of the usage errors, and what a completion is.
_ClickException: Any = typer.BadParameter.__mro__[2]
_CompletionItem: Any = vars(typer.core)["CompletionItem"]


class _Commands(TyperGroup):
    """Commands by name, imported on demand. A word that is no command is the start of a prompt."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        where, _ = (DEFAULT, "") if cmd_name == DEFAULT_NAME else COMMANDS.get(cmd_name, ("", ""))
        if not where:
            return None
        module, _, attribute = where.partition(":")
        target = getattr(importlib.import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(cmd_name, context_settings={"help_option_names": ["-h", "--help"]})(target)
            target = alone
        command = typer.main.get_command(target)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Commands, or options, those of a bare question included."""
        if not incomplete.startswith("-"):
            return [
                _CompletionItem(name, help=summary)
                for name, (_, summary) in COMMANDS.items()
                if name.startswith(incomplete)
            ]
        own = [name for parameter in self.get_params(ctx) for name in parameter.opts]
        default = self.get_command(ctx, DEFAULT_NAME)
        inner = default.make_context(DEFAULT_NAME, [], parent=ctx, resilient_parsing=True)
        found = default.shell_complete(inner, incomplete)
        known = {one.value for one in found}
        mine = (name for name in own if name.startswith(incomplete) and name not in known)
        return [*found, *map(_CompletionItem, mine)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if ctx.resilient_parsing and not args:  # the shell completes the very first word
            return super().parse_args(ctx, args)
        own = {
            name
            for parameter in self.get_params(ctx)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        if not args or (args[0] not in COMMANDS and args[0].partition("=")[0] not in own):
            args = [DEFAULT_NAME, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with quiet_when_closed(ctx.obj):  # inside, because Click would make a failure of it
            return super().invoke(ctx)


app = typer.Typer(
    name="mull",
    cls=_Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="--color auto|always|never works with every command.")
def root(
    _version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
) -> None:
    """Chat with open-weights models in the terminal, and decide how much they think.

    mull alone opens a chat. mull "PROMPT" asks once, and takes what ask takes.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the process."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"mull {__version__}\n")
        return
    streams = Streams.detect()
    with quiet_when_closed(streams):
        try:
            color, words = _take_color(words)
            streams = streams if color == "auto" else Streams.detect(color)
            code = _run(words, streams)
        except MullError as error:
            code = _report(error, words, streams)
    _leave(code)


def _run(words: Sequence[str], streams: Streams) -> int:
    """Parse and run; every known failure becomes a MullError. Returns the exit code."""
    try:
        result = app(args=list(words), prog_name="mull", standalone_mode=False, obj=streams)
    except typer.Exit as exit_:
        return exit_.exit_code
    except (typer.Abort, KeyboardInterrupt) as stop:
        raise MullError("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED) from stop
    except _ClickException as usage:
        raise UsageError("usage_error", usage.format_message().rstrip("."), _help_line(usage)) from usage
    except MemoryError as full:
        raise MullError(
            "out_of_memory", "There is not enough memory.", "Try a smaller model or --ctx."
        ) from full
    except OSError as failure:
        raise MullError(
            "system_error", f"{failure}.", "Check the path, the permissions and the free disk space."
        ) from failure
    except MullError:
        raise
    except Exception as bug:
        raise MullError(
            "internal_error", f"Something went wrong inside mull: {bug!r}.", "MULL_DEBUG=1 shows where."
        ) from bug
    return result if isinstance(result, int) else ExitCode.OK


def _report(error: MullError, words: Sequence[str], streams: Streams) -> int:
    """Show what ended the command in the form that was asked for; returns the exit code."""
    if os.environ.get("MULL_DEBUG"):
        import traceback

        traceback.print_exc()
    try:
        streams.stdout.flush()
    except OSError:  # what could not be written is said below; the interpreter's own flush would fail again
        detach(streams)
    from mull.terminal.views.open import show_failure

    of_turn = not words or words[0] not in COMMANDS or words[0] in ("ask", "chat")
    show_failure(error, output_form(words), streams, of_turn=of_turn)
    return error.exit_code


def output_form(words: Sequence[str]) -> OutputForm:
    """What the command line asks stdout to be, before it has been parsed, and also where it cannot be."""
    flags = words[: words.index("--")] if "--" in words else words
    return "json" if "--json" in flags else "jsonl" if "--jsonl" in flags else "text"


def _take_color(words: list[str]) -> tuple[ColorChoice, list[str]]:
    """--color may stand anywhere before `--`: it decides how the very first message looks. Raises UsageError."""
    end = words.index("--") if "--" in words else len(words)
    rest, color = [], "auto"
    position = 0
    while position < end:
        name, equals, value = words[position].partition("=")
        if name != "--color":
            rest.append(words[position])
        else:
            if not equals:
                position += 1
                value = words[position] if position < end else ""
            color = value
        position += 1
    for choice in COLORS:
        if color == choice:
            return choice, [*rest, *words[end:]]
    raise UsageError(
        "usage_error", f'--color is auto, always or never, not "{color}"', "mull --help shows the options."
    )


def _help_line(usage: Any) -> str:
    path = usage.ctx.command_path if getattr(usage, "ctx", None) is not None else "mull"
    return f"{path.replace(DEFAULT_NAME, 'ask')} --help shows what it takes."


def _leave(code: int) -> None:
    """End the process with the code, also while a thread that was told to stop is still loading a model."""
    if any(thread.name == "load" and thread.is_alive() for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)

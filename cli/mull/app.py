"""The Typer app: the table of commands, the default command, and where every error becomes output and an exit code.

In: the command line. Out: a process that ends with a code of `errors.ExitCode`. The three streams are examined here,
once, and passed down as `context.obj`. A command's module is imported when that command is called.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from mull import __version__, control
from mull.errors import ExitCode, Interrupted, MullError
from mull.fs import trace
from mull.fs.os_failures import no_folder, not_unicode, refused, used_up
from mull.help import ALIASES, HELP_FLAGS, HelpGroup, with_help, write_section
from mull.terminal.console.appearance import named_theme, take_appearance
from mull.terminal.console.streams import Streams, detach, quiet_when_closed
from mull.terminal.console.theme import THEMES, ThemeChoice, ThemeName


class Entry(NamedTuple):
    """One command: where it is, what it does in a line, and its group in `mull --help`."""

    target: str
    summary: str
    group: str


_ASK, _MODELS, _SAVED = "Ask and chat", "Models", "Conversations and templates"
_MANY, _SERVE, _SETUP = "Many prompts and measuring", "Servers", "Setup"

COMMANDS: dict[str, Entry] = {
    "ask": Entry("mull.commands.ask:ask", "Ask one question; the answer goes to stdout.", _ASK),
    "chat": Entry("mull.commands.chat:chat", "Open an interactive chat.", _ASK),
    "tokens": Entry("mull.commands.tokens:tokens", "Count the tokens of files or of stdin.", _ASK),
    "models": Entry("mull.commands.models:app", "List models, and whether they fit this machine.", _MODELS),
    "list": Entry("mull.commands.models:installed", "List installed models.", _MODELS),
    "pull": Entry("mull.commands.pull:pull", "Download models.", _MODELS),
    "rm": Entry("mull.commands.rm:rm", "Remove downloaded models and their cached prompts.", _MODELS),
    "show": Entry("mull.commands.show:show", "Show a model's card.", _MODELS),
    "verify": Entry(
        "mull.commands.verify:verify", "Compare model files with the published checksums.", _MODELS
    ),
    "inspect": Entry(
        "mull.commands.inspect:inspect", "Show what a model file or a chat template can do.", _MODELS
    ),
    "sessions": Entry(
        "mull.commands.sessions:app", "List, search, export, count and remove saved conversations.", _SAVED
    ),
    "templates": Entry(
        "mull.commands.templates:app", "List and edit prompt templates for mull -t NAME.", _SAVED
    ),
    "batch": Entry("mull.commands.batch:batch", "Answer many prompts: JSON Lines in, JSON Lines out.", _MANY),
    "bench": Entry("mull.commands.bench:bench", "Measure prompt-processing and generation speed.", _MANY),
    "eval": Entry(
        "mull.commands.eval:eval_", "Measure how many answers are right, with and without thinking.", _MANY
    ),
    "serve": Entry("mull.commands.serve:serve", "Serve models over an OpenAI-compatible HTTP API.", _SERVE),
    "endpoints": Entry(
        "mull.commands.endpoints:app", "List, add and remove servers with an OpenAI-compatible API.", _SERVE
    ),
    "worker": Entry("mull.commands.worker:worker", "Let a model on another machine compute here.", _SERVE),
    "config": Entry("mull.commands.config:app", "Show and change the settings.", _SETUP),
    "cache": Entry("mull.commands.cache:app", "List and clear the prompt cache on disk.", _SETUP),
    "ps": Entry("mull.commands.ps:ps", "List the models that are kept loaded.", _SETUP),
    "stop": Entry("mull.commands.stop:stop", "Free the memory of models that are kept loaded.", _SETUP),
    "doctor": Entry("mull.commands.doctor:doctor", "Check this machine and this build of llama.cpp.", _SETUP),
    "help": Entry("mull.commands.help:help_", "Show the help of mull or of a command.", _SETUP),
    "version": Entry("mull.commands.help:version", "Show the version.", _SETUP),
}
"""Every command. Dispatch, `mull --help`, Tab and the generated pages read this table, so that none of them needs to
import the commands."""

DEFAULT = "mull.commands.ask:ask_or_chat"
DEFAULT_NAME = "ask-or-chat"  # hidden: what `mull WORDS…` runs
# Click's classes, wherever this Typer keeps them: the base of usage errors, and a completion.
_ClickException: Any = typer.BadParameter.__mro__[2]
_CompletionItem: Any = vars(typer.core)["CompletionItem"]


class _Commands(HelpGroup):
    """Commands by name, imported on demand. A first word that is not a command begins a prompt."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        target = DEFAULT if cmd_name == DEFAULT_NAME else ""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name in COMMANDS:
            target = COMMANDS[cmd_name].target
        if not target:
            return None
        module, _, attribute = target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(cmd_name)(found)
            found = alone
        command = typer.main.get_command(with_help(found))
        command.name, command.hidden = cmd_name, cmd_name == DEFAULT_NAME
        return command

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] [PROMPT]...")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...", prefix="       ")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        widest = max(map(len, COMMANDS))
        for group, entries in itertools.groupby(COMMANDS.items(), lambda item: item[1].group):
            rows = [(name.ljust(widest), entry.summary) for name, entry in entries]
            write_section(ctx, formatter, group, rows)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete commands, or options, including those of a prompt without a command."""
        if not incomplete.startswith("-"):
            return [
                _CompletionItem(name, help=entry.summary)
                for name, entry in COMMANDS.items()
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
        if not args or not (_names_command(args, self) or args[0].partition("=")[0] in own):
            args = [DEFAULT_NAME, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        control.raise_on_signals()  # from here on an interrupted command owes its JSON, and tidies up
        # In here, because Click would turn a closed pipe into a failure, and Ctrl+C into an exit code without JSON.
        with quiet_when_closed(ctx.obj):
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as stop:
                raise Interrupted from stop


app = typer.Typer(
    name="mull",
    cls=_Commands,
    add_completion=False,  # Typer's scripts evaluate what they get
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=HELP_FLAGS,
)


def _completion(action: str) -> Callable[[typer.Context, bool], None]:
    """A function of `commands/shell_completion.py`, imported when its option was given."""

    def run(context: typer.Context, asked: bool) -> None:
        if asked and not context.resilient_parsing:  # else the shell completes a line that has the option
            getattr(importlib.import_module("mull.commands.shell_completion"), action)()

    return run


@app.callback()
def root(
    _version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
    _color: Annotated[  # for the help: `main` has taken it off the command line
        str,
        typer.Option(
            "--color",
            metavar="WHEN",
            help="auto, always or never; works with every command.",
            show_default=False,
        ),
    ] = "auto",
    _theme: Annotated[  # for the help, too
        str,
        typer.Option(
            "--theme",
            metavar="NAME",
            help=f"{', '.join(THEMES[:-1])} or {THEMES[-1]}; works with every command.",
            show_default=False,
        ),
    ] = "auto",
    _install: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            help="Install completion for the current shell.",
            callback=_completion("install"),
            is_eager=True,
        ),
    ] = False,
    _show: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            help="Show completion for the current shell, to copy it or customize the installation.",
            callback=_completion("show"),
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Run open-weights models in the terminal, and control how much they reason.

    mull alone opens a chat. mull "PROMPT" asks one question and takes the options of mull ask.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the process."""
    words = list(sys.argv[1:] if argv is None else argv)
    if os.environ.get("_MULL_COMPLETE"):
        from mull.commands import shell_completion

        sys.exit(shell_completion.answer(lambda: typer.main.get_command(app), words))
    streams = Streams.detect()
    sys.stdout = (
        streams.stdout
    )  # where that is another (closed by the shell, non-blocking), Click writes help there
    with quiet_when_closed(streams):
        try:
            color, theme, words = take_appearance(words)
            streams = Streams.detect(color, theme=lambda: _chosen_theme(theme))
            code = _run(words, streams)
        except MullError as error:
            lost = error.code == "internal_error" and control.has_raised()
            code = _report(Interrupted() if lost or control.interrupted(error) else error, words, streams)
    _leave(code)


def _run(words: Sequence[str], streams: Streams) -> int:
    """Parse and run; returns the exit code. Raises every failure as a MullError."""
    try:
        with quiet_when_closed(
            streams
        ):  # in here, so that a last write which fails is reported like any other
            if words in (["--version"], ["-V"]):
                streams.write(f"mull {__version__}\n")
                return ExitCode.OK
            if not {*HELP_FLAGS["help_option_names"]} & {*words} and "_MULL_COMPLETE" not in os.environ:
                _warn(streams)
            result = app(args=list(words), prog_name="mull", standalone_mode=False, obj=streams)
    except typer.Exit as exit_:
        return exit_.exit_code
    except (typer.Abort, KeyboardInterrupt, control.Terminated) as stop:
        raise Interrupted from stop
    except _ClickException as usage:
        from mull.commands.usage import usage_error

        raise usage_error(usage, words) from usage
    except UnicodeEncodeError as failure:
        raise not_unicode(failure, words) from failure
    except OSError as failure:
        raise refused(failure) from failure
    except MullError as error:
        if limit := used_up(error):
            raise limit from error
        if error.exit_code != ExitCode.INTERRUPTED and (gone := no_folder(error, words)):
            raise gone from error
        raise
    except Exception as bug:
        if limit := used_up(bug):
            raise limit from bug
        raise MullError(
            "internal_error", f"Something went wrong inside mull: {bug!r}.", "MULL_DEBUG=1 shows where."
        ) from bug
    return result if isinstance(result, int) else ExitCode.OK


def _warn(streams: Streams) -> None:
    """Say in a line that others could change what mull reads from its folders, and that it is not obeyed."""
    from mull.fs import ownership, paths

    if found := paths.weaknesses():
        effects = " ".join(dict.fromkeys(found.values()))
        streams.note(f"Not safe: {'; '.join(found)}. {effects} {ownership.remedy(next(iter(found)))}")


def _report(error: MullError, words: Sequence[str], streams: Streams) -> int:
    """Show the failure in the requested output form; returns the exit code."""
    trace.fact(error={"code": error.code, "message": error.message, "hint": error.hint})
    if os.environ.get("MULL_DEBUG"):
        import traceback

        traceback.print_exc()
    try:
        streams.stdout.flush()
    except OSError:  # the error itself is reported below; the interpreter's own flush would fail again
        detach(streams)
    from mull.terminal.views.base import requested_forms
    from mull.terminal.views.open import show_failure

    of_turn = words[:1] in (["ask"], ["chat"]) or not _names_command(words, typer.main.get_command(app))
    flags = words[: words.index("--")] if "--" in words else words  # raw: usage errors have the form too
    show_failure(error, requested_forms(flags)[0], streams, of_turn=of_turn)
    return error.exit_code


def _chosen_theme(flag: ThemeName | None) -> ThemeChoice:
    """The theme of the flag, the environment or the config, with the config's styles. Raises UsageError."""
    from mull.config import read_config

    try:
        choice = read_config().theme()
    except MullError:  # the command itself says what is wrong
        choice = ThemeChoice()
    named = flag or named_theme("MULL_THEME", os.environ.get("MULL_THEME") or None)
    return dataclasses.replace(choice, name=named) if named else choice


def _names_command(words: Sequence[str], group: Any) -> bool:
    """Whether a command line begins with a command, and not with a prompt or an option."""
    if words[:1] == ["help"]:
        from mull.commands.help_words import are_prompt

        return not are_prompt(words[1:], group)
    return bool(words) and words[0] in {*COMMANDS, *ALIASES}


def _leave(code: int) -> None:
    """End the process with the code, even while a thread that was asked to stop is still loading a model."""
    trace.write(code)
    if code == ExitCode.INTERRUPTED:
        sys.exit(control.exit_code())
    if any(thread.name == "load" and thread.is_alive() for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)

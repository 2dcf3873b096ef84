"""How `--help` looks: options and commands in groups, and examples. Plain text; rich is not imported.

In: Click's commands, and the formatter and context that it passes. Out: sections, written to the formatter; bold
headings where stdout takes them. Options are grouped by their `rich_help_panel`, in the order in which the panels first
occur; options without one come last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mull.errors import UsageError
from mull.terminal.console.ascii_text import ascii_text
from mull.terminal.console.streams import Streams

Row = tuple[str, str]

EXAMPLES: Mapping[str, Sequence[Row]] = {
    "mull": (
        ("mull", "open a chat"),
        ('mull "What is 17 * 23?"', "ask one question"),
        ('git diff | mull "write a commit message"', "ask about piped input"),
        ('mull -m qwen3-8b --effort high "17 * 23?"', "choose a model, let it think"),
        ("mull models --best", "the model recommended for this machine"),
    ),
    "mull ask": (
        ('mull ask -f report.md "summarize this"', "ask about a file"),
        ('mull ask --no-reason "capital of Peru?"', "answer without thinking"),
        ('mull ask --think-budget 500 "17 * 23?"', "limit the thinking to 500 tokens"),
        ('mull ask --schema "name, age int" -f cv.txt', "answer in JSON with these fields"),
        ('mull ask -x "a script that counts lines"', "print only the code block"),
        ('mull ask -c "and in Portuguese?"', "continue the last conversation"),
    ),
    "mull chat": (
        ("mull chat -m qwen3-8b", "choose the model"),
        ("mull chat -c", "continue the last conversation"),
        ("mull chat --no-save", "save nothing on disk"),
    ),
    "mull tokens": (
        ("mull tokens -m qwen3-8b report.md", "one file"),
        ("mull tokens src/ '*.md'", "text files of a folder and a pattern"),
        ("git diff | mull tokens", "what a pipe holds"),
    ),
    "mull models": (
        ("mull models --best", "which model fits this machine"),
        ("mull models --license permissive", "only models with a permissive licence"),
        ("mull models search qwen3 gguf", "search the Hub"),
    ),
    "mull list": (("mull list --json", "for scripts"),),
    "mull pull": (
        ("mull pull qwen3-8b", "a model of the catalogue"),
        ("mull pull qwen3-8b --quant Q6_K", "another quantization"),
        ("mull pull unsloth/Qwen3-8B-GGUF:Q4_K_M", "any repository on the Hub"),
    ),
    "mull rm": (("mull rm qwen3-8b --all", "every installed quantization"),),
    "mull show": (("mull show qwen3-8b", "licence, thinking, memory, files"),),
    "mull verify": (
        ("mull verify", "every installed model"),
        ("mull verify qwen3-8b", "one model"),
    ),
    "mull inspect": (
        ("mull inspect model.gguf", "what its chat template supports"),
        ("mull inspect model.gguf --render chat.json", "the exact prompt of a conversation"),
    ),
    "mull batch": (
        ("mull batch prompts.jsonl -o results.jsonl", "resumes where it stopped"),
        ('mull batch reviews.jsonl --schema "stars int"', "every answer in JSON"),
    ),
    "mull bench": (
        ("mull bench -m qwen3-8b", "prompt processing and generation"),
        ("mull bench --vs threads=4", "compare two settings"),
        ("mull bench -m qwen3-8b --tune", "find and store the fastest settings"),
    ),
    "mull eval": (
        ("mull eval -m qwen3-8b", "forty small questions"),
        ("mull eval questions.jsonl --modes off,low,high", "your questions, three modes"),
        ("mull eval --suite arithmetic,logic --limit 20", "twenty questions of each suite"),
        ("mull eval --resume", "what the last run has not finished"),
    ),
    "mull sessions": (
        ("mull sessions", "list the conversations"),
        ('mull sessions search "sky blue"', "find a phrase"),
        ("mull sessions replay sky 2", "generate the second turn again"),
        ("mull sessions prune --older 90d", "remove what was not used for 90 days"),
        ("mull sessions export sky -f html -o sky.html", "write one page of HTML"),
    ),
    "mull templates": (
        ("mull templates edit review", "write a template"),
        ("mull templates trust", "let this project's templates set a model or files"),
        ("git diff | mull -t review", "use it"),
    ),
    "mull cache": (("mull cache clear", "delete every cached prompt"),),
    "mull config": (
        ("mull config set model qwen3-8b", "the default model"),
        ("mull config set thinking hide", "never show thinking"),
        ("mull config unset thinking", "back to the default"),
        ("mull config set aliases.fast qwen3-4b", "then mull -m fast"),
        ("mull config set -m qwen3-8b top_k 20", "for this model alone"),
        ("mull config where top_k", "which places set it"),
    ),
    "mull serve": (
        ("mull serve -m qwen3-8b", "on 127.0.0.1:8484"),
        ("mull serve --host 0.0.0.0 --api-key-env KEY", "for a network, with a key"),
        ('mull -m @http://127.0.0.1:8484 "17 * 23?"', "ask it"),
    ),
    "mull worker": (
        ("mull worker", "behind an SSH tunnel"),
        ("mull worker --host 10.0.0.2 --trusted-network", "in a VPN or a network of your own"),
    ),
    "mull endpoints": (
        ("mull endpoints add office http://10.0.0.5:8000", "a server on the network"),
        ("mull endpoints", "which of them answer"),
        ('mull -m @office "17 * 23?"', "ask its first model"),
    ),
    "mull ps": (("mull ps --json", "for scripts"),),
    "mull stop": (
        ("mull stop", "free the memory of all"),
        ("mull stop qwen3-8b", "of one model"),
    ),
    "mull doctor": (("mull doctor --json", "for a bug report"),),
    "mull help": (
        ("mull help models", "the help of one command"),
        ("mull help sessions search", "of a command below it"),
    ),
    "mull version": (("mull version --json", "for scripts"),),
}
"""What each command's help shows at its end: command lines, each with a few words on it."""

HELP_FLAGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
ALIASES = {"ls": "list"}
"""Other names of commands, in every group that has the command."""
LIST = "list"  # what a group with such a command runs when none is named
_PATH = re.compile(r"\[?(?:FILE|PATH|FOLDER|SCHEMA)\b")
"""The metavar of what takes one path; a list of files is checked where they are read."""
_WIDEST = 46  # columns; a wider example has its remark on the next line


class _Encodable:
    """Help in ASCII for a terminal that does not take UTF-8: Click would write UTF-8 to it."""

    def get_help(self, ctx: Any) -> str:
        text = str(super().get_help(ctx))  # type: ignore[misc]
        streams = ctx.find_object(Streams)
        return text if streams is None or streams.unicode else ascii_text(text)


class HelpCommand(_Encodable, TyperCommand):
    """A command whose help has grouped options and examples. A hidden one is shown under its group's name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            self._refuse_empty_paths(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_empty_paths(self, ctx: Any, args: Sequence[str]) -> None:
        """An empty path is an unset variable of a shell; as a `Path` it would be the working folder."""
        given, _, _ = self.make_parser(ctx).parse_args(args=[*args])
        for parameter in self.get_params(ctx):
            takes_path = parameter.type.name == "path" or _PATH.match(parameter.metavar or "")
            if given.get(parameter.name or "") == "" and takes_path:
                is_option = parameter.param_type_name == "option"
                what = (parameter.metavar or str(parameter.name).upper()).strip("[]")
                name = f"after {parameter.opts[-1]}" if is_option else f"of {what}"
                hint = f"A variable of the shell may be unset{'; leave the option out' if is_option else ''}."
                raise UsageError("usage_error", f"The path {name} is empty.", hint)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(_path(self, ctx), " ".join(self.collect_usage_pieces(ctx)))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        write_options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_examples(_path(self, ctx), ctx, formatter)


class HelpGroup(_Encodable, TyperGroup):
    """The same for a command with commands below it; they stand before the options. Without a name it lists."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if LIST in self.commands and not ctx.resilient_parsing:
            args = self._named(args)
        return super().parse_args(ctx, args)

    def _named(self, args: list[str]) -> list[str]:
        """The words with the command's name first; options without a name are those of `list`."""
        if args and (not args[0].startswith("-") or args[0] in HELP_FLAGS["help_option_names"]):
            return args
        rest = [*args]
        named = next((word for word in args if word in {*self.commands, *ALIASES}), LIST)
        if named in rest:
            rest.remove(named)
        return [named, *rest]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        below = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, summary(command)) for name, command in below if command and not command.hidden]
        write_section(ctx, formatter, "Commands", rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_examples(_path(self, ctx), ctx, formatter)


def with_help(target: typer.Typer) -> typer.Typer:
    """Let a Typer app and all its commands show their help this way."""
    target.info.cls, target.info.context_settings = HelpGroup, HELP_FLAGS
    for command in target.registered_commands:
        command.cls, command.context_settings = (
            HelpCommand,
            {**(command.context_settings or {}), **HELP_FLAGS},
        )
    return target


def summary(command: Any) -> str:
    """The first paragraph of a command's help, on one line."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def panels(command: Any, ctx: Any) -> dict[str, list[Row]]:
    """Arguments and options with their help, by the title of their group."""
    groups: dict[str, list[Row]] = {"Arguments": []}
    rest: list[Row] = []
    for parameter in command.get_params(ctx):
        row = parameter.get_help_record(ctx)
        if row is None:
            continue
        if parameter.param_type_name == "argument":
            groups["Arguments"].append(row)
        elif panel := getattr(parameter, "rich_help_panel", None):
            groups.setdefault(panel, []).append(row)
        else:
            rest.append(row)
    return {title: rows for title, rows in {**groups, "Options": rest}.items() if rows}


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Every group of options as a section."""
    for title, rows in panels(command, ctx).items():
        write_section(ctx, formatter, title, rows)


def write_examples(path: str, ctx: Any, formatter: Any) -> None:
    """The examples of the command with this full name, if there are any."""
    write_section(ctx, formatter, "Examples", EXAMPLES.get(path, ()), widest=_WIDEST)


def write_section(ctx: Any, formatter: Any, title: str, rows: Iterable[Row], *, widest: int = 30) -> None:
    """A heading and two columns, the first at most `widest` columns wide; nothing without rows."""
    rows = list(rows)
    if not rows:
        return
    bold = _bold(ctx)
    with formatter.section(bold(title)):
        formatter.write_dl([(bold(first), second) for first, second in rows], col_max=widest)


def _path(command: Any, ctx: Any) -> str:
    """The full name of a command, as it is typed."""
    return str(ctx.parent.command_path if command.hidden else ctx.command_path)


def _bold(ctx: Any) -> Any:
    streams = ctx.find_object(Streams)
    if streams is None or streams.stdout_style.plain:
        return str
    ctx.color = True  # Click removes the codes where it sees no terminal, in spite of --color
    return lambda text: streams.stdout_style(text, "bold")

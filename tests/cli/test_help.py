"""`--help`: summaries, groups of options, examples that parse, and no heavy imports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
import typer

from mull.app import COMMANDS, app
from mull.help import EXAMPLES, summary, with_help
from tests.conftest import Run

ROOT: Any = typer.main.get_command(app)


def parse(command: Any, name: str, words: Sequence[str], parent: Any = None) -> None:
    """Parse a command line down to its last command. Raises a usage error."""
    context = command.make_context(name, list(words), parent=parent)
    if rest := [*getattr(context, "_protected_args", ()), *context.args]:
        below, inner, words = command.resolve_command(context, rest)
        parse(inner, below, words, context)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_the_commands_own(name: str) -> None:
    context = ROOT.make_context("mull", ["--help"], resilient_parsing=True)
    assert summary(ROOT.get_command(context, name)).startswith(COMMANDS[name].summary)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_names_every_command_and_imports_none(mull: Run, flag: str) -> None:
    done = mull(flag, env={"PYTHONPROFILEIMPORTTIME": "1"})
    text = done.stdout.decode()
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert all(f"\n{entry.group}:\n" in text for entry in COMMANDS.values())
    assert all(line in text for line, _ in EXAMPLES["mull"])
    assert b"mull.app" in done.stderr
    assert b"mull.commands" not in done.stderr
    assert b"| rich" not in done.stderr


def test_the_help_of_a_command_imports_no_rich(mull: Run) -> None:
    done = mull("ask", "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert all(line in done.stdout.decode() for line, _ in EXAMPLES["mull ask"])
    assert b"mull.commands._ask_options" in done.stderr
    assert not any(name in done.stderr for name in (b"| rich", b"llama_cpp", b"prompt_toolkit", b"jinja2"))


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == {"mull", *(f"mull {name}" for name in COMMANDS)}


@pytest.mark.parametrize("line", [line for rows in EXAMPLES.values() for line, _ in rows])
def test_the_examples_parse(line: str) -> None:
    program, *words = shlex.split(line.rpartition("| ")[2])
    assert program == "mull"
    parse(ROOT, "mull", words)


def test_the_options_of_a_turn_stand_in_groups(mull: Run) -> None:
    text = mull("ask", "--help").stdout.decode()
    panels = re.findall(r"^([A-Z][\w ]+):$", text, re.MULTILINE)
    assert panels[0] == "Arguments"
    assert panels[-2:] == ["Options", "Examples"]
    assert {"Model and context", "Thinking", "Sampling", "Output"} <= set(panels)
    assert text.partition("\nOptions:\n")[2].split("\n")[0].split()[:2] == ["-h,", "--help"]  # alone


def test_options_stand_in_their_groups() -> None:
    cook = with_help(typer.Typer(add_completion=False, rich_markup_mode=None))

    @cook.command()
    def bake(
        what: Annotated[str, typer.Argument(help="A cake.")],
        heat: Annotated[int, typer.Option(help="Degrees.", rich_help_panel="Oven")] = 180,
        loud: Annotated[bool, typer.Option(help="Sing.")] = False,
        fan: Annotated[bool, typer.Option(help="Blow.", rich_help_panel="Oven")] = False,
    ) -> None:
        """Bake."""

    command: Any = typer.main.get_command(with_help(cook))
    text = command.get_help(command.make_context("bake", [], resilient_parsing=True))
    places = [
        text.index(part)
        for part in ("\nArguments:", "A cake.", "\nOven:", "Degrees.", "Blow.", "\nOptions:", "Sing.")
    ]
    assert places == sorted(places)


def test_headings_are_bold_where_stdout_takes_codes(mull: Run) -> None:
    assert b"\x1b[1mModels\x1b[0m:" in mull("--color", "always", "--help").stdout
    assert b"\x1b" not in mull("--help").stdout

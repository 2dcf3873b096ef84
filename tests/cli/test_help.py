"""What `mull --help` says of each command is what the command says of itself."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from mull.app import COMMANDS, app
from tests.conftest import Run


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_about_a_command_is_its_own(name: str) -> None:
    root: Any = typer.main.get_command(app)
    context = root.make_context("mull", ["--help"], resilient_parsing=True)
    own = " ".join(root.get_command(context, name).help.partition("\n\n")[0].split())
    assert own.startswith(COMMANDS[name][1])


def test_the_help_names_every_command_and_imports_none(mull: Run) -> None:
    done = mull("--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert all(f"\n  {name} " in done.stdout.decode() for name in COMMANDS)
    assert b"mull.app" in done.stderr
    assert b"mull.commands" not in done.stderr

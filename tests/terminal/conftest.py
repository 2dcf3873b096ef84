"""A scripted turn in a pseudo-terminal, as a fixture."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

if sys.platform == "win32":
    collect_ignore_glob = ["test_*_pty.py", "harness.py"]
else:
    from tests.terminal.harness import Terminal

    TERMINAL = ("columns", "rows", "environ", "stdin", "stdout", "stderr", "keyboard")

    class Play(Protocol):
        def __call__(self, *steps: tuple[str, Any], **options: Any) -> Terminal: ...

    class Ask(Protocol):
        def __call__(self, **options: Any) -> Terminal: ...

    def _start(module: str, options: dict[str, Any], stack: contextlib.ExitStack) -> Terminal:
        of_terminal = {name: options.pop(name) for name in TERMINAL if name in options}
        options["asks"] = of_terminal.get("keyboard", False)
        arguments = [sys.executable, "-m", f"tests.terminal.{module}", json.dumps(options)]
        return stack.enter_context(Terminal(arguments, **of_terminal))

    @pytest.fixture
    def play() -> Iterator[Play]:
        """Play steps (see `actor`) in a terminal; options of the terminal and of the view by name."""
        with contextlib.ExitStack() as stack:
            yield lambda *steps, **options: _start("actor", {"steps": steps, **options}, stack)

    @pytest.fixture
    def ask() -> Iterator[Ask]:
        """Show the chat's prompt (see `prompter`) in a terminal, and wait until it is drawn."""
        with contextlib.ExitStack() as stack:

            def start(**options: Any) -> Terminal:
                terminal = _start("prompter", options, stack)
                terminal.wait("pebble")
                return terminal

            yield start

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

    TERMINAL = ("columns", "rows", "environ", "stdin", "stdout", "stderr")

    class Play(Protocol):
        def __call__(self, *steps: tuple[str, Any], **options: Any) -> Terminal: ...

    @pytest.fixture
    def play() -> Iterator[Play]:
        """Play steps (see `actor`) in a terminal; options of the terminal and of the view by name."""
        with contextlib.ExitStack() as stack:

            def start(*steps: tuple[str, Any], **options: Any) -> Terminal:
                of_terminal = {name: options.pop(name) for name in TERMINAL if name in options}
                script = json.dumps({"steps": steps, **options})
                arguments = [sys.executable, "-m", "tests.terminal.actor", script]
                return stack.enter_context(Terminal(arguments, **of_terminal))

            yield start

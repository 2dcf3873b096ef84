"""A real program in tmux, which wraps old lines again when its window is resized, as most terminals do."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.terminal.harness import ROOT, TIMEOUT

QUIET = 0.6  # seconds


class Tmux:
    """A context manager. `folder` gets the server's socket."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._tmux = ["tmux", "-u", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        variables = {"PYTHONPATH": str(ROOT / "cli"), "LC_ALL": "C.UTF-8", **(environ or {})}
        words = ["env", *(f"{name}={value}" for name, value in variables.items()), *arguments]
        size = ["-x", str(columns), "-y", str(rows)]
        command = f"{shlex.join(words)}; echo '[left]'; sleep 60"
        subprocess.run([*self._tmux, "new-session", "-d", *size, command], check=True, cwd=ROOT)
        self._run("set", "-g", "status", "off")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def press(self, keys: str) -> None:
        self._run("send-keys", "-H", *(f"{byte:02x}" for byte in keys.encode()))

    def resize(self, columns: int, rows: int = 24) -> None:
        """Once the program has drawn what it has to draw: nothing has changed for a while (a spinner turns on)."""
        text, since = self.text, time.monotonic()
        until = since + 3 * QUIET
        while time.monotonic() < min(since + QUIET, until):
            time.sleep(0.02)
            if (now := self.text) != text:
                text, since = now, time.monotonic()
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def lines(self) -> list[str]:
        """The scrollback and the screen, without empty lines at the end."""
        return self._run("capture-pane", "-p", "-S", "-").rstrip("\n").split("\n")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait(self, wanted: str | Callable[[], bool]) -> None:
        """Wait until the text is in the scrollback or on the screen, or the condition is true."""
        holds = wanted if callable(wanted) else lambda: wanted in self.text
        until = time.monotonic() + TIMEOUT
        while not holds():
            assert time.monotonic() < until, f"waited for {wanted!r}; the screen:\n{self.text}"
            time.sleep(0.02)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, check=True).stdout.decode()

"""The user's editor on a piece of text."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from mull.errors import MullError


def editor() -> str | None:
    """What $VISUAL or $EDITOR says; None when neither does."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or None


def edit_text(text: str) -> str:
    """The text as the user left it in the editor. Raises MullError (editor) when that cannot run or fails."""
    command = editor() or "vi"
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:  # 0700, so nobody else reads along
        file = Path(folder) / "question.md"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(command), str(file)], check=True)
            return file.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError, subprocess.CalledProcessError) as failure:
            raise MullError(
                "editor", f"The editor “{command}” failed.", "Set EDITOR to one that works."
            ) from failure

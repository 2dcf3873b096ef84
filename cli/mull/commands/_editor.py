"""The user's editor: finding it, and editing a file or a text with it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from mull.errors import MullError


def editor() -> str | None:
    """What $VISUAL or $EDITOR says; None when neither does."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or None


def open_file(path: Path) -> None:
    """Wait until the user has left the editor. Raises MullError (editor) when that cannot run or fails."""
    command = editor() or ("notepad" if sys.platform == "win32" else "vi")
    try:
        subprocess.run([*shlex.split(command), str(path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as failure:
        hint = "Set EDITOR to one that works."
        raise MullError("editor", f"The editor “{command}” failed.", hint) from failure


def edit_text(text: str) -> str:
    """The text as edited by the user. Raises MullError (editor) when the editor cannot run or fails."""
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:  # mode 0700: other users cannot read it
        file = Path(folder) / "question.md"
        file.write_text(text, encoding="utf-8")
        open_file(file)
        return file.read_text(encoding="utf-8", errors="replace")

"""Open a file or a piece of text in the user's editor: $VISUAL, else $EDITOR, else vi (Notepad on Windows).

`open_file` and `edit_text` return when the editor has been closed. Both raise MullError (editor) when the editor
cannot be started or exits with a failure.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from mull.errors import MullError
from mull.fs.atomic import create_atomic


def editor() -> str | None:
    """The command in $VISUAL or $EDITOR; None when neither is set."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or None


def open_file(path: Path) -> None:
    """Open the file and wait for the editor. Raises MullError (editor)."""
    command = editor() or ("notepad" if sys.platform == "win32" else "vi")
    try:
        subprocess.run([*shlex.split(command), str(path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as failure:
        hint = "Set EDITOR to one that works."
        raise MullError("editor_failed", f'The editor "{command}" failed.', hint) from failure


def edit_text(text: str, name: str = "question.md") -> str:
    """Let the user edit the text, in a file of this name; returns the edited text. Raises MullError (editor)."""
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:  # mode 0700: other users cannot read it
        file = Path(folder) / name
        create_atomic(file, text)
        open_file(file)
        return file.read_text(encoding="utf-8", errors="replace")

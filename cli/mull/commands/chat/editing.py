"""The user's editor on a piece of text."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mull.commands._editor import open_file


def edit_text(text: str) -> str:
    """The text as the user left it in the editor. Raises MullError (editor) when that cannot run or fails."""
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:  # 0700, so nobody else reads along
        file = Path(folder) / "question.md"
        file.write_text(text, encoding="utf-8")
        open_file(file)
        return file.read_text(encoding="utf-8", errors="replace")

"""Where a project's settings lie, and where the files lie that settings name. Reads nothing.

In: the folder to look from, or the path of a config file. Out: paths.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mull.settings import parse_lora

PROJECT_FILE = ".mull.toml"


def project_file(here: Path | None) -> Path | None:
    """The nearest file, up to the repository's root; outside of one, up to the home folder or the disk's root."""
    if here is None:
        return None
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - also of a user without a home
    for folder in (here, *here.parents):
        if os.path.lexists(folder / PROJECT_FILE):
            return folder / PROJECT_FILE
        if folder == home or (folder / ".git").exists():
            return None
    return None


def adapters_beside(path: Path, adapters: Sequence[str]) -> list[str]:
    """LoRA adapters as a config file means them: a relative path is one in the file's folder."""
    found = map(parse_lora, adapters)
    return [f"{path.parent / os.path.expanduser(file)}={scale:g}" for file, scale in found]  # noqa: PTH111 - as above


def beside(path: Path, chat_template: str) -> str:
    """A chat template as a config file names it: a name, or a path that counts from the file's folder."""
    from mull.chat_template.builtin import BUILTIN

    expanded = os.path.expanduser(chat_template)  # noqa: PTH111 - also of a user without a home
    return chat_template if chat_template in BUILTIN else str(path.parent / expanded)

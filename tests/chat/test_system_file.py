"""`/system @FILE` in a chat."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from tests.chat.conftest import ChatTerminal

Chat = Callable[..., "contextlib.AbstractContextManager[ChatTerminal]"]


def test_the_system_prompt_comes_from_a_file(chat: Chat, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "role.md").write_text("Talk like a pirate.\n")
    with chat(thinker) as terminal:
        terminal.say(f"/system @{tmp_path}/role.md")
        terminal.shows("System prompt: Talk like a pirate.")
        terminal.say("/system @nowhere.md")
        terminal.shows("No such file: nowhere.md")
        terminal.say("/system @@home")
        terminal.shows("System prompt: @home")
        terminal.leave()

"""The settings of one model in a chat that switches between models, by an alias."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from tests.chat.conftest import ChatTerminal
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted

Chat = Callable[..., "contextlib.AbstractContextManager[ChatTerminal]"]


def test_a_model_brings_its_settings(chat: Chat, thinker: Path, home: dict[str, str], tmp_path: Path) -> None:
    other = write_scripted(tmp_path / "other.gguf", ["Here", "."], template=CHATML, name="other")
    Path(home["MULL_CONFIG_DIR"], "config.toml").write_text(
        f'threads = 1\ntop_k = 4\n[aliases]\nsecond = "{other}"\n[models.second]\ntop_k = 7\nsystem = "Be brief."\n'
    )
    with chat(thinker) as terminal:
        terminal.say("/set min_p 0.5")
        terminal.shows("min_p  0.5")
        terminal.say("/model second")
        terminal.shows("Switched to other.")
        terminal.say("/set top_k")
        terminal.shows("top_k  7")
        terminal.say("/set min_p")
        terminal.count("min_p  0.5", 2)
        terminal.say("/system")
        terminal.shows("System prompt: Be brief.")
        terminal.say("/file https://example.org/x")
        terminal.shows("mull fetches none")
        terminal.leave()

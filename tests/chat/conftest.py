"""Models that play a script, and a chat with them in a real terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mull.store.sessions import Store, open_store
from mull.terminal.input.unbracketed import AT_ONCE
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted

if sys.platform == "win32":
    collect_ignore_glob = ["test_chat.py"]
    Terminal = object
else:
    from tests.terminal.harness import Terminal

ENDLESS = 100_000  # tokens that such a model says at least: half a minute on a core of its own
LIMIT = {"MULL_MAX_TOKENS": str(ENDLESS)}  # the default limit ends such an answer within four seconds


@pytest.fixture(scope="session")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks "Let me see." and answers "Forty-two."; without thinking it answers "Just 42!"."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "thinker.gguf",
        ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", "."],
        starts={"\n\n": ["Just", " 42!"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        name="thinker",
    )


@pytest.fixture(scope="session")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers with a block of code."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "coder.gguf",
        ["Look", " here:\n\n```python\n", "print(6 * 7)\n", "```\n"],
        template=CHATML,
        name="coder",
    )


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks without end; without thinking it answers without end."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "endless.gguf",
        ["<think>", "\nHm", *(f" m{i}" for i in range(400))],
        starts={"\n\n": ["Well", *(f" w{i}" for i in range(400))]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=2 * ENDLESS,
        name="endless",
        end=False,
    )


@pytest.fixture(scope="session")
def wordy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers with 100 tokens."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "wordy.gguf",
        ["First", *(f" word{i}" for i in range(98)), " end."],
        template="{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        name="wordy",
    )


class ChatTerminal(Terminal):
    """A terminal with a chat in it."""

    def say(self, line: str) -> None:
        """Type a line and Enter, once the prompt waits for one.

        Text that came right after the Enter of the line before would be a paste with it.
        """
        self.wait(lambda: self.ready and not self.unread, "the prompt")
        time.sleep(2 * AT_ONCE)
        self.press(line + "\r")

    @property
    def ready(self) -> bool:
        return self.at_prompt

    def count(self, text: str, times: int) -> None:
        """Wait until a text was shown so many times, wherever the terminal broke it into lines."""
        wanted = "".join(text.split())
        self.wait(lambda: self.squeezed.count(wanted) >= times, f"{text} × {times}")

    def shows(self, text: str) -> None:
        """Wait for a text that the terminal may have broken into lines."""
        self.count(text, 1)

    @property
    def squeezed(self) -> str:
        """All that was shown, without white space."""
        return "".join("".join(self.everything).split())

    def leave(self) -> None:
        """Leave by Ctrl+D: exit 0, and the terminal as it was."""
        self.wait(lambda: self.ready, "the prompt")
        self.press("\x04")
        assert self.exit() == 0, self.text
        assert self.mode == self.mode_before


Open = Callable[..., "contextmanager[ChatTerminal]"]


@pytest.fixture
def chat(home: dict[str, str]) -> Callable[..., object]:
    """Open a chat: `with chat(model, "-c", columns=40) as terminal`."""

    @contextmanager
    def open_(
        model: Path | None,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
    ) -> Iterator[ChatTerminal]:
        command = [sys.executable, "-m", "mull", "chat", *arguments]
        command += ["-m", str(model)] if model is not None else []
        with ChatTerminal(
            command, columns=columns, rows=rows, environ={**home, **LIMIT, **(env or {})}
        ) as terminal:
            yield terminal

    return open_


@pytest.fixture
def kept(home: dict[str, str]) -> Iterator[Store]:
    """The store that the chats of a test write to."""
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        yield store

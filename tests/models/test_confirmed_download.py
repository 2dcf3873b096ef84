"""A model that is not installed, asked for on a terminal: the offer, yes, the download, the answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
from tests.models.hub_server import serve
from tests.terminal.harness import Terminal

REPO = "example/tiny-GGUF"
MULL = [sys.executable, "-m", "mull"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("hub") / "tiny-Q8_0.gguf"
    return write_scripted(path, ["Forty", "-two", "."], template=CHATML, name="tiny").read_bytes()


def test_a_question_waits_for_the_download_and_is_answered(home: dict[str, str], tiny: bytes) -> None:
    with serve() as hub:
        hub.add(REPO, {"tiny-Q8_0.gguf": tiny})
        environ = home | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
        with Terminal([*MULL, "-m", REPO, "What is 6 * 7?"], environ=environ) as terminal:
            terminal.wait("[y/N]")
            assert "is not installed. Download it" in terminal.text
            terminal.press("y\n")
            assert terminal.exit() == 0, terminal.text
            assert "Forty-two." in terminal.text
        with Terminal([*MULL, "-m", REPO, "Again?"], environ=environ) as terminal:  # now it is there
            assert terminal.exit() == 0
            assert "[y/N]" not in terminal.text
            assert "Forty-two." in terminal.text


def test_no_leaves_everything_as_it_was(home: dict[str, str], tiny: bytes) -> None:
    with serve() as hub:
        hub.add(REPO, {"tiny-Q8_0.gguf": tiny})
        with Terminal(
            [*MULL, "-m", REPO, "hi"], environ=home | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
        ) as terminal:
            terminal.wait("[y/N]")
            terminal.press("\n")
            assert terminal.exit() == 1
            assert f"mull pull {REPO}" in terminal.text
    assert not list(Path(home["HF_HOME"]).rglob("*.gguf"))


def test_a_chat_takes_the_model_once_it_is_downloaded(home: dict[str, str], tiny: bytes) -> None:
    with serve() as hub:
        hub.add(REPO, {"tiny-Q8_0.gguf": tiny})
        with Terminal(
            [*MULL, "chat"], environ=home | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}, rows=40
        ) as terminal:
            terminal.wait(lambda: terminal.at_prompt, "the prompt")
            terminal.press(f"/model {REPO}\r")
            terminal.wait("[y/N]")
            terminal.press("y\n")
            terminal.wait("Switched to")
            terminal.wait(lambda: terminal.at_prompt, "the prompt")
            terminal.press("What is 6 * 7?\r")
            terminal.wait("Forty-two.")
            terminal.wait(lambda: terminal.at_prompt, "the prompt")
            terminal.press("\x04")
            assert terminal.exit() == 0

"""What Tab offers after each command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mull.commands.chat.input import suggest
from mull.conversation.conversation import Conversation
from mull.store.sessions import open_store
from tests.model_files.scripted import write_scripted


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """As much of a chat as completion looks at: a store with two sessions, a folder with a model."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HOME", "MULL_CONFIG_DIR", "MULL_STATE_DIR", "OLLAMA_MODELS"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    (tmp_path / "models").mkdir()
    (tmp_path / "mull_config_dir").mkdir()
    folders = f"model_folders = ['{tmp_path / 'models'}']\n"
    (tmp_path / "mull_config_dir" / "config.toml").write_text(folders)
    write_scripted(tmp_path / "models" / "tiny.gguf", ["Hi"])
    with open_store(None) as store:
        store.begin_turn(store.start(name="zoo").id, "about elephants")
        unnamed = store.start()
        store.begin_turn(unnamed.id, "about sheep")
        yield SimpleNamespace(
            conversation=Conversation(store),
            private=False,
            unnamed=unnamed.id,
        )


def offers(chat: Any, line: str) -> list[str]:
    return [line[: len(line) - found.replaces] + found.text for found in suggest(chat, line)]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/und", ["/undo"]),
        ("/MOD", ["/model"]),
        ("/ctx", ["/context"]),
        ("/exi", ["/exit"]),
        ("/xyzzy", []),
        ("/effort hgh", ["/effort high"]),
        ("/reason o", ["/reason on", "/reason off"]),
        ("/effort ", ["/effort low", "/effort medium", "/effort high", "/effort auto"]),
        ("/copy c", ["/copy code"]),
        ("/edit a", ["/edit answer"]),
        ("/help und", ["/help undo"]),
        ("/set temp", ["/set temperature"]),
        ("/set thinking f", ["/set thinking fold"]),
        ("/set markdown o", ["/set markdown on", "/set markdown off"]),
        ("/set nothing x", []),
        ("/open Z", ["/open zoo"]),
        ("/model t", ["/model tiny"]),
        ("/model peb", ["/model pebble"]),
        ("/new x", []),
        ("what is /re", []),
        ("", []),
    ],
)
def test_offers(chat: Any, line: str, offered: list[str]) -> None:
    assert offers(chat, line) == offered


def test_a_session_without_a_name_is_offered_by_its_id_and_shown_by_its_title(chat: Any) -> None:
    found = {one.text: one.about for one in suggest(chat, "/open ")}
    assert found == {"zoo": "zoo", chat.unnamed: "about sheep"}
    chat.private = True
    assert list(suggest(chat, "/open ")) == []


def test_a_path_that_cannot_be_offers_nothing(chat: Any) -> None:
    assert offers(chat, "/file ~nobody-of-this-name/") == []
    assert offers(chat, "/file a\0b/") == []


def test_paths_are_offered_for_files_and_models(chat: Any, tmp_path: Path) -> None:
    assert offers(chat, f"/file {tmp_path}/mod") == [f"/file {tmp_path}/models/"]
    assert offers(chat, f"/model {tmp_path}/models/") == [f"/model {tmp_path}/models/tiny.gguf"]

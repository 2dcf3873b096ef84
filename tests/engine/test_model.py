"""Text to tokens and back, through the vocabularies of real GGUF files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.engine.engine import Engine
from mull.engine.model import Model, load
from tests.engine.conftest import ONE_THREAD
from tests.model_files.random_model import TINY, write_random
from tests.model_files.scripted import write_scripted

Open = Callable[[Path], Model]


@pytest.fixture
def chat(tmp_path: Path, open_model: Open) -> Model:
    return open_model(
        write_scripted(
            tmp_path / "chat.gguf",
            ["x y"],
            control=["<s>", "<|im_start|>", "<|im_end|>"],
            user_defined=["<think>", "</think>"],
            template="{{ messages }}",
            bos="<s>",
            name="Chatty",
            n_ctx=2048,
        )
    )


def text(model: Model, tokens: list[int]) -> str:
    return b"".join(map(model.piece, tokens)).decode()


@pytest.mark.parametrize(
    "said", ["", "hello", "ünïcödé €", "日本語 🎉", "line\n\nline\r\n\tx", "\x00\x01\x7f", "a" * 5000]
)
def test_text_survives(chat: Model, said: str) -> None:
    assert text(chat, chat.tokenize(said, special=False)) == said


def test_a_lone_surrogate_does_not_break_it(chat: Model) -> None:
    assert text(chat, chat.tokenize("a\ud800b", special=False)) == "a?b"


def test_control_tokens_only_where_they_are_meant(chat: Model) -> None:
    meant = chat.tokenize("<|im_start|>user", special=True)
    pasted = chat.tokenize("<|im_start|>user", special=False)
    assert meant[0] == chat.special_tokens["<|im_start|>"]
    assert chat.special_tokens["<|im_start|>"] not in pasted
    assert text(chat, meant) == text(chat, pasted) == "<|im_start|>user"


def test_the_facts_of_the_file(chat: Model) -> None:
    assert (chat.name, chat.architecture, chat.n_ctx_train) == ("Chatty", "llama", 2048)
    assert (chat.bos, chat.eos, chat.add_bos) == ("<s>", "<|im_end|>", False)
    assert chat.template == "{{ messages }}"
    assert chat.has_tokenizer
    assert chat.metadata("general.architecture") == "llama"
    assert chat.metadata("no.such.key") is None


def test_a_base_model_has_no_template(tiny: Engine) -> None:
    assert tiny.model.template is None


def test_special_tokens_are_control_and_user_defined(chat: Model) -> None:
    assert set(chat.special_tokens) == {"<s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"}
    think, start, letter = (
        chat.special_tokens["<think>"],
        chat.special_tokens["<|im_start|>"],
        chat.tokenize("a", special=False)[0],
    )
    assert [chat.is_special(token) for token in (think, start, letter)] == [True, True, False]
    assert [chat.is_control(token) for token in (think, start, letter)] == [False, True, False]
    assert chat.is_eog(chat.special_tokens["<|im_end|>"])
    assert not chat.is_eog(letter)


def test_user_defined_tokens_match_even_in_plain_text(chat: Model) -> None:
    """llama.cpp does this, and chat_template/tokens.py works around it."""
    assert chat.special_tokens["<think>"] in chat.tokenize("<think>", special=False)


def test_bos_is_added_when_asked_and_wanted(tmp_path: Path, open_model: Open) -> None:
    options = {"control": ["<s>", "<end>"], "bos": "<s>"}
    wants = open_model(write_scripted(tmp_path / "a.gguf", ["x y"], add_bos=True, **options))  # type: ignore[arg-type]
    bos = wants.special_tokens["<s>"]
    assert wants.add_bos
    assert wants.tokenize("hi", special=False, bos=True)[0] == bos
    assert bos not in wants.tokenize("hi", special=False)


def test_sentencepiece_text_survives(tmp_path: Path, open_model: Open) -> None:
    model = open_model(write_scripted(tmp_path / "spm.gguf", ["x y"], tokenizer="llama"))
    assert text(model, model.tokenize("two words, é", special=False)) == "two words, é"


def test_an_unknown_token_is_an_error(chat: Model) -> None:
    for token in (-1, chat.n_vocab):
        with pytest.raises(ValueError, match="no token"):
            chat.piece(token)


def test_long_metadata(tmp_path: Path, open_model: Open) -> None:
    name = "n" * 1000
    assert (
        open_model(write_scripted(tmp_path / "n.gguf", ["x y"], name=name)).metadata("general.name") == name
    )


def test_a_paths_own_characters_do_not_matter(tmp_path: Path, open_model: Open) -> None:
    folder = tmp_path / "mödels with späces 模型"
    folder.mkdir()
    assert open_model(write_random(folder / "é.gguf", TINY)).n_vocab == TINY.n_vocab


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_a_file_name_that_is_not_utf8(tmp_path: Path, state_dir: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.gguf"))
    write_scripted(path, ["x y"])
    load(path, ONE_THREAD, state_dir=state_dir).close()

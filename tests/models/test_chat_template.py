"""Which chat template of a file is used, and what is said where the file has no main one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import pytest

from mull.models.gguf.chat_template import CHATML, choose_template
from mull.models.gguf.header import read_header
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.reasoning import templates as t

CHATML_TOKENS = ["<|im_start|>", "<|im_end|>"]
KEY = "tokenizer.chat_template"


def header_file(path: Path, values: Mapping[str, Any], tokens: list[str]) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*tokens, "a"])
    writer.add_token_types([*(3 for _ in tokens), 1])
    for key, value in values.items():
        add = writer.add_array if isinstance(value, list) else writer.add_string
        if isinstance(value, int):
            writer.add_uint32(key, value)
        else:
            add(key, value)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("values", "source", "said"),
    [
        ({KEY: t.PLAIN}, t.PLAIN, ""),
        ({KEY: t.PLAIN, f"{KEY}.tool_use": t.TOOLS}, t.PLAIN, ""),
        ({f"{KEY}.default": t.PLAIN, f"{KEY}.tool_use": t.TOOLS}, t.PLAIN, "'default'"),
        ({f"{KEY}s": ["rag", "chat"], f"{KEY}.rag": t.TOOLS, f"{KEY}.chat": t.PLAIN}, t.PLAIN, "'chat'"),
        ({f"{KEY}.tool_use": t.TOOLS}, t.TOOLS, "'tool_use'"),
        ({KEY: [t.PLAIN, t.TOOLS]}, t.PLAIN, "list"),
        ({KEY: " "}, CHATML, "ChatML"),
        ({KEY: 7}, CHATML, "ChatML"),
        ({KEY: "constant"}, CHATML, "ChatML"),
        ({}, CHATML, "ChatML"),
    ],
)
def test_what_is_chosen(tmp_path: Path, values: dict[str, Any], source: str, said: str) -> None:
    chosen = choose_template(read_header(header_file(tmp_path / "m.gguf", values, CHATML_TOKENS)))
    assert chosen.source == source
    assert said in chosen.notice
    assert bool(said) == bool(chosen.notice)
    assert chosen.own == (source is CHATML)


def test_a_base_model_has_none(tmp_path: Path) -> None:
    chosen = choose_template(read_header(header_file(tmp_path / "m.gguf", {}, ["</s>"])))
    assert chosen.source is None
    assert "continues the text" in chosen.notice


def test_a_model_without_a_template_answers_in_chatml(mull: Run, tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Paris."], starts={"\n": ["Rome."]}, template=None)
    done = mull("-m", path, "Where?")
    assert (done.returncode, done.stdout) == (0, b"Rome.\n")
    assert b"has no chat template" in done.stderr
    assert b"ChatML" in mull("inspect", path).stdout


def test_a_base_model_continues_the_text_and_says_so(mull: Run, tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", [" Paris."], template=None, control=["<s>", "</s>"])
    done = mull("-m", path, "The capital is")
    assert (done.returncode, done.stdout) == (0, b" Paris.\n")
    assert done.stderr.count(b"it continues the text and does not answer") == 1


def test_a_list_of_templates_is_used(mull: Run, tmp_path: Path) -> None:
    path = header_file(tmp_path / "m.gguf", {KEY: [t.CLOSED]}, CHATML_TOKENS)
    found = json.loads(mull("inspect", path, "--json").stdout)
    assert found["reasoning"]["kind"] == "switchable"


@pytest.mark.parametrize("template", ["  \n", "constant"])
def test_a_template_that_inserts_nothing_is_none(mull: Run, tmp_path: Path, template: str) -> None:
    """llama.cpp hands over any text, also those of numbers."""
    model = write_scripted(tmp_path / "m.gguf", ["Yes", "."], template=template)
    done = mull("-m", model, "--no-save", "hi")
    assert (done.returncode, done.stdout) == (0, b"Yes.\n")
    assert b"no chat template" in done.stderr

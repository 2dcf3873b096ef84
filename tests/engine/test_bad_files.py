"""An unusable file is reported in one sentence, and never crashes the process."""

from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from mull.engine import file_check
from mull.engine.engine import Engine
from mull.engine.model import load
from mull.engine.native import isolated
from mull.errors import EngineError, ModelFileError
from mull.fs import json_cache
from tests.engine.conftest import ONE_THREAD, run
from tests.model_files.random_model import TINY, write_random
from tests.model_files.scripted import write_scripted


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_scripted(tmp_path / "good.gguf", ["Hello", " there"])


def refusal(path: Path, state_dir: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as refused:
        load(path, ONE_THREAD, state_dir=state_dir)
    error = refused.value
    assert "\n" not in error.message
    assert error.message.endswith(".")
    return error


def test_missing(tmp_path: Path, state_dir: Path) -> None:
    assert refusal(tmp_path / "no.gguf", state_dir).code == "model_missing"


def test_a_folder(tmp_path: Path, state_dir: Path) -> None:
    assert refusal(tmp_path, state_dir).code == "model_is_folder"


def test_empty(tmp_path: Path, state_dir: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.touch()
    assert refusal(path, state_dir).code == "model_empty"


@pytest.mark.parametrize(
    "data", [b"#!/bin/sh\n", b"GGU", b"PK\x03\x04" * 100, b"ggml" + bytes(100), os.urandom(5000)]
)
def test_not_gguf(tmp_path: Path, state_dir: Path, data: bytes) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(data)
    assert refusal(path, state_dir).code == "model_not_gguf"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root can read everything")
def test_unreadable(good: Path, state_dir: Path) -> None:
    good.chmod(0)
    assert refusal(good, state_dir).code == "model_unreadable"


@pytest.mark.parametrize("fraction", [0.00001, 0.001, 0.05, 0.5, 0.99])
def test_truncated(good: Path, state_dir: Path, fraction: float) -> None:
    data = good.read_bytes()
    good.write_bytes(data[: max(5, int(len(data) * fraction))])
    assert refusal(good, state_dir).code in {"model_damaged", "model_refused"}


def test_every_header_with_a_flipped_bit_is_rejected_or_harmless(tmp_path: Path, state_dir: Path) -> None:
    """Whatever a flipped bit in the header does, it happens in a child process first."""
    good = write_scripted(tmp_path / "good.gguf", ["Hello", " there"]).read_bytes()
    rng = random.Random(4)
    refused = []
    for number in range(8):
        data = bytearray(good)
        data[rng.randrange(4, 400)] ^= 1 << rng.randrange(8)
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(data)
        try:
            load(path, ONE_THREAD, state_dir=state_dir).close()
        except ModelFileError as error:
            refused.append(error.message)
    assert refused
    assert not any("\n" in message for message in refused)


def test_flipped_bits_in_the_weights_still_generate(good: Path, start: object) -> None:
    data = bytearray(good.read_bytes())
    for offset in range(1, 20_000, 97):
        data[-offset] ^= 0x10
    good.write_bytes(data)
    result = run(start(good), "hi", max_tokens=5)  # type: ignore[operator]
    assert result.ended in {"eog", "length"}


def write_header(path: Path, architecture: str, *, tokens: list[str] | None = None) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    if tokens is not None:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(tokens)
        writer.add_token_merges(["a b"])
    writer.add_tensor("token_embd.weight", np.zeros((4, 64), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_unknown_architecture(tmp_path: Path, state_dir: Path) -> None:
    error = refusal(write_header(tmp_path / "x.gguf", "frobnicator", tokens=["a", "b", "c", "ab"]), state_dir)
    assert "unknown model architecture: 'frobnicator'" in error.message


def test_no_tokenizer(tmp_path: Path, state_dir: Path) -> None:
    error = refusal(write_header(tmp_path / "x.gguf", "llama"), state_dir)
    assert "tokenizer" in error.message or "vocab" in error.message


def test_a_missing_tensor_is_named(tmp_path: Path, state_dir: Path) -> None:
    error = refusal(write_header(tmp_path / "x.gguf", "llama", tokens=["a", "b", "c", "ab"]), state_dir)
    assert "output_norm.weight" in error.message


def test_a_vocabulary_with_one_text_twice_aborts_the_child_only(tmp_path: Path, state_dir: Path) -> None:
    path = write_header(tmp_path / "twice.gguf", "llama", tokens=["a", "b", "a", "c"])
    for _ in range(2):  # the second time from the cache
        error = refusal(path, state_dir)
        assert error.code == "model_crash"
        assert "GGML_ASSERT" in error.message
        assert "/" not in error.message.split("crashes llama.cpp")[1].replace("llama.cpp (", "")


def test_an_embedding_model_is_rejected(tmp_path: Path, state_dir: Path) -> None:
    path = tmp_path / "adapter.gguf"
    write_header(path, "bert")
    refusal(path, state_dir)


# the child's verdict


def test_a_file_is_opened_once(good: Path, state_dir: Path) -> None:
    commands = []

    def command(arguments: object) -> object:
        commands.append(arguments)
        return file_check.checker(arguments)  # type: ignore[arg-type]

    for _ in range(3):
        file_check.check_file(good, state_dir, command=command)  # type: ignore[arg-type]
    assert len(commands) == 1
    json_cache.forget_memory()  # another process
    file_check.check_file(good, state_dir, command=command)  # type: ignore[arg-type]
    assert len(commands) == 1


def test_a_changed_file_is_opened_again(good: Path, state_dir: Path) -> None:
    commands = []

    def command(arguments: object) -> object:
        commands.append(arguments)
        return file_check.checker(arguments)  # type: ignore[arg-type]

    file_check.check_file(good, state_dir, command=command)  # type: ignore[arg-type]
    shutil.copy(write_scripted(good.with_name("other.gguf"), ["Something", " else"]), good)
    file_check.check_file(good, state_dir, command=command)  # type: ignore[arg-type]
    assert len(commands) == 2


@pytest.mark.parametrize(
    "command",
    [
        ["/no/such/python"],
        [""],
        [sys.executable, "-c", "raise SystemExit(1)"],
        [sys.executable, "-c", "print('chatter')"],
    ],
    ids=["missing", "unknown", "failing", "chatting"],
)
def test_without_a_child_there_is_no_verdict_and_the_file_stays_closed(
    good: Path, state_dir: Path, command: list[str]
) -> None:
    with pytest.raises(EngineError) as stopped:
        file_check.check_file(good, state_dir, command=lambda _: command)
    assert stopped.value.code == "check_stopped"
    file_check.check_file(good, state_dir)


def test_the_child_does_not_import_from_the_working_directory(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise SystemExit('wrong')")
    (tmp_path / "mull.py").write_text("raise SystemExit('wrong')")
    monkeypatch.chdir(tmp_path)
    outcome = isolated.run(file_check.checker([str(good)]))
    assert outcome is not None
    assert outcome.answer == {"loaded": True}


def test_a_good_untrusted_file_loads_and_answers(good: Path, state_dir: Path) -> None:
    with load(good, ONE_THREAD, state_dir=state_dir) as model, Engine(model, ONE_THREAD) as engine:
        assert run(engine, "hi").data == b"Hello there"
    with load(write_random(good, TINY), ONE_THREAD, state_dir=state_dir) as model:
        assert model.n_vocab == TINY.n_vocab

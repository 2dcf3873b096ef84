"""Broken model files: one sentence, one hint, exit 1, never a traceback or a crash."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.model_files.encoder import write_bert
from tests.model_files.faults import KINDS, write_changed
from tests.model_files.random_model import TINY, write_random
from tests.model_files.scripted import write_scripted


def refused(mull: Run, path: Path) -> str:
    done = mull("-m", path, "--no-save", "hi")
    assert done.returncode == 1, done
    assert done.stdout == b""
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 2, lines
    assert "Traceback" not in lines[0]
    return lines[0]


def test_missing(mull: Run, tmp_path: Path) -> None:
    assert "nowhere.gguf" in refused(mull, tmp_path / "nowhere.gguf")


def test_empty(mull: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.touch()
    assert "empty" in refused(mull, path)


def test_a_folder(mull: Run, tmp_path: Path) -> None:
    path = tmp_path / "folder.gguf"
    path.mkdir()
    refused(mull, path)


def test_not_a_gguf(mull: Run, tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("something else altogether " * 100)
    assert "GGUF" in refused(mull, path)
    path.write_text("<!doctype html><html>Not found</html>" * 100)
    assert "web page" in refused(mull, path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_truncated(mull: Run, thinker: Path, tmp_path: Path, share: float) -> None:
    data = thinker.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[: int(len(data) * share)])
    refused(mull, path)


@pytest.mark.parametrize("seed", range(6))
def test_bit_flipped(mull: Run, thinker: Path, tmp_path: Path, seed: int) -> None:
    """Flips in the header, where they can do harm: it is refused or it answers, but nothing crashes."""
    data = bytearray(thinker.read_bytes())
    chance = random.Random(seed)
    for _ in range(40):
        data[chance.randrange(4, 4000)] ^= 1 << chance.randrange(8)
    path = tmp_path / "flipped.gguf"
    path.write_bytes(data)
    done = mull("-m", path, "--no-save", "--max-tokens", "5", "hi")
    assert done.returncode in (0, 1, 3, 4)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "by its architecture"])
def test_an_encoder(mull: Run, tmp_path: Path, marked: bool) -> None:
    """llama.cpp calls a BERT a model with a decoder; what it generates would be the same token for ever."""
    path = write_bert(tmp_path / "bert.gguf", marked=marked)
    assert "bert.gguf (bert) is an embedding model" in refused(mull, path)
    done = mull("batch", "-m", path, "-", stdin=b'"hi"\n')
    assert (done.returncode, b"embedding model" in done.stdout + done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"qwen3.pooling_type": (KINDS.UINT32, 3)}, "is an embedding model"),  # causal, as Qwen3-Embedding is
        ({"qwen3.pooling_type": (KINDS.UINT32, 4)}, "is a reranking model"),
        ({"qwen3.attention.causal": (KINDS.BOOL, False)}, "is an embedding model"),
    ],
    ids=["pooled", "ranked", "not causal"],
)
def test_an_embedding_model_of_a_chat_architecture(
    mull: Run, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    tiny = write_random(tmp_path / "tiny.gguf", TINY)
    assert words in refused(mull, write_changed(tiny, tmp_path / "changed.gguf", changes))


def test_a_model_whose_outputs_are_not_pooled_answers(mull: Run, tmp_path: Path, thinker: Path) -> None:
    changes = {"llama.pooling_type": (KINDS.UINT32, 0), "llama.attention.causal": (KINDS.BOOL, True)}
    path = write_changed(thinker, tmp_path / "changed.gguf", changes)
    assert mull("-m", path, "--no-save", "hi").stdout == b"Forty-two.\n"


def test_a_model_without_a_template_continues_text(mull: Run, tmp_path: Path) -> None:
    base = write_scripted(tmp_path / "base.gguf", [" upon", " a", " time", "."], architecture="gpt2")
    done = mull("-m", base, "--json", "Once")
    found = json.loads(done.stdout)
    assert (done.returncode, found["answer"], found["reasoning"]["applied"]) == (0, " upon a time.", "none")


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}{% endfor %}", "template"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "template"),
        ("{% for m in messages %}{{ m.content }}", "template"),
    ],
    ids=["raises", "endless", "escapes", "syntax"],
)
def test_a_hostile_template(mull: Run, tmp_path: Path, template: str, word: str) -> None:
    path = write_scripted(tmp_path / "hostile.gguf", ["yes"], template=template)
    assert word in refused(mull, path)

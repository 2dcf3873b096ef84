"""Broken model files: one sentence, one hint, exit 1, never a traceback or a crash."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.conftest import Run
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

"""The prompt cache on disk across processes, and `mull cache`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.model_files.random_model import SLOW, cached

TEXT = b"A rather long file about ducks, of which there were twenty-three in all. " * 4
FLAGS = ("--temperature", "0", "--max-tokens", "4")


@pytest.fixture(scope="module")
def model() -> Path:
    """Slow enough that a prompt of three hundred tokens is cached."""
    return cached(SLOW)


def ask(mull: Run, model: Path, question: str, *more: str, **options: object) -> dict[str, dict[str, int]]:
    done = mull("-m", model, *FLAGS, "--json", *more, question, stdin=TEXT, **options)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


@pytest.fixture
def folder(home: dict[str, str]) -> Path:
    folder = Path(home["HOME"]) / "cache"
    home["MULL_CACHE_DIR"] = str(folder)
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.kv"))


def test_a_second_question_about_a_file_processes_only_the_question(
    mull: Run, model: Path, folder: Path
) -> None:
    first = ask(mull, model, "How many?")
    again = ask(mull, model, "Who was there?")
    plain = ask(mull, model, "Who was there?", "--no-cache")
    assert first["usage"]["cached"] == plain["usage"]["cached"] == 0
    # The question, then ChatML's end of the turn and start of the answer: letters, with two control tokens.
    most = len("\n\nWho was there?") + 2 + len("\nassistant\n") + 2
    assert again["usage"]["prompt"] - again["usage"]["cached"] <= most
    assert again["answer"] == plain["answer"]
    assert len(files(folder)) == 1

    listed = json.loads(mull("cache", "--json").stdout)
    assert listed["enabled"] is True
    assert listed["folder"] == str(folder / "prefixes")
    assert [entry["model"] for entry in listed["entries"]] == [model.stem]
    assert listed["bytes"] == files(folder)[0].stat().st_size <= listed["limit"]
    shown = mull("cache")
    assert model.stem.encode() in shown.stdout
    assert str(folder).encode() in shown.stderr

    other = mull("cache", "clear", "another")
    assert other.returncode == 1
    assert b"another" in other.stderr
    cleared = json.loads(mull("cache", "clear", model.stem, "--json").stdout)
    assert (cleared["removed"], cleared["freed"]) == (1, listed["bytes"])
    assert files(folder) == []
    assert mull("cache").stdout == b""


@pytest.mark.slow
def test_a_disabled_cache_is_neither_read_nor_written(
    mull: Run, model: Path, folder: Path, home: dict[str, str]
) -> None:
    ask(mull, model, "How many?", "--no-save")
    ask(mull, model, "How many?", "--no-cache")
    assert not folder.exists()
    ask(mull, model, "How many?")
    before = [(path, path.stat().st_mtime_ns) for path in files(folder)]
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    config.write_text("threads = 1\nprefix_cache = false\n")
    assert ask(mull, model, "Who?")["usage"]["cached"] == 0
    assert ask(mull, model, "Who?", "--no-save")["usage"]["cached"] == 0
    assert [(path, path.stat().st_mtime_ns) for path in files(folder)] == before
    assert b"prefix_cache = false" in mull("cache").stderr


@pytest.mark.skipif(os.name != "posix", reason="sets a limit of POSIX")
def test_a_full_disk_does_not_affect_the_answer(mull: Run, model: Path, folder: Path) -> None:
    import resource

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    answered = ask(mull, model, "How many?", preexec_fn=full)
    assert answered["error"] is None
    assert [path for path in folder.rglob("*") if path.suffix in {".kv", ".part"}] == []


def test_a_cache_folder_that_cannot_be_written_does_not_affect_the_answer(
    mull: Run, model: Path, folder: Path
) -> None:
    folder.write_text("a file where the folder should be")
    done = mull("-m", model, *FLAGS, "--stats", "How many?", stdin=TEXT)
    assert done.returncode == 0
    (statistics,) = [line for line in done.stderr.splitlines() if b"chat template" not in line]
    assert b"tokens/s" in statistics
    assert b"cannot be written" in mull("cache").stderr

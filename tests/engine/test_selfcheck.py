"""The library is tried in a child process before it is used, and a crash of weight repacking disables that."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mull.engine.native import isolated, selfcheck
from mull.engine.native.selfcheck import SelfCheckVerdict, check_library
from mull.errors import EngineError
from mull.fs import json_cache
from tests.model_files.random_model import RandomShape, write_random

SHAPE = RandomShape("check", 512, 256, 2, 4, 2, 64, 512, quantized=True, n_ctx=512)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_random(tmp_path / "check.gguf", SHAPE)


class Children:
    """Command lines of children with a given behaviour: a crash with repacked weights, or with and without."""

    def __init__(self, plain: str, slower: str = "print('{}')") -> None:
        self.plain, self.slower = plain, slower
        self.asked: list[list[str]] = []

    def __call__(self, arguments: Sequence[str]) -> list[str]:
        self.asked.append(list(arguments))
        return [sys.executable, "-c", self.slower if "--no-extra-buffers" in arguments else self.plain]


CRASH = "import os; os.abort()"
FINE = "print('{\"finite\": true}')"


def test_the_real_library_passes(model: Path, tmp_path: Path) -> None:
    verdict = check_library(tmp_path, model=model)
    assert verdict == SelfCheckVerdict(ok=True, use_extra_bufts=True, detail="passed", new=True)


def test_the_real_library_passes_without_repacked_weights(model: Path) -> None:
    outcome = isolated.run(selfcheck.checker(["--model", str(model), "--no-extra-buffers"]))
    assert outcome is not None
    assert outcome.answer == {"finite": True}


def test_a_crash_disables_weight_repacking(model: Path, tmp_path: Path) -> None:
    children = Children(CRASH, FINE)
    verdict = check_library(tmp_path, model=model, command=children)
    assert (verdict.ok, verdict.use_extra_bufts, verdict.new) == (True, False, True)
    assert [("--no-extra-buffers" in asked) for asked in children.asked] == [False, True]
    if sys.platform != "win32":
        assert "SIGABRT" in verdict.detail


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_an_illegal_instruction_is_named(model: Path, tmp_path: Path) -> None:
    children = Children("import os, signal; os.kill(os.getpid(), signal.SIGILL)", FINE)
    assert "SIGILL" in check_library(tmp_path, model=model, command=children).detail


def test_results_that_are_not_numbers_count_as_a_crash(model: Path, tmp_path: Path) -> None:
    assert not check_library(
        tmp_path, model=model, command=Children("print('{\"finite\": false}')", FINE)
    ).use_extra_bufts


def test_a_library_that_always_crashes_is_an_error(model: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second time from the cache
        with pytest.raises(EngineError) as refused:
            check_library(tmp_path, model=model, command=Children(CRASH, CRASH))
        assert refused.value.code == "native_crash"
        assert "mull doctor" in refused.value.hint


def test_a_child_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = isolated.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)
    assert outcome is not None
    assert "did not end" in outcome.stopped


def test_it_runs_once_for_all_processes(model: Path, tmp_path: Path) -> None:
    children = Children(CRASH, FINE)
    check_library(tmp_path, model=model, command=children)
    json_cache.forget_memory()  # another process
    again = check_library(tmp_path, model=model, command=children)
    assert len(children.asked) == 2
    assert (again.use_extra_bufts, again.new) == (False, False)


def test_another_library_or_cpu_is_checked_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = Children(FINE)
    check_library(tmp_path, model=model, command=children)
    monkeypatch.setattr(selfcheck, "cpu_identity", lambda: "another CPU")
    check_library(tmp_path, model=model, command=children)
    assert len(children.asked) == 2


def test_without_a_child_there_is_no_verdict_and_nothing_is_cached(model: Path, tmp_path: Path) -> None:
    verdict = check_library(tmp_path, model=model, command=lambda _: ["/no/such/python"])
    assert verdict.ok
    assert verdict.use_extra_bufts
    assert "not checked" in verdict.detail
    assert not (tmp_path / "native-check.json").exists()


def test_a_missing_check_model_is_not_an_error(tmp_path: Path) -> None:
    assert check_library(tmp_path, model=tmp_path / "none.gguf").ok


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}', "\x00\xff"])
def test_a_damaged_cache_is_checked_again(model: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "native-check.json").write_text(content, encoding="utf-8")
    children = Children(FINE)
    assert check_library(tmp_path, model=model, command=children).ok
    assert len(children.asked) == 1
    json_cache = json.loads((tmp_path / "native-check.json").read_text(encoding="utf-8"))
    assert any(isinstance(entry, dict) and entry.get("reason") == "passed" for entry in json_cache.values())


def test_a_state_folder_that_cannot_be_written_is_remembered_in_memory(model: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    children = Children(FINE)
    for _ in range(2):
        assert check_library(blocked / "state", model=model, command=children).ok
    assert len(children.asked) == 1


def test_a_cache_that_cannot_be_replaced_leaves_no_file(model: Path, tmp_path: Path) -> None:
    (tmp_path / "native-check.json").mkdir()
    assert check_library(tmp_path, model=model, command=Children(FINE)).ok
    left = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")}
    assert left == {"check.gguf", "native-check.json"}


def test_the_cpu_has_an_identity() -> None:
    assert selfcheck.cpu_identity().strip()

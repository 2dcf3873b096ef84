"""A file is used in a child process before it is used here; what stops that child from outside is no verdict."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mull import __version__
from mull.engine import file_check
from mull.engine.model import load
from mull.engine.native import isolated, selfcheck, verdicts
from mull.errors import EngineError, MullError
from mull.fs import json_cache
from mull.models.gguf.header import read_header
from mull.models.gguf.values import check_values
from mull.settings import EngineSettings
from tests.conftest import Run
from tests.engine.conftest import ONE_THREAD
from tests.model_files.faults import KINDS, write_changed
from tests.model_files.scripted import write_scripted

EPSILON = "llama.attention.layer_norm_rms_epsilon"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scripted(tmp_path_factory.mktemp("good") / "good.gguf", ["Hello", " there"])


@pytest.fixture(scope="module")
def sentence_piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    return write_scripted(folder / "spm.gguf", ["Hello", " there"], tokenizer="llama")


def tokens(path: Path) -> list[str]:
    return list(read_header(path).array("tokenizer.ggml.tokens"))


# The header


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        (EPSILON, "FLOAT32", -1.0),
        (EPSILON, "FLOAT32", math.nan),
        (EPSILON, "STRING", "small"),
        ("llama.rope.freq_base", "FLOAT32", -1.0),
        ("llama.rope.scaling.factor", "FLOAT32", math.inf),
        ("llama.attention.clamp_kqv", "FLOAT32", math.nan),
        ("llama.attention.head_count", "UINT32", 0),
        ("llama.attention.head_count", "UINT32", 2**32 - 1),
        ("llama.attention.head_count_kv", "UINT32", 0),
        ("llama.block_count", "UINT32", 2**32 - 1),
        ("llama.context_length", "UINT32", 0),
        ("llama.embedding_length", "INT32", -64),
        ("tokenizer.ggml.bos_token_id", "UINT32", 99_999),
        ("tokenizer.ggml.eos_token_id", "STRING", "2"),
        ("tokenizer.ggml.add_bos_token", "UINT32", 1),
    ],
)
def test_an_impossible_value_is_named(good: Path, tmp_path: Path, key: str, kind: str, value: Any) -> None:
    path = write_changed(good, tmp_path / "bad.gguf", {key: (KINDS[kind], value)})
    with pytest.raises(MullError) as refused:
        check_values(read_header(path), "bad.gguf")
    assert refused.value.code == "model_damaged"
    assert key in refused.value.message


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"tokenizer.ggml.token_type": [1] * 9}, "tokenizer.ggml.token_type has 9 values"),
        ({"tokenizer.ggml.scores": [0.0] * 9}, "tokenizer.ggml.scores has 9 values"),
        ({"tokenizer.ggml.scores": ["x"] * 999}, "tokenizer.ggml.scores is not a list of numbers"),
        ({"tokenizer.ggml.tokens": [1, 2, 3]}, "tokenizer.ggml.tokens is not a list of texts"),
        ({"tokenizer.ggml.model": (KINDS.STRING, "llama")}, "byte tokens"),
        (
            {
                "tokenizer.ggml.model": (KINDS.STRING, "t5"),
                "tokenizer.ggml.add_bos_token": (KINDS.BOOL, True),
            },
            "no tokenizer.ggml.bos_token_id",
        ),
        (
            {"llama.expert_count": (KINDS.UINT32, 2), "llama.expert_used_count": (KINDS.UINT32, 3)},
            "expert_count",
        ),
    ],
)
def test_values_that_do_not_go_together_are_named(
    good: Path, tmp_path: Path, changes: dict[str, Any], names: str
) -> None:
    path = write_changed(good, tmp_path / "bad.gguf", changes)
    with pytest.raises(MullError, match=names):
        check_values(read_header(path), "bad.gguf")


def test_one_missing_byte_token_is_found(sentence_piece: Path, tmp_path: Path) -> None:
    check_values(read_header(sentence_piece), "spm.gguf")
    changed = ["zzzzzz" if token == "<0xE4>" else token for token in tokens(sentence_piece)]
    path = write_changed(sentence_piece, tmp_path / "bad.gguf", {"tokenizer.ggml.tokens": changed})
    with pytest.raises(MullError, match="lacks 1 of the 256 byte tokens, <0xE4>"):
        check_values(read_header(path), "bad.gguf")


def test_what_llama_cpp_ignores_is_no_fault(good: Path, tmp_path: Path, state_dir: Path) -> None:
    change = {"tokenizer.ggml.padding_token_id": (KINDS.UINT32, 99_999)}
    load(write_changed(good, tmp_path / "padding.gguf", change), ONE_THREAD, state_dir=state_dir).close()


# The child, beyond what the header shows


def without_header_check(
    monkeypatch: pytest.MonkeyPatch, path: Path, state_dir: Path, settings: EngineSettings = ONE_THREAD
) -> MullError:
    monkeypatch.setattr(file_check, "_check_headers", lambda _: None)
    with pytest.raises(MullError) as refused:
        load(path, settings, state_dir=state_dir)
    return refused.value


@POSIX
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_computation_that_aborts_aborts_the_child(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    path = write_changed(good, tmp_path / "bad.gguf", {EPSILON: (KINDS.FLOAT32, value)})
    error = without_header_check(monkeypatch, path, tmp_path / "state")
    assert error.code == "model_crash"
    assert "eps" in error.message


@POSIX
def test_a_tokenizer_that_throws_ends_the_child(
    sentence_piece: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ["zzzzzz" if token == "<0xE4>" else token for token in tokens(sentence_piece)]
    path = write_changed(sentence_piece, tmp_path / "bad.gguf", {"tokenizer.ggml.tokens": changed})
    assert without_header_check(monkeypatch, path, tmp_path / "state").code == "model_crash"


@POSIX
def test_a_tokenizer_without_its_bos_token(good: Path, mull: Run, tmp_path: Path) -> None:
    """The header alone does not show that llama.cpp has no default for this tokenizer. As a draft model, too."""
    changes = {
        "tokenizer.ggml.pre": (KINDS.STRING, "glm4"),
        "tokenizer.ggml.add_bos_token": (KINDS.BOOL, True),
    }
    path = write_changed(good, tmp_path / "bad.gguf", {**changes, "tokenizer.ggml.bos_token_id": None})
    for arguments in (["-m", path], ["-m", good, "--draft", path]):
        done = mull(*arguments, "--no-save", "hi")
        assert done.returncode == 1, done
        assert b"crashes llama.cpp (GGML_ASSERT" in done.stderr


def test_other_settings_are_checked_too(good: Path, tmp_path: Path) -> None:
    commands: list[Sequence[str]] = []

    def command(arguments: Sequence[str]) -> Sequence[str]:
        commands.append(arguments)
        return [sys.executable, "-c", "print('{\"loaded\": true}')"]

    for settings in (EngineSettings(), EngineSettings(kv_type="q8_0"), EngineSettings(flash_attention=False)):
        for _ in range(2):
            file_check.check_file(good, tmp_path, settings, command=command)
    assert len(commands) == 3
    assert "q8_0" in commands[1]
    assert file_check.was_checked(good, tmp_path)


def test_a_changed_part_of_a_split_model_is_checked_again(good: Path, tmp_path: Path) -> None:
    parts = [tmp_path / f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    for part in parts:
        part.write_bytes(good.read_bytes())
    commands: list[Sequence[str]] = []

    def command(arguments: Sequence[str]) -> Sequence[str]:
        commands.append(arguments)
        return [sys.executable, "-c", "print('{\"loaded\": true}')"]

    file_check.check_file(parts[0], tmp_path / "state", command=command)
    write_changed(good, parts[1], {"general.name": (KINDS.STRING, "another")})
    assert not file_check.was_checked(parts[0], tmp_path / "state")
    file_check.check_file(parts[0], tmp_path / "state", command=command)
    assert len(commands) == 2
    write_changed(good, parts[1], {EPSILON: (KINDS.FLOAT32, -1.0)})
    with pytest.raises(MullError, match="epsilon"):
        file_check.check_file(parts[0], tmp_path / "state", command=command)


# What stops the child from outside

STOPS = {
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "SIGINT": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "SIGXCPU": "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
    "lack of memory": "import os, sys; print('what(): std::bad_alloc', file=sys.stderr, flush=True); os.abort()",
    "for lack": "raise MemoryError",
    "did not end within": "import time; time.sleep(30)",
}


def stopping(source: str) -> file_check.Command:
    return lambda _: [sys.executable, "-c", source]


@POSIX
@pytest.mark.parametrize(("reason", "source"), STOPS.items(), ids=list(STOPS))
def test_what_stops_a_check_is_named_and_not_stored(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, source: str
) -> None:
    run, seconds = isolated.run, 0.5 if "time.sleep" in source else 60
    monkeypatch.setattr(isolated, "run", lambda command, **_: run(command, timeout=seconds))
    for check in (
        lambda: file_check.check_file(good, tmp_path, command=stopping(source)),
        lambda: selfcheck.check_library(tmp_path, model=good, command=stopping(source)),
    ):
        with pytest.raises(EngineError) as stopped:
            check()
        assert stopped.value.code == "check_stopped"
        assert reason in stopped.value.message
        assert "try again" in stopped.value.hint
    assert not verdicts.stored(tmp_path, selfcheck.library_identity())
    monkeypatch.undo()
    file_check.check_file(good, tmp_path, command=stopping("print('{\"loaded\": true}')"))
    assert selfcheck.check_library(tmp_path, model=good, command=stopping("print('{}')")).ok


# Verdicts


def crash(good: Path, state_dir: Path) -> None:
    with pytest.raises(MullError, match="SIGABRT"):
        file_check.check_file(good, state_dir, command=stopping("import os; os.abort()"))


def edit(state_dir: Path, **changes: object) -> None:
    """What an earlier mull, or an earlier day, would have stored."""
    json_cache.forget_memory()
    for name in (verdicts.FILES, verdicts.LIBRARY):
        path = state_dir / name
        if path.exists():
            entries = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps({key: {**entry, **changes} for key, entry in entries.items()}))


@POSIX
@pytest.mark.parametrize(
    "changes",
    [
        {"time": time.time() - 8 * 86_400},
        {"time": time.time() + 86_400},
        {"time": None},
        {"mull": "0.0.1"},
        {"check": verdicts.CHECK_VERSION - 1},
        {"library": "another"},
    ],
)
def test_a_bad_verdict_expires(good: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    crash(good, tmp_path)
    with pytest.raises(MullError, match="crashes"):  # cached: this child would pass
        file_check.check_file(good, tmp_path, command=stopping("print('{\"loaded\": true}')"))
    with pytest.raises(EngineError):
        selfcheck.check_library(tmp_path, model=good, command=stopping("import os; os.abort()"))
    edit(tmp_path, **changes)
    file_check.check_file(good, tmp_path, command=stopping("print('{\"loaded\": true}')"))
    assert selfcheck.check_library(tmp_path, model=good, command=stopping("print('{}')")).use_extra_bufts


def test_a_good_verdict_holds_longer(good: Path, tmp_path: Path) -> None:
    file_check.check_file(good, tmp_path, command=stopping("print('{\"loaded\": true}')"))
    edit(tmp_path, time=time.time() - 800 * 86_400, mull="0.0.1")
    assert file_check.was_checked(good, tmp_path)
    edit(tmp_path, check=verdicts.CHECK_VERSION - 1)
    assert not file_check.was_checked(good, tmp_path)


def test_a_file_that_is_refused_is_not_loaded_here(good: Path, tmp_path: Path) -> None:
    said = 'print(\'{"loaded": false, "reason": "no such tensor"}\')'
    with pytest.raises(MullError, match="cannot be loaded: no such tensor") as refused:
        file_check.check_file(good, tmp_path, command=stopping(said))
    assert refused.value.code == "model_refused"
    assert not file_check.was_checked(good, tmp_path)


@POSIX
def test_the_doctor_shows_and_clears_verdicts(good: Path, mull: Run, home: dict[str, str]) -> None:
    state_dir = Path(home["MULL_STATE_DIR"])
    crash(good, state_dir)
    json_cache.forget_memory()
    assert b"crashes llama.cpp (SIGABRT)" in mull("-m", good, "--no-save", "hi").stderr
    text = mull("doctor").stdout.decode()
    assert "0 checked and fine, 1 refused" in text
    assert f"{good} (" in text
    found = json.loads(mull("doctor", "--json").stdout)["verdicts"]
    assert [(each["ok"], each["reason"]) for each in found if "kinds" in each] == [(False, "SIGABRT")]
    assert {each["mull"] for each in found} == {__version__}
    cleared = mull("doctor", "--clear-verdicts")
    assert cleared.returncode == 0
    assert b"0 checked and fine, 0 refused" in cleared.stdout
    assert mull("-m", good, "--no-save", "hi").stdout == b"Hello there\n"

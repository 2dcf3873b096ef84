"""`--lora`: adapters from flags and the config, what JSON and figures say of them, and files that do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.model_files.lora import write_lora
from tests.model_files.random_model import TINY, cached

GREEDY = ("--temperature", "0", "--no-loop-guard", "--max-tokens", "20")


def result(mull: Run, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = mull("--json", *arguments)
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def style(tmp_path: Path) -> Path:
    return write_lora(tmp_path / "style.gguf", cached(TINY))


def test_an_adapter_changes_the_answer(mull: Run, style: Path) -> None:
    base = ("-m", cached(TINY), *GREEDY)
    plain = result(mull, *base, "hi")
    applied = result(mull, *base, "--lora", style, "hi")
    assert applied["answer"] != plain["answer"]
    assert applied["lora"] == ["style.gguf=1"]
    assert "lora" not in plain
    half = mull(*base, "--lora", f"{style}=0.5", "--stats", "hi")
    assert b"lora style.gguf=0.5" in half.stderr
    assert half.stdout.decode("utf-8", "replace").rstrip("\n") not in (plain["answer"], applied["answer"])
    assert b"lora" not in half.stderr.replace(b"lora style.gguf=0.5", b""), "llama.cpp's own lines stay away"


def test_an_adapter_belongs_to_a_model_of_the_config(mull: Run, style: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    shutil.copy(cached(TINY), model)
    assert mull("config", "set", "--model", str(model), "lora", f"{style}=0.5").returncode == 0
    assert result(mull, "-m", model, *GREEDY, "hi")["lora"] == ["style.gguf=0.5"]
    assert "lora" not in result(mull, "-m", cached(TINY), *GREEDY, "hi")


def test_a_relative_path_counts_from_the_config_file(mull: Run, home: dict[str, str], style: Path) -> None:
    folder = Path(home["MULL_CONFIG_DIR"])
    shutil.copy(style, folder / "near.gguf")
    with (folder / "config.toml").open("a") as config:
        config.write('lora = ["near.gguf=0.5"]\n')
    assert result(mull, "-m", cached(TINY), *GREEDY, "hi")["lora"] == ["near.gguf=0.5"]


def test_show_names_the_adapters_of_a_model(mull: Run, style: Path) -> None:
    assert b"LoRA" not in mull("show", "pebble").stdout
    mull("config", "set", "--model", "pebble", "lora", f"{style}=0.5")
    assert f"{style}=0.5" in mull("show", "pebble").stdout.decode()
    assert json.loads(mull("show", "pebble", "--json").stdout)["lora"] == [f"{style}=0.5"]
    failed = mull("-m", "pebble", "What is 2 + 2?")
    assert (failed.returncode, failed.stdout) == (1, b"")


def test_an_adapter_of_another_model_is_an_error(mull: Run, tmp_path: Path) -> None:
    other = write_lora(tmp_path / "other.gguf", cached(TINY), architecture="llama")
    failed = result(mull, "-m", cached(TINY), "--lora", other, "hi", code=1)
    assert failed["error"]["code"] == "adapter_unfit"
    assert "architecture llama, not qwen3" in failed["error"]["message"]
    done = mull("-m", cached(TINY), "--lora", other, "hi")
    assert done.stderr.count(b"\n") == 2  # a sentence and a hint


@pytest.mark.parametrize(
    ("adapter", "code", "said"),
    [
        ("missing.gguf", 1, b"There is no file"),
        ("style.gguf=2000", 2, b"from -1,000 to 1,000"),
        ("style.gguf=nan", 2, b"from -1,000 to 1,000"),
        ("=1", 2, b"FILE or FILE=SCALE"),
        ("", 2, b"The path after --lora is empty."),
    ],
)
def test_what_is_no_adapter(mull: Run, adapter: str, code: int, said: bytes) -> None:
    done = mull("-m", cached(TINY), "--lora", adapter, "hi")
    assert (done.returncode, done.stdout) == (code, b"")
    assert said in done.stderr


def test_a_server_has_loaded_its_model(mull: Run, style: Path) -> None:
    done = mull("-m", "x@http://127.0.0.1:9/v1", "--lora", style, "hi")
    assert done.returncode == 2
    assert b"--lora says how a model is loaded on this machine" in done.stderr

"""`mull bench`: what it measures has a shape, what it tunes is remembered and used, and a stop loses nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mull.backends.load_plan import planned
from mull.engine import tuned
from mull.engine.compute_params import (
    DEFAULT_BATCH_SIZE,
    FLASH_CONTEXT,
    MIN_MICRO_BATCH,
    Attention,
    choose_attention,
    choose_params,
)
from mull.engine.native.selfcheck import PEBBLE
from mull.errors import UsageError
from mull.models.memory.kv_size import SCORES
from mull.settings import EngineSettings
from tests.conftest import Run
from tests.waiting import wait_until_busy

QUICK = ("--prompt", "32", "--tokens", "8", "--depth", "0", "--depth", "64", "--rounds", "2")
TESTS = ["first token", "pp32", "tg8", "pp32 @ 64", "tg8 @ 64"]


def test_a_row_for_each_measurement(mull: Run) -> None:
    done = mull("bench", *QUICK)
    assert done.returncode == 0
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [row[0] for row in rows] == ["load", *TESTS]
    assert all(row[1].endswith(" s") or row[1].endswith(" tokens/s") for row in rows)


def test_json_tells_every_sample(mull: Run) -> None:
    found = json.loads(mull("bench", *QUICK, "--json").stdout)
    assert (found["v"], found["finish"], found["error"], found["ratios"]) == (1, "stop", None, {})
    (run,) = found["runs"]
    assert run["model"] == "pebble"
    assert run["load"] > 0
    assert [figure["test"] for figure in run["figures"]] == TESTS
    for figure in run["figures"]:
        assert len(figure["samples"]) == 2
        assert 0 < min(figure["samples"]) <= figure["low"] <= figure["median"] <= figure["high"]


def test_two_ways_to_run_a_model_are_compared(mull: Run) -> None:
    found = json.loads(mull("bench", *QUICK, "--vs", "batch_size=128, kv_type=q8_0", "--json").stdout)
    assert [run["settings"] for run in found["runs"]] == ["", "batch_size=128, kv_type=q8_0"]
    assert list(found["ratios"]) == TESTS
    assert all(ratio > 0 for ratio in found["ratios"].values())


def test_two_models_are_compared(mull: Run, thinker: Path) -> None:
    done = mull("bench", *QUICK, "--vs", thinker)
    assert done.returncode == 0
    assert [len(line.split("\t")) for line in done.stdout.decode().splitlines()] == [5] * (len(TESTS) + 1)


def test_whole_turns_are_measured_alone_and_together(mull: Run) -> None:
    words = (
        "--prompt",
        "32",
        "--tokens",
        "8",
        "--depth",
        "0",
        "--depth",
        "64",
        "--rounds",
        "2",
        "--parallel",
        "3",
    )
    done = mull("bench", *words, "--json")
    found = json.loads(done.stdout)
    (run,) = found["runs"]
    assert (done.returncode, found["finish"], found["error"]) == (0, "stop", None)
    counts = {figure["test"]: len(figure["samples"]) for figure in run["figures"]}
    assert counts.pop("first token x3") == 2 * 3 * 2  # a sample for each turn
    assert counts.pop("tg8 x3") == 2  # one for all together
    assert {"first token", "pp32", "tg8", "tg8 @ 64"} >= counts.keys() >= {"first token"}
    for figure in run["figures"]:
        assert 0 < min(figure["samples"]) <= figure["low"] <= figure["median"] <= figure["high"]
        assert (figure["parallel"] == 3) == figure["test"].endswith(" x3")


def test_a_model_with_a_short_context_is_measured_where_it_can_be(mull: Run) -> None:
    found = json.loads(
        mull("bench", "--ctx", "256", "--prompt", "64", "--tokens", "8", "--rounds", "1", "--json").stdout
    )
    assert [figure["test"] for figure in found["runs"][0]["figures"]] == ["first token", "pp64", "tg8"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vs", "thread=2"), b'--vs has no setting "thread".'),
        (("--vs", "threads=many"), b'--vs expects a whole number from 1 to 512 for "threads"'),
        (("--vs", "kv_type=q1"), b"--vs expects f16, q8_0 or q4_0"),
        (("--tune", "--show"), b"exclude each other"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    mull: Run, arguments: tuple[str, ...], words: bytes
) -> None:
    done = mull("bench", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert words in done.stderr


def test_what_was_tuned_is_shown_used_and_forgotten(mull: Run, home: Mapping[str, str]) -> None:
    assert b"No model has been tuned yet" in mull("bench", "--show").stderr
    done = mull("bench", "--tune", "--ctx", "256")
    assert done.returncode == 0
    chosen = [line.split()[1] for line in done.stderr.decode().splitlines() if line.startswith("→")]
    assert chosen == ["threads", "flash_attention", "batch_size", "kv_type"]
    (kept,) = json.loads(mull("bench", "--show", "--json").stdout)["tuned"]
    assert kept["model"] == "pebble"
    assert "→ threads 1: set by you" in done.stderr.decode()  # the tests' config says so
    assert set(kept["reasons"]) == set(tuned.KNOBS) - {"threads"}
    assert mull("ask", "What is 12 + 30?").returncode == 0
    assert b"rules again" in mull("bench", "--forget").stderr
    assert json.loads(mull("bench", "--show", "--json").stdout)["tuned"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_a_stop_shows_what_was_measured_so_far(home: Mapping[str, str], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mull",
        "bench",
        "--rounds",
        "1000",
        "--prompt",
        "16",
        "--tokens",
        "4",
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(home), cwd=tmp_path)
    wait_until_busy(process.pid, 1.5)
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert json.loads(out)["finish"] == "interrupted"


# what is remembered, and who is asked first


def remembered(folder: Path, **settings: object) -> None:
    tuned.save(PEBBLE, folder, tuned.Tuned("pebble", "2026-01-01", **settings))  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULL_STATE_DIR", str(tmp_path))
    return tmp_path


def test_loading_uses_what_was_tuned_unless_somebody_says_otherwise(state: Path) -> None:
    remembered(state, threads=3, batch_size=256, kv_type="q8_0", flash_attention=None)
    best, _ = planned(PEBBLE, EngineSettings())
    assert (best.threads, best.batch_size, best.kv_type) == (3, 256, "q8_0")
    best, _ = planned(PEBBLE, EngineSettings(threads=2, kv_type="f16"))
    assert (best.threads, best.batch_size, best.kv_type) == (2, 256, "f16")
    best, _ = planned(PEBBLE, EngineSettings(), as_tuned=False)
    assert best == EngineSettings()


def test_flash_attention_that_was_tuned_off_gives_way_to_a_kv_type_that_needs_it(state: Path) -> None:
    remembered(state, flash_attention=False)
    best, _ = planned(PEBBLE, EngineSettings(kv_type="q8_0"))
    assert choose_params(1, best).flash_attention
    best, _ = planned(PEBBLE, EngineSettings())
    assert best.flash_attention is False


def test_a_kv_type_that_saves_memory_is_not_tuned_away() -> None:
    kept = tuned.Tuned("big", "2026-01-01", kv_type="f16")
    assert tuned.apply(kept, EngineSettings(), EngineSettings(kv_type="q4_0")).kv_type == "q4_0"


def test_a_damaged_record_is_no_record(state: Path) -> None:
    (state / "tuned.json").write_text("{damaged")
    assert planned(PEBBLE, EngineSettings()) == (EngineSettings(), None)
    assert tuned.load_all(state) == []
    remembered(state, threads=3)
    assert [one.threads for one in tuned.load_all(state)] == [3]


def test_the_rules_and_what_overrules_them() -> None:
    assert choose_params(1_000_000, EngineSettings()).threads == 1
    assert choose_params(1_000_000_000, EngineSettings(threads=7)).threads == 7
    assert choose_params(1, EngineSettings()).batch_size == DEFAULT_BATCH_SIZE
    assert choose_params(1, EngineSettings(kv_type="q8_0")).flash_attention is True
    with pytest.raises(UsageError, match="needs flash attention"):
        choose_params(1, EngineSettings(kv_type="q8_0", flash_attention=False))


def test_attention_depends_on_the_context_and_where_it_is_computed() -> None:
    rule = choose_params(1, EngineSettings())
    assert choose_attention(rule, FLASH_CONTEXT, 16, on_cpu=True) == Attention(None, FLASH_CONTEXT)
    assert choose_attention(rule, FLASH_CONTEXT + 256, 16, on_cpu=True) == Attention(
        False, DEFAULT_BATCH_SIZE
    )
    assert choose_attention(rule, 4096, 16, on_cpu=False) == Attention(None, DEFAULT_BATCH_SIZE)
    for flash in (True, False):  # what was said holds
        said = choose_params(1, EngineSettings(flash_attention=flash))
        assert {choose_attention(said, n, 16, on_cpu=True).flash for n in (256, 4096, 1 << 20)} == {flash}
    quantized = choose_params(1, EngineSettings(kv_type="q8_0"))
    assert choose_attention(quantized, 4096, 16, on_cpu=True) == Attention(True, DEFAULT_BATCH_SIZE)


@pytest.mark.parametrize("n_head", [1, 16, 64, 128])
@pytest.mark.parametrize("n_ctx", [768, 4096, 32_768, 1 << 20])
def test_what_attention_takes_without_flash_is_bounded(n_head: int, n_ctx: int) -> None:
    found = choose_attention(choose_params(1, EngineSettings()), n_ctx, n_head, on_cpu=True)
    if found.flash is None:
        assert MIN_MICRO_BATCH * n_head * n_ctx * 4 > SCORES
    else:
        assert found.micro_batch * n_head * n_ctx * 4 <= SCORES
        assert found.micro_batch % MIN_MICRO_BATCH == 0
